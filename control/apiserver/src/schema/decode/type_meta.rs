//! What a body says that it is, before anything else in it is looked at.

use super::DecodeError;
use crate::schema::json::{self, Reader, Token};

/// `apiVersion` and `kind` of a JSON body, which may be empty.
///
/// # Errors
/// The text that upstream puts after `unrecognized (must be of type …): `, or answers alone for DeleteOptions.
pub fn type_meta(body: &[u8]) -> Result<(String, String), DecodeError> {
    let fail = |text: String| Err(DecodeError::Syntax(format!("couldn't get version/kind; json parse error: {text}")));
    if let Err(text) = json::check(body) {
        return fail(text);
    }
    let mut reader = Reader::new(body);
    let (mut api_version, mut kind) = (String::new(), String::new());
    match reader.peek() {
        Token::Object => reader.enter(),
        Token::Null => return Ok((api_version, kind)),
        other => {
            return fail(format!(
                "json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \
                 \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
                other.name()
            ));
        }
    }
    while let Some(key) = reader.next_key() {
        let into = match &*key {
            "apiVersion" => &mut api_version,
            "kind" => &mut kind,
            _ => {
                reader.raw();
                continue;
            }
        };
        match reader.peek() {
            Token::String => *into = reader.string().into_owned(),
            Token::Null => {
                reader.literal();
            }
            other => {
                return fail(format!(
                    "json: cannot unmarshal {} into Go struct field .{key} of type string",
                    other.name()
                ));
            }
        }
    }
    Ok((api_version, kind))
}
