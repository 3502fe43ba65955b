//! What the API server asks a node for `kubectl exec`, `attach` and `port-forward`: over the kubelet's HTTP API, with the client's connection.

use serde_json::json;
use tokio::net::TcpListener;

use crate::cri::stream::client::{BOTH, Remote, STDERR, STDOUT, Told, Transport, upgraded};
use crate::node::Node;

/// The kubelet's HTTP API on a socket: `http://address`.
async fn serve(node: &Node) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = node.agent.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_pod_is_talked_with_through_its_node() {
    let node = Node::start();
    node.import_tools();
    let pod = node.pod("p", "tools", json!({"command": ["cat"], "stdin": true}), json!({}));
    node.api.until(&pod, |it| it.is_some_and(|it| it["status"]["phase"] == "Running")).await;
    let url = serve(&node).await;
    for transport in BOTH {
        let exec = format!("{url}/exec/ns/p/c?command=fails&output=1&error=1");
        let told = Remote::connect(&exec, transport, false, &[STDOUT, STDERR]).await.told().await;
        let Told { stdout, stderr, status } = told;
        assert_eq!((stdout.as_str(), stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(status["details"]["causes"][0]["message"], "1");

        let attach = format!("{url}/attach/ns/p/c?input=1&output=1");
        let mut remote = Remote::connect(&attach, transport, true, &[STDOUT]).await;
        remote.send(b"hello").await;
        remote.hears("hello").await;
    }
    upgraded(&format!("{url}/portForward/ns/p?port=8080"), "portforward.k8s.io", Transport::Spdy).await.unwrap();
}

/// `oracle/kubelet/exec.txt`.
#[tokio::test]
async fn what_cannot_be_talked_with_is_told_in_the_kubelets_words() {
    let node = Node::start();
    let pod = node.pod("p", "hello", json!({}), json!({}));
    node.api.until(&pod, |it| it.is_some_and(|it| it["status"]["phase"] == "Succeeded")).await;
    let url = serve(&node).await;
    for (path, code, text) in [
        ("exec/ns/p/c?command=ls&output=1", 500, "container not found (\"c\")"),
        ("exec/ns/p/c?command=ls", 400, "you must specify at least 1 of stdin, stdout, stderr"),
        ("exec/ns/q/c?command=ls&output=1", 404, "pod does not exist"),
        ("attach/ns/p/c?output=1", 500, "container c not found in pod p_ns"),
        ("portForward/ns/q", 404, "pod does not exist"),
    ] {
        let refused = upgraded(&format!("{url}/{path}"), "v5.channel.k8s.io", Transport::WebSocket).await.unwrap_err();
        assert_eq!(refused, (code, text.to_owned()), "{path}");
    }
}
