//! Texts against what Go says of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;

use super::*;

#[test]
fn syntax_errors_are_worded_as_go_words_them() {
    let cases = [
        ("", "unexpected end of JSON input"),
        (" ", "unexpected end of JSON input"),
        ("not json", "invalid character 'o' in literal null (expecting 'u')"),
        ("{\"a\":", "unexpected end of JSON input"),
        ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
        ("{}{}", "invalid character '{' after top-level value"),
        ("{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{\"a\" 1}", "invalid character '1' after object key"),
        ("{\"a\":1 2}", "invalid character '2' after object key:value pair"),
        ("01", "invalid character '1' after top-level value"),
        ("1.", "unexpected end of JSON input"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("1ex", "invalid character 'x' in exponent of numeric literal"),
        ("\"\\x\"", "invalid character 'x' in string escape code"),
        ("\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
        ("\"a\nb\"", r"invalid character '\n' in string literal"),
    ];
    for (body, expected) in cases {
        assert_eq!(check(body.as_bytes()).unwrap_err(), expected, "{body}");
    }
}

#[test]
fn good_texts_pass_and_read_as_serde_reads_them() {
    for body in ["null", " [ ] ", "{}", r#"{"a":[1,-2.5e3,{"b":"x\n\u00e9\ud83d\ude00"}],"c":true,"d":null}"#] {
        check(body.as_bytes()).unwrap();
        let expected: Value = serde_json::from_str(body).unwrap();
        assert_eq!(Reader::new(body.as_bytes()).tree(), expected, "{body}");
    }
}

#[test]
fn half_a_surrogate_pair_becomes_the_replacement_character() {
    assert_eq!(Reader::new(br#""a\ud800b""#).string(), "a\u{fffd}b");
    assert_eq!(Reader::new(b"\"a\xffb\"").string(), "a\u{fffd}b");
}

#[test]
fn nesting_is_bounded() {
    let deep = "[".repeat(DEPTH_MAX + 1);
    assert_eq!(check(deep.as_bytes()).unwrap_err(), "exceeded max depth");
}

#[test]
fn a_raw_value_is_passed_whole() {
    let mut reader = Reader::new(br#"[ {"a" : "}]" , "b":[1, 2]} ,7]"#);
    reader.enter();
    assert!(reader.next_element());
    assert_eq!(reader.raw(), br#"{"a" : "}]" , "b":[1, 2]}"#);
    assert!(reader.next_element());
    assert_eq!(reader.literal(), "7");
    assert!(!reader.next_element());
}
