//! exec, attach and port-forward up to the node: who may, what the node is asked, and that it gets the client's connection.

use std::sync::Arc;

use apiserver::error::Failure;
use apiserver::node::NodeConnector;
use apiserver::server::Stack;
use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tower::ServiceExt;

use crate::serve;

/// A node that sends back what it is sent, and remembers what it was asked.
#[derive(Default)]
struct Echo {
    asked: Mutex<Vec<String>>,
}

impl NodeConnector for Echo {
    fn call<'a>(&'a self, node: &'a str, mut request: Request<Body>) -> BoxFuture<'a, Result<Response<Body>, Failure>> {
        Box::pin(async move {
            self.asked.lock().push(format!("{node} {} {}", request.method(), request.uri()));
            assert_eq!(request.headers()["upgrade"], "echo");
            assert!(!request.headers().contains_key("authorization"), "credentials stay with the API server");
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded.await.expect("the client goes on")));
                tokio::io::copy(&mut read, &mut write).await.expect("the client stays");
            });
            let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "echo");
            Ok(response.header("connection", "upgrade").body(Body::empty()).expect("the response is plain"))
        })
    }
}

/// A connection of a client to the server.
fn connect(server: &Stack) -> DuplexStream {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = server.clone();
    let service =
        service_fn(move |request: Request<hyper::body::Incoming>| server.clone().oneshot(request.map(Body::new)));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
    tokio::spawn(connection.with_upgrades());
    near
}

/// Asks for an echo as `user`; the head of the answer and the connection.
async fn ask(server: &Stack, user: &str, method: &str, path: &str) -> (String, DuplexStream) {
    let mut connection = connect(server);
    let request = format!(
        "{method} /api/v1/namespaces/default/pods/{path} HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\
         Authorization: Bearer {}\r\nImpersonate-User: {user}\r\n\r\n",
        serve::TOKEN
    );
    connection.write_all(request.as_bytes()).await.expect("the server reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.expect("the server answers"));
    }
    (String::from_utf8(head).expect("heads are text"), connection)
}

async fn create(server: &Stack, path: &str, object: &Value) {
    let request = Request::post(path).header("authorization", format!("Bearer {}", serve::TOKEN));
    let request = request.header("content-type", "application/json").body(Body::from(object.to_string()));
    let request = request.expect("the request is plain");
    let response = server.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    let code = response.status();
    let body = axum::body::to_bytes(response.into_body(), 64 * 1024).await.expect("the answer is short");
    assert_eq!(code, StatusCode::CREATED, "{path}: {}", String::from_utf8_lossy(&body));
}

/// `jo` may get and create, `al` may only get: what a WebSocket begins with, but no more than looking on.
async fn server(node: Arc<Echo>) -> Stack {
    let server = serve::server_with(node).await;
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    for (user, verbs) in [("jo", &["get", "create"][..]), ("al", &["get"])] {
        let resources = ["pods/exec", "pods/attach", "pods/portforward"];
        let role = json!({"metadata": {"name": user},
            "rules": [{"apiGroups": [""], "resources": resources, "verbs": verbs}]});
        create(&server, &format!("{roles}/roles"), &role).await;
        let binding = json!({"metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]});
        create(&server, &format!("{roles}/rolebindings"), &binding).await;
    }
    let account = json!({"metadata": {"name": "default"}});
    create(&server, "/api/v1/namespaces/default/serviceaccounts", &account).await;
    let pod = json!({"metadata": {"name": "p"}, "spec": {"automountServiceAccountToken": false, "nodeName": "n", "containers": [{"name": "c", "image": "i"}]}});
    create(&server, "/api/v1/namespaces/default/pods", &pod).await;
    server
}

#[tokio::test]
async fn the_node_gets_the_connection_and_is_asked_in_the_kubelets_words() {
    let node = Arc::new(Echo::default());
    let server = server(node.clone()).await;
    for (method, path, asked) in [
        (
            "GET",
            "p/exec?command=ls&command=-l&stdin=true&stdout=true",
            "n GET /exec/default/p/c?input=1&output=1&command=ls&command=-l",
        ),
        ("POST", "p/attach?container=c&tty=true&stdout=true", "n POST /attach/default/p/c?output=1&tty=1"),
        ("POST", "p/portforward", "n POST /portForward/default/p?port="),
        ("GET", "p/portforward?ports=80", "n GET /portForward/default/p?port=80"),
    ] {
        let (head, mut connection) = ask(&server, "jo", method, path).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(node.asked.lock().pop().as_deref(), Some(asked));
        connection.write_all(b"hello").await.expect("the node reads");
        let mut back = [0; 5];
        connection.read_exact(&mut back).await.expect("the node answers");
        assert_eq!(&back, b"hello");
    }
}

/// <https://kep.k8s.io/4006>: what a POST takes the right to create for, a WebSocket's GET does too.
#[tokio::test]
async fn who_may_only_get_may_not_talk() {
    let node = Arc::new(Echo::default());
    let server = server(node.clone()).await;
    for subresource in ["exec?command=ls&stdout=true", "attach?stdout=true", "portforward"] {
        for method in ["GET", "POST"] {
            let (head, _) = ask(&server, "al", method, &format!("p/{subresource}")).await;
            assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
        }
    }
    assert!(node.asked.lock().is_empty());
}
