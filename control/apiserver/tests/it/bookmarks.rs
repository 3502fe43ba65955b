//! Bookmarks keep a watch where nothing happens from falling out of the history that the server keeps.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{replay, serve};

async fn ask(server: &impl replay::Server, method: &str, path: &str, body: Value) -> Body {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {}", serve::TOKEN));
    let request = request.body(Body::from(body.to_string())).expect("the request is plain");
    let response = server.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    assert!(response.status().is_success(), "{method} {path}: {}", response.status());
    response.into_body()
}

async fn json_of(body: Body) -> Value {
    let bytes = body.collect().await.expect("the body is at hand").to_bytes();
    serde_json::from_slice(&bytes).expect("answers are JSON")
}

/// Once, a bookmark said the version of the last event of its own kind. A watch of a quiet kind then began anew with a
/// version that was compacted long ago, and every such client listed everything again.
#[tokio::test(start_paused = true)]
async fn a_bookmark_counts_the_changes_of_other_kinds() {
    let server = serve::server().await;
    let path = "/api/v1/configmaps?watch=true&allowWatchBookmarks=true&timeoutSeconds=90&resourceVersion=1";
    let _made = ask(&server, "POST", "/api/v1/namespaces", json!({"metadata": {"name": "d"}})).await;
    let watch = ask(&server, "GET", path, json!({})).await;
    let secret = ask(&server, "POST", "/api/v1/namespaces/d/secrets", json!({"metadata": {"name": "s"}})).await;
    let secret = json_of(secret).await;

    let told = watch.collect().await.expect("the watch ends by itself").to_bytes();
    let events: Vec<Value> =
        told.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let versions: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "BOOKMARK")
        .map(|event| &event["object"]["metadata"]["resourceVersion"])
        .collect();
    assert_eq!(versions, [&secret["metadata"]["resourceVersion"]]);
}
