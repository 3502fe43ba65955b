//! The three kinds of patch against objects of the API.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;
use crate::schema::find;

fn config_map() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v", "l": "w"}})
}

fn patched(format: Format, current: &Value, body: &str, of: &str) -> Result<Patched, Failure> {
    apply(format, current, body.as_bytes(), find(of).unwrap(), FieldValidation::Warn)
}

fn data(format: Format, body: &str) -> Value {
    patched(format, &config_map(), body, "core/v1.ConfigMap").unwrap().object["data"].clone()
}

fn refused(format: Format, body: &str) -> (u16, String) {
    let failure = patched(format, &config_map(), body, "core/v1.ConfigMap").unwrap_err();
    (failure.code.as_u16(), failure.message)
}

#[test]
fn json_patch_runs_its_operations_in_order() {
    for (body, expected) in [
        (r#"[{"op":"add","path":"/data/new","value":"x"}]"#, json!({"k": "v", "l": "w", "new": "x"})),
        (r#"[{"op":"replace","path":"/data/absent","value":"x"}]"#, json!({"k": "v", "l": "w", "absent": "x"})),
        (r#"[{"op":"remove","path":"/data/l"}]"#, json!({"k": "v"})),
        (
            r#"[{"op":"copy","from":"/data/k","path":"/data/c"},{"op":"move","from":"/data/l","path":"/data/m"}]"#,
            json!({"k": "v", "c": "v", "m": "w"}),
        ),
        (r#"[{"op":"copy","from":"/data/gone","path":"/data/n"}]"#, json!({"k": "v", "l": "w", "n": ""})),
        (r#"[{"op":"add","path":"/data/n"}]"#, json!({"k": "v", "l": "w", "n": ""})),
        (r#"[{"op":"test","path":"/metadata/labels","value":null},{"op":"remove","path":"/data"}]"#, Value::Null),
        (
            r#"[{"op":"test","path":"/data","value":{"l":"w", "k":"v"}},{"op":"replace","path":"/data","value":{"a~/b":"1"}}]"#,
            json!({"a~/b": "1"}),
        ),
        (r#"[{"op":"add","path":"/data/a~1b~01","value":"x"}]"#, json!({"k": "v", "l": "w", "a/b~1": "x"})),
        (r#"[]"#, json!({"k": "v", "l": "w"})),
    ] {
        assert_eq!(data(Format::Json, body), expected, "{body}");
    }
}

#[test]
fn json_patch_indexes_count_from_both_ends() {
    let current = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": ["a/a", "b/b", "c/c"]}});
    for (operation, expected) in [
        (r#"{"op":"add","path":"/metadata/finalizers/0","value":"x/x"}"#, json!(["x/x", "a/a", "b/b", "c/c"])),
        (r#"{"op":"add","path":"/metadata/finalizers/-","value":"x/x"}"#, json!(["a/a", "b/b", "c/c", "x/x"])),
        (r#"{"op":"add","path":"/metadata/finalizers/-1","value":"x/x"}"#, json!(["a/a", "b/b", "c/c", "x/x"])),
        (r#"{"op":"remove","path":"/metadata/finalizers/-1"}"#, json!(["a/a", "b/b"])),
        (r#"{"op":"replace","path":"/metadata/finalizers/+1","value":"x/x"}"#, json!(["a/a", "x/x", "c/c"])),
    ] {
        let object = patched(Format::Json, &current, &format!("[{operation}]"), "core/v1.ConfigMap").unwrap().object;
        assert_eq!(object["metadata"]["finalizers"], expected, "{operation}");
    }
    let beyond = r#"[{"op":"add","path":"/metadata/finalizers/4","value":"x/x"}]"#;
    assert!(patched(Format::Json, &current, beyond, "core/v1.ConfigMap").is_err());
}

#[test]
fn a_json_patch_that_does_not_apply_is_refused_without_saying_why() {
    let hidden = (422, "the server rejected our request due to an error in our request".to_owned());
    for body in [
        r#"[{"op":"test","path":"/data/k","value":"other"}]"#,
        r#"[{"op":"test","path":"/data/k","value":"\u0076"}]"#,
        r#"[{"op":"remove","path":"/data/gone"}]"#,
        r#"[{"op":"add","path":"/metadata/labels/app","value":"x"}]"#,
        r#"[{"op":"add","path":"/data/k/sub","value":"x"}]"#,
        r#"[{"op":"merge","path":"/data/k","value":"x"}]"#,
        r#"[{"op":"add","value":"x"}]"#,
        r#"[{"op":"remove","path":""}]"#,
        "[{}]",
        "[null]",
    ] {
        assert_eq!(refused(Format::Json, body), hidden, "{body}");
    }
}

#[test]
fn a_json_patch_that_cannot_be_read_is_a_bad_request() {
    for (body, expected) in [
        ("[", "invalid JSON patch"),
        ("{}", "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        ("[1]", "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
        (
            r#"[{"op":5}]"#,
            "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
        ),
    ] {
        assert_eq!(refused(Format::Json, body), (400, expected.to_owned()));
    }
    let many = format!("[{}]", vec!["{}"; 10_001].join(","));
    let text = "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001";
    assert_eq!(refused(Format::Json, &many), (413, text.to_owned()));
}

#[test]
fn unknown_and_duplicate_members_of_a_json_patch_are_told() {
    let body = r#"[{"op":"add","path":"/data","value":{"k":"1","k":"2"},"comment":"why"},{"op":"add","path":"/unknown","value":1}]"#;
    let patched = patched(Format::Json, &config_map(), body, "core/v1.ConfigMap").unwrap();
    assert_eq!(
        patched.warnings,
        [
            "json patch duplicate field \"[0].value.k\"",
            "json patch unknown field \"[0].comment\"",
            "duplicate field \"data.k\"",
            "unknown field \"unknown\"",
        ]
    );
    assert_eq!(patched.object["data"], json!({"k": "2"}));
}

#[test]
fn a_merge_patch_deletes_with_null_and_merges_objects() {
    assert_eq!(data(Format::Merge, r#"{"data":{"k":null,"n":"x"}}"#), json!({"l": "w", "n": "x"}));
    assert_eq!(data(Format::Merge, r#"{"data":null}"#), Value::Null);
    let current =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 1}]}});
    let body = r#"{"spec":{"ports":[{"port":80,"name":null}]}}"#;
    let object = patched(Format::Merge, &current, body, "core/v1.Service").unwrap().object;
    assert_eq!(object["spec"]["ports"], json!([{"port": 80, "targetPort": 0}]));
}

#[test]
fn a_bad_merge_patch_is_refused() {
    for (body, expected) in [
        ("null", "Invalid JSON Patch"),
        ("[]", "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"),
    ] {
        assert_eq!(refused(Format::Merge, body), (400, expected.to_owned()), "{body}");
    }
    let (code, message) = refused(Format::Merge, r#"{"data":{"k":5}}"#);
    assert_eq!(code, 422);
    assert!(message.starts_with(" \"\" is invalid: patch: Invalid value: \"{\\\"apiVersion\\\""), "{message}");
    assert!(message.ends_with("json: cannot unmarshal number into Go struct field ConfigMap.data.k of type string"));
    let (_, message) = refused(Format::Merge, r#"{"apiVersion":"v2"}"#);
    assert!(
        message.ends_with(
            "no kind \"ConfigMap\" is registered for version \"v2\" in scheme \"pkg/runtime/scheme.go:111\""
        )
    );
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "finalizers": ["a/a", "b/b"]}, "spec": {
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "template": {"spec": {"containers": [{"name": "a", "image": "i", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "j"}],
                              "tolerations": [{"key": "t"}]}}}})
}

fn strategic(body: &str) -> Result<Value, Failure> {
    patched(Format::Strategic, &deployment(), body, "apps/v1.Deployment").map(|p| p.object)
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect()
}

#[test]
fn strategic_lists_merge_by_key_and_new_elements_go_first() {
    let body = r#"{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"k"},{"name":"a","env":[{"name":"Y","value":"2"}]}]}}}}"#;
    let object = strategic(body).unwrap();
    let containers = &object["spec"]["template"]["spec"]["containers"];
    assert_eq!(names(containers), ["c", "a", "b"]);
    assert_eq!(containers[1]["env"], json!([{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]));
    let body = r#"{"spec":{"template":{"spec":{"tolerations":[{"key":"u"}]}}}}"#;
    assert_eq!(strategic(body).unwrap()["spec"]["template"]["spec"]["tolerations"], json!([{"key": "u"}]));
}

#[test]
fn strategic_directives_delete_replace_retain_and_order() {
    let spec = |spec: &str| format!(r#"{{"spec":{{"template":{{"spec":{spec}}}}}}}"#);
    let containers = |body: &str| strategic(&spec(body)).unwrap()["spec"]["template"]["spec"]["containers"].clone();
    assert_eq!(names(&containers(r#"{"containers":[{"name":"a","$patch":"delete"}]}"#)), ["b"]);
    assert_eq!(names(&containers(r#"{"containers":[{"$patch":"replace"},{"name":"z"}]}"#)), ["z"]);
    let order =
        r#"{"$setElementOrder/containers":[{"name":"b"},{"name":"c"},{"name":"a"}],"containers":[{"name":"c"}]}"#;
    assert_eq!(names(&containers(order)), ["b", "c", "a"]);
    let retain = strategic(r#"{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}"#).unwrap();
    assert_eq!(retain["spec"]["strategy"], json!({"type": "Recreate"}));
    let finalizers =
        strategic(r#"{"metadata":{"$deleteFromPrimitiveList/finalizers":["a/a"],"finalizers":["c/c"]}}"#).unwrap();
    assert_eq!(finalizers["metadata"]["finalizers"], json!(["c/c", "b/b"]));
}

#[test]
fn strategic_errors_keep_their_bare_text() {
    let spec = |spec: &str| strategic(&format!(r#"{{"spec":{{"template":{{"spec":{spec}}}}}}}"#)).unwrap_err();
    for (failure, code, text) in [
        (
            spec(r#"{"containers":[{"$patch":"delete"}]}"#),
            500,
            "map: map[$patch:delete] does not contain declared merge key: name",
        ),
        (
            spec(r#"{"containers":[{"$patch":"merge","name":"a"}]}"#),
            500,
            "merging lists cannot yet be specified in the patch",
        ),
        (
            spec(r#"{"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"z"}]}"#),
            500,
            "The order in patch list:\n[map[name:z]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
        ),
        (spec(r#"{"$setElementOrder/containers":["a"]}"#), 500, "value for key 0 is not a map"),
        (
            spec(r#"{"$setElementOrder/nothing":["a"]}"#),
            500,
            "unable to find api field in struct PodSpec for the json field \"nothing\"",
        ),
        (
            strategic(r#"{"spec":{"strategy":{"$retainKeys":["x"],"type":"Recreate"}}}"#).unwrap_err(),
            400,
            "invalid patch format of retainKeys",
        ),
        (
            strategic("[]").unwrap_err(),
            400,
            "json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
    ] {
        assert_eq!((failure.code.as_u16(), failure.message.as_str()), (code, text));
    }
    for (body, text) in [
        (r#"{"data":{"k":5}}"#, "cannot convert int64 to string"),
        (r#"{"data":"x"}"#, "cannot restore map from string"),
        (r#"{"immutable":"yes"}"#, "unrecognized type: bool"),
        (r#"{"binaryData":{"b":"***"}}"#, "error decoding from json: illegal base64 data at input byte 0"),
        (r#"{"metadata":[]}"#, "cannot restore struct from: slice"),
    ] {
        let (code, message) = refused(Format::Strategic, body);
        assert!(code == 422 && message.ends_with(text), "{message}");
    }
}

#[test]
fn strict_patches_name_what_is_unknown() {
    let of = find("core/v1.ConfigMap").unwrap();
    for format in [Format::Merge, Format::Strategic] {
        let body = br#"{"b":1,"a":{"x":2},"data":{"k":"1","k":"2"}}"#;
        let failure = apply(format, &config_map(), body, of, FieldValidation::Strict).unwrap_err();
        let told = "strict decoding error: duplicate field \"data.k\", unknown field \"a\", unknown field \"b\"";
        assert!(failure.message.ends_with(told), "{}", failure.message);
        let ignored = apply(format, &config_map(), body, of, FieldValidation::Ignore).unwrap();
        assert_eq!((ignored.warnings, &ignored.object["data"]["k"]), (vec![], &json!("2")));
    }
}

#[test]
fn broken_patches_never_panic() {
    let bodies: [(Format, &[u8]); 3] = [
        (Format::Json, br#"[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"x"}},{"op":"move","from":"/spec/strategy","path":"/spec/x"}]"#),
        (Format::Merge, br#"{"spec":{"template":{"spec":{"containers":[{"name":null}],"tolerations":null}}},"metadata":{"labels":{"a":"b"}}}"#),
        (Format::Strategic, br#"{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"b"}],"containers":[{"name":"b","$patch":"delete"}]}},"strategy":{"$retainKeys":["type"]}}}"#),
    ];
    for (format, body) in bodies {
        for at in 0..body.len() {
            for change in [b' ', b'"', b'\\', b'{', b'[', b'1', b'/', 0xff] {
                let mut broken = body.to_vec();
                broken[at] = change;
                let _ =
                    apply(format, &deployment(), &broken, find("apps/v1.Deployment").unwrap(), FieldValidation::Warn);
            }
        }
    }
}
