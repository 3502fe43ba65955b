//! Bodies as client-go sends them: the files of `testdata` were written by its serializer, as protobuf and as JSON.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

macro_rules! golden {
    ($name:literal) => {
        ($name, include_bytes!(concat!("testdata/", $name, ".pb")), include_str!(concat!("testdata/", $name, ".json")))
    };
}

const GOLDEN: &[(&str, &[u8], &str)] =
    &[golden!("access-review"), golden!("delete-options"), golden!("deployment"), golden!("lease"), golden!("secret")];

#[test]
fn bodies_of_client_go_read_as_their_json() {
    for (name, body, json) in GOLDEN {
        let (api_version, kind, object) = decode(body).unwrap();
        let of = find_kind(&api_version, &kind).unwrap();
        let expected = crate::schema::decode::json(json.as_bytes(), of).unwrap();
        assert_eq!(object, expected.object, "{name}");
        assert_eq!(object, serde_json::from_str::<Value>(json).unwrap(), "{name}");
        assert!(expected.strict.is_empty(), "{name}");
    }
}

#[test]
fn every_cut_of_a_body_is_refused_or_read_but_never_panics() {
    for (_, body, _) in GOLDEN {
        for length in 0..body.len() {
            let _ = decode(&body[..length]);
        }
        for at in 0..body.len() {
            let mut broken = body.to_vec();
            broken[at] ^= 0x55;
            let _ = decode(&broken);
        }
    }
}

/// A field with bytes in it.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

#[test]
fn what_is_no_protobuf_of_kubernetes_is_refused() {
    let text = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
    assert_eq!(decode(b"{}").unwrap_err().to_string(), text);
    assert_eq!(decode(b"k8s\0\x0a\x05a").unwrap_err(), DecodeError::Truncated);
    let unknown = [MAGIC, &field(1, &[field(1, b"v9"), field(2, b"Pod")].concat())].concat();
    let text = "no kind \"Pod\" is registered for version \"v9\" in scheme \"pkg/runtime/scheme.go:111\"";
    assert_eq!(decode(&unknown).unwrap_err().to_string(), text);
}

#[test]
fn nesting_is_bounded() {
    let of = find("apiextensions/v1.JSONSchemaProps").unwrap();
    let number = of.field("not").unwrap().number();
    // Its tag needs two bytes.
    let tag = [number << 3 & 0x7f | 0x82, number >> 4];
    let mut raw = Vec::new();
    for _ in 0..DEPTH_MAX + 1 {
        let inner = field(0, &raw);
        raw = [&tag, &inner[1..]].concat();
    }
    assert_eq!(object(&raw, of).unwrap_err(), DecodeError::Depth);
}

#[test]
fn packed_lists_read_as_plain_ones() {
    let of = find("core/v1.PodSecurityContext").unwrap();
    let packed = object(&field(4, &[1, 0x80, 0x01]), of).unwrap();
    let plain = object(&[4 << 3, 1, 4 << 3, 0x80, 0x01], of).unwrap();
    assert_eq!(packed, plain);
    assert_eq!(packed["supplementalGroups"], serde_json::json!([1, 128]));
}
