//! PUT where nothing is yet.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{replay, serve};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases/a";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";

/// Asks as `user`, or as the administrator if it is empty.
async fn ask(server: &impl replay::Server, user: &str, method: &str, path: &str, body: &Value) -> StatusCode {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request = request.header("authorization", format!("Bearer {}", serve::TOKEN));
    if !user.is_empty() {
        request = request.header("impersonate-user", user);
    }
    let request = request.body(Body::from(body.to_string())).expect("the request is plain");
    server.clone().oneshot(request).await.unwrap_or_else(|never| match never {}).status()
}

/// Leases are made by PUT, so that the right to update one would otherwise be the right to make any.
#[tokio::test]
async fn making_an_object_by_put_takes_the_right_to_create() {
    let server = serve::server().await;
    let role = |verbs: &[&str]| {
        json!({"metadata": {"name": "r"}, "rules": [
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs}]})
    };
    let binding = json!({"metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jo"}]});
    let lease = json!({"metadata": {"name": "a"}, "spec": {}});
    let (roles, bindings) = (format!("{ROLES}/roles"), format!("{ROLES}/rolebindings"));
    assert_eq!(ask(&server, "", "POST", &roles, &role(&["update"])).await, StatusCode::CREATED);
    assert_eq!(ask(&server, "", "POST", &bindings, &binding).await, StatusCode::CREATED);
    assert_eq!(ask(&server, "jo", "PUT", LEASE, &lease).await, StatusCode::FORBIDDEN);

    assert_eq!(ask(&server, "", "PUT", &format!("{roles}/r"), &role(&["create", "update"])).await, StatusCode::OK);
    assert_eq!(ask(&server, "jo", "PUT", LEASE, &lease).await, StatusCode::CREATED);
}
