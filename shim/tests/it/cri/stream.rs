//! Exec, attach and port-forward over both transports, with clients that behave; `hostile` has the others.

pub(crate) mod client;
mod hostile;
mod spdy;
pub(crate) mod tools;
mod websocket;

use std::time::Duration;

use serde_json::json;
use shim::cri::message::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use self::client::{BOTH, Remote, STATUS, Told, Transport, Wire, ask, exec_url, upgraded};
use super::Node;

/// A node with an image of several commands, and a sandbox.
async fn start() -> (Node, String) {
    let mut node = Node::start().await;
    tools::import(&node.runtime, node.path());
    let sandbox = node.sandbox("streams").await;
    (node, sandbox)
}

/// A container of that image that runs a command.
async fn run(node: &mut Node, sandbox: &str, word: &str, stdin: bool, stdin_once: bool) -> String {
    let command = vec![word.to_owned()];
    let id =
        node.create(sandbox, ContainerConfig { command, stdin, stdin_once, ..node.config("tools") }).await.unwrap();
    node.begin(&id).await;
    id
}

/// Waits until so many programs run.
async fn programs(node: &Node, wanted: usize) {
    let wait = async {
        while node.runtime.programs() != wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(client::PATIENCE, wait).await;
    assert!(waited.is_ok(), "{} programs run, not {wanted}", node.runtime.programs());
}

#[tokio::test]
async fn a_command_prints_and_its_end_is_told() {
    let (mut node, sandbox) = start().await;
    let id = run(&mut node, &sandbox, "sleep", false, false).await;
    for transport in BOTH {
        let told = Remote::exec(&mut node, transport, &id, &["fails"], false).await.told().await;
        let status = json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": "command terminated with non-zero exit code: command terminated with exit code 1",
            "details": {"causes": [{"reason": "ExitCode", "message": "1"}]},
        });
        assert_eq!(told, Told { stdout: "out\n".to_owned(), stderr: "err\n".to_owned(), status }, "{transport:?}");

        let told = Remote::exec(&mut node, transport, &id, &["none"], false).await.told().await;
        let message = told.status["message"].as_str().unwrap();
        assert!(message.ends_with("exec: \"none\": executable file not found in $PATH"), "{message}");
        assert_eq!((told.status["reason"].as_str(), told.status["code"].as_u64()), (Some("InternalError"), Some(500)));
    }
    let req = ExecSyncRequest { container_id: id, cmd: vec!["fails".to_owned()], timeout: 0 };
    let answer = node.pods.exec_sync(req).await.unwrap().into_inner();
    assert_eq!((&answer.stdout[..], &answer.stderr[..], answer.exit_code), (&b"out\n"[..], &b"err\n"[..], 1));
}

#[tokio::test]
async fn what_is_sent_comes_back_until_its_end() {
    let (mut node, sandbox) = start().await;
    let id = run(&mut node, &sandbox, "sleep", false, false).await;
    for transport in BOTH {
        let mut remote = Remote::exec(&mut node, transport, &id, &["cat"], true).await;
        remote.send(b"hello ").await;
        remote.hears("hello ").await;
        remote.send(b"world").await;
        remote.end_input().await;
        let told = remote.told().await;
        let status = json!({"metadata": {}, "status": "Success"});
        assert_eq!(told, Told { stdout: "world".to_owned(), status, ..Default::default() }, "{transport:?}");
        // A client that takes a close without a code for a failure.
        assert!(remote.next().await.is_none());
        if let Wire::WebSocket(client) = &remote.wire {
            assert_eq!(client.closed, Some(1000));
        }
    }
    programs(&node, 1).await;
}

#[tokio::test]
async fn a_command_ends_with_its_container() {
    let (mut node, sandbox) = start().await;
    for transport in BOTH {
        let id = run(&mut node, &sandbox, "sleep", false, false).await;
        let mut remote = Remote::exec(&mut node, transport, &id, &["cat"], true).await;
        remote.send(b"hello").await;
        remote.hears("hello").await;
        node.pods.stop_container(StopContainerRequest { container_id: id, timeout: 0 }).await.unwrap();
        let told = remote.told().await;
        assert_eq!(told.status["details"]["causes"][0]["message"], "137", "{transport:?}");
        programs(&node, 0).await;
    }
}

#[tokio::test]
async fn who_attaches_talks_with_the_program_and_it_outlives_them() {
    let (mut node, sandbox) = start().await;
    for transport in BOTH {
        let id = run(&mut node, &sandbox, "cat", true, false).await;
        for word in ["first", "second"] {
            let mut remote = Remote::attach(&mut node, transport, &id).await;
            remote.send(word.as_bytes()).await;
            remote.hears(word).await;
            // Its input has not ended: only what this client says has.
            remote.end_input().await;
        }
        assert_eq!(node.status(&id).await.state(), ContainerState::ContainerRunning);

        let once = run(&mut node, &sandbox, "cat", true, true).await;
        let mut remote = Remote::attach(&mut node, transport, &once).await;
        remote.send(b"only").await;
        remote.hears("only").await;
        drop(remote);
        assert_eq!(node.until(&once, ContainerState::ContainerExited).await.exit_code, 0, "{transport:?}");
    }
}

/// The test answers on the pod's address in the place of a program.
async fn pods_listener(node: &mut Node, sandbox: &str) -> TcpListener {
    let req = PodSandboxStatusRequest { pod_sandbox_id: sandbox.to_owned(), verbose: false };
    let status = node.pods.pod_sandbox_status(req).await.unwrap().into_inner().status.unwrap();
    let address = format!("{}:8080", status.network.unwrap().ip).parse().unwrap();
    TcpListener::bind(node.runtime.host_address(address)).await.unwrap()
}

async fn forward_url(node: &mut Node, sandbox: &str) -> String {
    let req = PortForwardRequest { pod_sandbox_id: sandbox.to_owned(), port: vec![8080] };
    node.pods.port_forward(req).await.unwrap().into_inner().url
}

/// Opens the two streams of a connection: the odd number of the first is `first`.
async fn dial(client: &mut spdy::Client, first: u32, port: &str) -> (u32, u32) {
    let id = first.to_string();
    let of = |kind| [("streamtype", kind), ("port", port), ("requestid", id.as_str())];
    client.open(first, &of("error")).await;
    client.open(first + 2, &of("data")).await;
    (first, first + 2)
}

#[tokio::test]
async fn ports_are_forwarded_both_ways_and_failures_are_told() {
    let (mut node, sandbox) = start().await;
    let listener = pods_listener(&mut node, &sandbox).await;
    let url = forward_url(&mut node, &sandbox).await;
    let mut client = spdy::Client::new(upgraded(&url, "portforward.k8s.io", Transport::Spdy).await.unwrap());
    let (_, data) = dial(&mut client, 1, "8080").await;
    let (mut pod, _) = listener.accept().await.unwrap();
    client.send(data, true, b"question").await;
    let mut heard = Vec::new();
    pod.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"question");
    pod.write_all(b"answer").await.unwrap();
    assert_eq!(client.next().await.unwrap(), (data, b"answer".to_vec()));
    drop(pod);
    assert_eq!(client.next_or_end().await.unwrap(), (data, Vec::new()));

    for (first, port, told) in [
        (11, "9", "error forwarding port 9: Connection refused (os error 111)"),
        (21, "x", "invalid port `x`"),
        (31, "65536", "invalid port `65536`"),
    ] {
        let (error, _) = dial(&mut client, first, port).await;
        let (stream, bytes) = client.next().await.unwrap();
        assert_eq!((stream, std::str::from_utf8(&bytes).unwrap()), (error, told));
    }
}

#[tokio::test]
async fn a_stream_that_is_given_up_ends_its_connection_alone() {
    let (mut node, sandbox) = start().await;
    let listener = pods_listener(&mut node, &sandbox).await;
    let url = forward_url(&mut node, &sandbox).await;
    let mut client = spdy::Client::new(upgraded(&url, "portforward.k8s.io", Transport::Spdy).await.unwrap());
    let (_, first) = dial(&mut client, 1, "8080").await;
    let (mut given_up, _) = listener.accept().await.unwrap();
    let (_, second) = dial(&mut client, 5, "8080").await;
    let (mut kept, _) = listener.accept().await.unwrap();
    client.send(first, true, b"").await;
    client.reset(first).await;
    let mut rest = Vec::new();
    given_up.read_to_end(&mut rest).await.unwrap();
    // It is gone both ways: writing to it fails once the other side has heard of it.
    while given_up.write_all(b"nobody wants it").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    kept.write_all(b"still here").await.unwrap();
    // What was on its way when the client gave it up does not count.
    let heard = loop {
        match client.next().await.unwrap() {
            (stream, _) if stream == first => {}
            heard => break heard,
        }
    };
    assert_eq!(heard, (second, b"still here".to_vec()));
}

/// kubectl and crictl send SPDY inside the messages of a WebSocket, cut anywhere.
#[tokio::test]
async fn port_forwarding_runs_in_a_tunnel_too() {
    let (mut node, sandbox) = start().await;
    let listener = pods_listener(&mut node, &sandbox).await;
    let url = forward_url(&mut node, &sandbox).await;
    let socket = upgraded(&url, "SPDY/3.1+portforward.k8s.io", Transport::WebSocket).await.unwrap();
    let mut tunnel = websocket::Client::new(socket);
    // The frames are written by a client of plain SPDY, into a socket of the test.
    let local = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = tokio::net::TcpStream::connect(local.local_addr().unwrap()).await.unwrap();
    let (mut far, _) = local.accept().await.unwrap();
    let mut client = spdy::Client::new(near);
    let (_, data) = dial(&mut client, 1, "8080").await;
    client.send(data, true, b"question").await;
    drop(client);
    let mut frames = Vec::new();
    far.read_to_end(&mut frames).await.unwrap();
    for part in frames.chunks(7) {
        tunnel.send(2, part).await;
    }
    let (mut pod, _) = listener.accept().await.unwrap();
    let mut heard = Vec::new();
    pod.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"question");
    pod.write_all(b"answer").await.unwrap();
    let mut back = Vec::new();
    while !back.ends_with(b"answer") {
        back.extend(tunnel.next().await.unwrap());
    }
}

#[tokio::test]
async fn only_protocols_that_are_known_are_spoken() {
    let (mut node, sandbox) = start().await;
    let id = run(&mut node, &sandbox, "sleep", false, false).await;
    for transport in BOTH {
        let url = exec_url(&mut node, &id, &["cat"], false).await;
        let (code, text) = upgraded(&url, "v9.channel.k8s.io", transport).await.unwrap_err();
        assert_eq!(code, 403);
        assert!(text.starts_with("unable to upgrade: unable to negotiate protocol: client supports [\"v9"), "{text}");
    }
    let url = exec_url(&mut node, &id, &["cat"], false).await;
    let (code, text) = ask(&url, "POST", "").await.unwrap_err();
    assert_eq!((code, text.as_str()), (400, "unable to upgrade: missing upgrade headers in request"));

    // The oldest protocol has text for a status, and nothing for success.
    let url = exec_url(&mut node, &id, &["none"], false).await;
    let mut old = websocket::Client::new(upgraded(&url, "channel.k8s.io", Transport::WebSocket).await.unwrap());
    let message = old.next().await.unwrap();
    assert_eq!(message[0], STATUS);
    assert!(message[1..].starts_with(b"Internal error occurred: no such module"));
}
