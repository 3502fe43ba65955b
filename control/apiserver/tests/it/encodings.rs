//! Bodies in every encoding, and OpenAPI, through the whole request stack.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{replay, serve};

/// A Deployment `web` in the namespace `d` as client-go encodes it.
const DEPLOYMENT: &[u8] = include_bytes!("../../src/protobuf/testdata/deployment.pb");
/// DeleteOptions with `dryRun`, which say that the version must be 7.
const DELETE_OPTIONS: &[u8] = include_bytes!("../../src/protobuf/testdata/delete-options.pb");

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/d/deployments";

struct Answer {
    status: StatusCode,
    warnings: Vec<String>,
    body: Value,
}

async fn ask(server: &impl replay::Server, line: &str, media: &str, body: impl Into<Body>) -> Answer {
    let (method, path) = line.split_once(' ').expect("a line has a method and a path");
    let request = Request::builder().method(method).uri(path).header("content-type", media);
    let request = request.header("authorization", format!("Bearer {}", serve::TOKEN));
    let request = request.body(body.into()).expect("the request is plain");
    let response = server.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the body is at hand").to_bytes();
    let warnings = parts.headers.get_all("warning").iter();
    let warnings = warnings.map(|value| value.to_str().expect("warnings are ASCII here").to_owned()).collect();
    Answer { status: parts.status, warnings, body: serde_json::from_slice(&body).unwrap_or_default() }
}

async fn server_with_namespace() -> impl replay::Server {
    let server = serve::server().await;
    let namespace = json!({"metadata": {"name": "d"}}).to_string();
    let made = ask(&server, "POST /api/v1/namespaces", "application/json", namespace).await;
    assert_eq!(made.status, StatusCode::CREATED);
    server
}

#[tokio::test]
async fn protobuf_bodies_make_and_delete_objects() {
    let server = server_with_namespace().await;
    let media = "application/vnd.kubernetes.protobuf";
    let made = ask(&server, &format!("POST {DEPLOYMENTS}"), media, DEPLOYMENT).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.body["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"], "1500m");
    assert_eq!(made.body["spec"]["template"]["spec"]["dnsPolicy"], "ClusterFirst");
    let deleted = ask(&server, &format!("DELETE {DEPLOYMENTS}/web"), media, DELETE_OPTIONS).await;
    assert_eq!(deleted.status, StatusCode::CONFLICT, "{}", deleted.body);
}

#[tokio::test]
async fn yaml_bodies_warn_of_keys_that_are_there_twice() {
    let server = server_with_namespace().await;
    let body = "metadata:\n  name: twice\ndata:\n  k: \"1\"\n  k: \"2\"\nunknown: 1\n";
    let made = ask(&server, "POST /api/v1/namespaces/d/configmaps", "application/yaml", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.body["data"], json!({"k": "2"}));
    let twice = r#"299 - "line 5: key \"k\" already set in map""#;
    assert_eq!(made.warnings, [twice, r#"299 - "unknown field \"unknown\"""#]);
    let strict = "POST /api/v1/namespaces/d/configmaps?fieldValidation=Strict";
    assert_eq!(ask(&server, strict, "application/yaml", body).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn openapi_is_served_by_index_and_hash() {
    let server = serve::server().await;
    let index = ask(&server, "GET /openapi/v3", "", Body::empty()).await.body;
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().expect("apps is served");
    let document = ask(&server, &format!("GET {url}"), "", Body::empty()).await;
    assert_eq!((document.status, &document.body["openapi"]), (StatusCode::OK, &json!("3.0.0")));
    let stale = ask(&server, "GET /openapi/v3/api/v1?hash=stale", "", Body::empty()).await;
    assert_eq!(stale.status, StatusCode::MOVED_PERMANENTLY);
    let second = ask(&server, "GET /openapi/v2", "", Body::empty()).await;
    assert_eq!((second.status, &second.body["swagger"]), (StatusCode::OK, &json!("2.0")));
    let missing = ask(&server, "GET /openapi/v3/apis/none/v1", "", Body::empty()).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}
