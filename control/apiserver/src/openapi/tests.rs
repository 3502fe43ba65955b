//! Documents as kubectl looks at them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use http::header::{CACHE_CONTROL, LOCATION};
use http_body_util::BodyExt;

use super::*;

fn resources() -> Vec<Arc<Resource>> {
    crate::resources::all().into_iter().map(Arc::new).collect()
}

fn parsed(document_name: &str) -> Value {
    let resources = resources();
    serde_json::from_slice(&v3::document(&resources, document_name)).unwrap()
}

#[test]
fn every_reference_of_every_document_is_there() {
    let resources = resources();
    let names: BTreeSet<String> = resources.iter().map(|r| v3::name(r)).collect();
    for document_name in names {
        let document = parsed(&document_name);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let wanted = part.split('"').next().unwrap();
            assert!(schemas.contains_key(wanted), "{document_name}: {wanted}");
        }
    }
}

#[test]
fn a_patch_takes_field_validation_and_strategic_patches() {
    let document = parsed("apis/apps/v1");
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    let names: Vec<&str> =
        patch["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
    assert!(patch["requestBody"]["content"]["application/strategic-merge-patch+json"].is_object());
    assert_eq!(patch["x-kubernetes-action"], "patch");
    assert_eq!(
        patch["x-kubernetes-group-version-kind"],
        json!({"group": "apps", "kind": "Deployment", "version": "v1"})
    );
}

#[test]
fn schemas_carry_descriptions_and_the_rules_of_lists() {
    let document = parsed("api/v1");
    let schemas = &document["components"]["schemas"];
    let containers = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
    assert!(containers["description"].as_str().unwrap().starts_with("List of containers"));
    assert_eq!(schemas["io.k8s.api.core.v1.Container"]["required"], json!(["name"]));
    let gvk = &schemas["io.k8s.api.core.v1.Pod"]["x-kubernetes-group-version-kind"];
    assert_eq!(*gvk, json!([{"group": "", "kind": "Pod", "version": "v1"}]));
}

#[tokio::test]
async fn the_index_leads_to_documents_by_their_hash() {
    let resources = resources();
    let none = HeaderMap::new();
    let response = answer(&resources, "/openapi/v3", &none, None).unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let index: Value = serde_json::from_slice(&body).unwrap();
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let (path, hash) = url.split_once("?hash=").unwrap();

    let right = answer(&resources, path, &none, Some(hash)).unwrap();
    assert_eq!((right.status(), &right.headers()[CACHE_CONTROL]), (StatusCode::OK, &v3::FOREVER.parse().unwrap()));
    let wrong = answer(&resources, path, &none, Some("x")).unwrap();
    assert_eq!((wrong.status(), wrong.headers()[LOCATION].to_str().unwrap()), (StatusCode::MOVED_PERMANENTLY, &*url));
    let mut known = HeaderMap::new();
    known.insert(IF_NONE_MATCH, format!("\"{hash}\"").parse().unwrap());
    assert_eq!(answer(&resources, path, &known, None).unwrap().status(), StatusCode::NOT_MODIFIED);
    let mut protobuf = HeaderMap::new();
    protobuf.insert(ACCEPT, "application/com.github.proto-openapi.spec.v3.v1.0+protobuf".parse().unwrap());
    assert_eq!(answer(&resources, path, &protobuf, None).unwrap().status(), StatusCode::NOT_ACCEPTABLE);
    assert!(answer(&resources, "/openapi/v3/apis/nothing/v1", &none, None).is_none());
    assert!(answer(&resources, "/openapi/v1", &none, None).is_none());
}

#[test]
fn the_second_version_refers_to_definitions_that_are_there() {
    let document: Value = serde_json::from_slice(&v2::document(&resources())).unwrap();
    let definitions = document["definitions"].as_object().unwrap();
    let text = document.to_string();
    assert!(!text.contains("#/components") && !text.contains("allOf") && !text.contains("oneOf"));
    for part in text.split("#/definitions/").skip(1) {
        assert!(definitions.contains_key(part.split('"').next().unwrap()));
    }
    let patch = &document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"];
    assert!(patch["consumes"].as_array().unwrap().contains(&"application/strategic-merge-patch+json".into()));
    assert_eq!(patch["parameters"][2]["type"], "string");
    assert_eq!(patch["responses"]["200"]["schema"]["$ref"], "#/definitions/io.k8s.api.core.v1.Pod");
    let spec = &definitions["io.k8s.api.core.v1.Pod"]["properties"]["spec"];
    assert_eq!(spec["$ref"], "#/definitions/io.k8s.api.core.v1.PodSpec");
    assert!(spec["description"].is_string());
}

#[test]
fn every_row_is_described() {
    let descriptions = descriptions::Descriptions::unpack();
    let about = descriptions.by_type();
    for row in crate::resources::all() {
        // What is missing here is missing among the `kinds!` of `build/descriptions.rs`.
        assert!(about.contains_key(row.type_name), "{}", row.type_name);
    }
}
