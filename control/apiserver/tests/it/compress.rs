//! Large lists for clients that take gzip.

use apiserver::rest::BODY_BYTES_MAX;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request};
use serde_json::json;
use tower::ServiceExt;

use crate::{replay, serve};

const PATH: &str = "/api/v1/namespaces/default/configmaps";
/// What stands before the deflated bytes, and after them.
const HEADER_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;

async fn ask(server: &impl replay::Server, coding: &str, method: &str, body: String) -> (HeaderMap, Vec<u8>) {
    let mut request = Request::builder().method(method).uri(PATH).header("content-type", "application/json");
    request = request.header("authorization", format!("Bearer {}", serve::TOKEN)).header("accept-encoding", coding);
    let request = request.body(Body::from(body)).expect("the request is plain");
    let response = server.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    assert!(response.status().is_success(), "{}", response.status());
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.expect("the answer is whole");
    (parts.headers, body.to_vec())
}

#[tokio::test]
async fn a_large_list_is_the_same_in_gzip() {
    let server = serve::server().await;
    for name in ["a", "b"] {
        let object = json!({"metadata": {"name": name}, "data": {"text": name.repeat(100_000)}});
        ask(&server, "gzip", "POST", object.to_string()).await;
    }
    let (headers, plain) = ask(&server, "identity", "GET", String::new()).await;
    assert_eq!(headers.get("content-encoding"), None);
    let (headers, packed) = ask(&server, "br, gzip", "GET", String::new()).await;
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(headers["content-type"], "application/json");
    let deflated = &packed[HEADER_BYTES..packed.len() - TRAILER_BYTES];
    let unpacked = miniz_oxide::inflate::decompress_to_vec(deflated).expect("it is deflated");
    assert_eq!(unpacked, plain);
}
