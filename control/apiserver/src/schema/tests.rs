//! The table, decoding and the canonical form together.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::decode::{self, DecodeError, Decoded};
use super::*;

fn of(name: &str) -> &'static Type {
    find(name).unwrap()
}

fn decode(name: &str, body: &str) -> Decoded {
    decode::json(body.as_bytes(), of(name)).unwrap()
}

fn refuse(name: &str, body: &str) -> String {
    decode::json(body.as_bytes(), of(name)).unwrap_err().to_string()
}

#[test]
fn every_type_is_found_by_its_name() {
    assert!(all().len() > 1200);
    for each in all() {
        assert_eq!(find(each.name()), Some(each));
    }
    assert!(find("core/v1.Nothing").is_none());
}

#[test]
fn fields_know_their_shape_kind_and_rules() {
    let pod = of("core/v1.PodSpec");
    let containers = pod.field("containers").unwrap();
    assert_eq!(containers.shape(), Shape::List);
    assert_eq!(containers.kind(), Kind::Struct(of("core/v1.Container")));
    assert_eq!(containers.patch(), PatchRule { merge: true, retain_keys: false, replace: false, merge_key: "name" });
    assert_eq!(containers.list(), ListRule::Map("name"));
    assert_eq!(pod.field("volumes").unwrap().patch_strategy(), "merge,retainKeys");
    assert_eq!(pod.field("hostNetwork").unwrap().kind(), Kind::Bool);
    let volume = of("core/v1.Volume").field("emptyDir").unwrap();
    assert_eq!((volume.shape(), volume.go()), (Shape::Pointer, "EmptyDir"));
    assert_eq!(of("core/v1.ResourceRequirements").field("limits").unwrap().kind(), Kind::Quantity);
    assert_eq!(of("core/v1.ConfigMap").field("binaryData").unwrap().kind(), Kind::Bytes);
    assert_eq!(
        of("apps/v1.DeploymentSpec").field("template").unwrap().kind(),
        Kind::Struct(of("core/v1.PodTemplateSpec"))
    );
    assert_eq!(of("meta/v1.ObjectMeta").field("creationTimestamp").unwrap().presence(), Presence::OmitZero);
    let ports = of("core/v1.EphemeralContainer").field("ports").unwrap();
    assert_eq!(ports.list(), ListRule::Map("containerPort,protocol"));
}

#[test]
fn unknown_and_duplicate_fields_are_told_in_order_and_dropped() {
    let body = r#"{"zzz":1,"metadata":{"name":"d","lables":{"a":"b"},"namee":"x"},"data":{"a":"b"},"data":{"c":"d","c":"e"},"aaa":2}"#;
    let decoded = decode("core/v1.ConfigMap", body);
    let told = [
        "unknown field \"zzz\"",
        "unknown field \"metadata.lables\"",
        "unknown field \"metadata.namee\"",
        "duplicate field \"data\"",
        "duplicate field \"data.c\"",
        "unknown field \"aaa\"",
    ];
    assert_eq!(decoded.strict, told);
    assert_eq!(decoded.object, json!({"metadata": {"name": "d"}, "data": {"a": "b", "c": "e"}}));
    let list = r#"{"spec":{"template":{"spec":{"containers":[{"name":"c"},{"env":[{"vale":"x"}]}]}}}}"#;
    let told = decode("apps/v1.Deployment", list).strict;
    assert_eq!(told, ["unknown field \"spec.template.spec.containers[1].env[0].vale\""]);
}

#[test]
fn names_of_fields_are_case_sensitive() {
    assert_eq!(decode("core/v1.ConfigMap", r#"{"Data":{"a":"b"}}"#).strict, ["unknown field \"Data\""]);
}

#[test]
fn null_is_the_zero_value() {
    let decoded = decode("core/v1.ConfigMap", r#"{"metadata":null,"data":{"k":null},"immutable":null}"#);
    assert_eq!(decoded.object, json!({"metadata": {}, "data": {"k": ""}}));
    assert_eq!(decode("core/v1.ConfigMap", "null").object, json!({"metadata": {}}));
}

#[test]
fn the_first_wrong_type_is_named() {
    let field = "json: cannot unmarshal";
    for (kind, body, expected) in [
        (
            "core/v1.ConfigMap",
            r#"{"dta":1,"data":{"a":5}}"#,
            "number into Go struct field ConfigMap.data.a of type string",
        ),
        (
            "core/v1.ConfigMap",
            r#"{"metadata":[]}"#,
            "array into Go struct field ConfigMap.metadata of type v1.ObjectMeta",
        ),
        (
            "apps/v1.Deployment",
            r#"{"spec":{"replicas":1.5}}"#,
            "number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "core/v1.Service",
            r#"{"spec":{"ports":[{"port":80.0}]}}"#,
            "number 80.0 into Go struct field ServicePort.spec.ports.port of type int32",
        ),
        (
            "core/v1.Service",
            r#"{"spec":{"ports":[{"port":99999999999}]}}"#,
            "number 99999999999 into Go struct field ServicePort.spec.ports.port of type int32",
        ),
        (
            "core/v1.Pod",
            r#"{"spec":{"hostNetwork":"x","containers":[{"name":5}]}}"#,
            "string into Go struct field PodSpec.spec.hostNetwork of type bool",
        ),
        (
            "core/v1.Pod",
            r#"{"spec":{"containers":{"name":"c"}}}"#,
            "object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        ("core/v1.ConfigMap", "[]", "array into Go value of type v1.ConfigMap"),
    ] {
        assert_eq!(refuse(kind, body), format!("{field} {expected}"), "{body}");
    }
    assert_eq!(refuse("core/v1.ConfigMap", r#"{"binaryData":{"a":"%%%"}}"#), "illegal base64 data at input byte 0");
    let syntax = decode::json(b"{", of("core/v1.Pod")).unwrap_err();
    assert_eq!(syntax, DecodeError::Syntax("unexpected end of JSON input".to_owned()));
}

#[test]
fn what_is_always_written_is_there_and_what_is_empty_is_not() {
    let pod = decode(
        "core/v1.Pod",
        r#"{"spec":{"hostNetwork":false,"hostUsers":false,"nodeSelector":{},"containers":[{"name":"c","args":[],"resources":{"limits":{"cpu":1.5}},"env":[{"name":"A","value":"","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}}]}]}}"#,
    );
    assert_eq!(
        pod.object,
        json!({"metadata": {}, "status": {}, "spec": {"hostUsers": false, "containers": [
            {"name": "c", "resources": {"limits": {"cpu": "1500m"}},
             "env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}}]}]}})
    );
    assert_eq!(decode("rbac/v1.Role", r#"{"rules":[]}"#).object, json!({"metadata": {}, "rules": null}));
    let event = decode("core/v1.Event", "{}").object;
    assert_eq!(
        (&event["firstTimestamp"], &event["eventTime"], &event["source"]),
        (&Value::Null, &Value::Null, &json!({}))
    );
    assert!(event.as_object().unwrap().contains_key("firstTimestamp"));
    let service = decode("core/v1.Service", r#"{"spec":{"ports":[{"port":80}]}}"#).object;
    assert_eq!(service["spec"]["ports"], json!([{"port": 80, "targetPort": 0}]));
    assert_eq!(service["status"], json!({"loadBalancer": {}}));
}

#[test]
fn the_canonical_form_is_stable() {
    for each in all() {
        let mut once = Value::Null;
        canonicalise(&mut once, each);
        let mut twice = once.clone();
        canonicalise(&mut twice, each);
        assert_eq!(once, twice, "{each:?}");
    }
}

#[test]
fn an_unknown_member_of_a_tree_is_found() {
    let tree = json!({"spec": {"x": 1, "ports": [{"port": 1, "prot": "y"}]}, "metadata": {"labels": {"any": "thing"}}});
    let found = ["unknown field \"spec.ports[0].prot\"", "unknown field \"spec.x\""];
    assert_eq!(check(&tree, of("core/v1.Service")), found);
}

#[test]
fn a_body_tells_its_version_and_kind() {
    let meta = |body: &str| decode::type_meta(body.as_bytes());
    assert_eq!(meta(r#"{"kind":"A","metadata":{"kind":"B"},"apiVersion":"v1"}"#).unwrap(), ("v1".into(), "A".into()));
    assert_eq!(meta("null").unwrap(), (String::new(), String::new()));
    let text = |body| meta(body).unwrap_err().to_string();
    let head = "couldn't get version/kind; json parse error: ";
    assert_eq!(text(""), format!("{head}unexpected end of JSON input"));
    assert_eq!(
        text(r#"{"kind":1}"#),
        format!("{head}json: cannot unmarshal number into Go struct field .kind of type string")
    );
}

#[test]
fn the_deepest_body_that_is_accepted_fits_the_stack() {
    let schema = of("apiextensions/v1.JSONSchemaProps");
    let depth = json::DEPTH_MAX;
    let body = format!("{}{{}}{}", r#"{"not":"#.repeat(depth - 1), "}".repeat(depth - 1));
    assert!(decode("apiextensions/v1.JSONSchemaProps", &body).strict.is_empty());
    let deeper = format!("{}{{}}{}", r#"{"not":"#.repeat(depth), "}".repeat(depth));
    assert_eq!(decode::json(deeper.as_bytes(), schema).unwrap_err().to_string(), "exceeded max depth");
    let flow = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(decode::yaml(flow.as_bytes(), schema).is_err());
}

#[test]
fn broken_bodies_never_panic() {
    let body = br#"{"metadata":{"name":"a","labels":{"x":"\u00e9\ud83d\ude00"}},"spec":{"replicas":3,"template":{"spec":{
        "containers":[{"name":"c","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"1500m"}}}],"hostUsers":null}}}}"#;
    for at in 0..body.len() {
        for change in [0_u8, b'"', b'\\', b'{', b'}', b'[', b',', b'9', 0xff] {
            let mut broken = body.to_vec();
            broken[at] = change;
            let _ = decode::json(&broken, of("apps/v1.Deployment"));
            let _ = decode::yaml(&broken, of("apps/v1.Deployment"));
            let _ = decode::type_meta(&broken);
        }
        let _ = decode::json(&body[..at], of("apps/v1.Deployment"));
    }
}

#[test]
fn every_row_has_its_type_and_its_list() {
    for row in crate::resources::all() {
        let kind = find_kind(&row.gvk.api_version(), &row.gvk.kind);
        assert_eq!(find(row.type_name), kind, "{:?}", row.gvk);
        assert!(kind.is_some(), "{:?}", row.gvk);
        // Reviews are answered and never listed.
        let listed = row.verbs.contains(&crate::registry::resource::Verb::List);
        assert!(!listed || find(&format!("{}List", row.type_name)).is_some(), "{:?}", row.gvk);
    }
    assert_eq!(find_kind("v1", "DeleteOptions"), find("meta/v1.DeleteOptions"));
    assert_eq!(find_kind("apps/v1", "DeploymentSpec"), None);
    assert_eq!(find_kind("v9", "Pod"), None);
}

#[test]
fn floats_are_written_without_an_empty_fraction() {
    let schema = decode("apiextensions/v1.JSONSchemaProps", r#"{"maximum":1.0,"minimum":0.5,"multipleOf":1e3}"#).object;
    assert_eq!(schema.to_string(), r#"{"maximum":1,"minimum":0.5,"multipleOf":1000}"#);
}
