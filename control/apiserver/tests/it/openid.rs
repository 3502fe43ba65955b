//! Others can check our tokens: the issuer describes itself and gives its public key to ServiceAccounts.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::serve;

#[tokio::test]
async fn the_issuer_says_where_its_key_is() {
    let configuration = get("/.well-known/openid-configuration", Some(serve::TOKEN)).await.1;
    assert_eq!(configuration["issuer"], "https://kubernetes.default.svc.cluster.local");
    assert_eq!(configuration["jwks_uri"], "https://kubernetes.default.svc.cluster.local/openid/v1/jwks");
    let keys = get("/openid/v1/jwks", Some(serve::TOKEN)).await.1;
    assert_eq!(keys["keys"][0]["alg"], "ES256");
}

#[tokio::test]
async fn the_key_is_not_for_everybody() {
    assert_eq!(get("/openid/v1/jwks", None).await.0, StatusCode::FORBIDDEN);
}

async fn get(path: &str, token: Option<&str>) -> (StatusCode, Value) {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).expect("the path is plain");
    let response = serve::server().await.oneshot(request).await.unwrap_or_else(|never| match never {});
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the body is at hand").to_bytes();
    (parts.status, serde_json::from_slice(&body).expect("answers are JSON"))
}
