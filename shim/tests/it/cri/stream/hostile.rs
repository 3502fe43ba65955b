//! Clients that steal, lie, leave in the middle or do not read: what each may cost.

use std::time::Duration;

use shim::cri::message::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{BOTH, PATIENCE, Remote, Transport, Wire, exec_url, upgraded};
use super::{programs, run, start};

/// More than a socket and all that waits behind it hold.
const MUCH: usize = 64 << 20;

#[tokio::test]
async fn an_address_is_good_once_and_cannot_be_guessed() {
    let (mut node, sandbox) = start().await;
    let id = run(&mut node, &sandbox, "sleep", false, false).await;
    let url = exec_url(&mut node, &id, &["cat"], false).await;
    let refused = (404, "this address was used before, or is too old".to_owned());
    let (base, token) = url.rsplit_once('/').unwrap();
    assert_eq!(token.len(), 32, "128 bits");
    let guessed = format!("{base}/{}", "0".repeat(32));
    assert_eq!(upgraded(&guessed, "v4.channel.k8s.io", Transport::Spdy).await.unwrap_err(), refused);
    let used = upgraded(&url, "v4.channel.k8s.io", Transport::Spdy).await.unwrap();
    assert_eq!(upgraded(&url, "v4.channel.k8s.io", Transport::Spdy).await.unwrap_err(), refused);
    // A refused handshake uses it up as well.
    let url = exec_url(&mut node, &id, &["cat"], false).await;
    assert_eq!(upgraded(&url, "v9.channel.k8s.io", Transport::WebSocket).await.unwrap_err().0, 403);
    assert_eq!(upgraded(&url, "v5.channel.k8s.io", Transport::WebSocket).await.unwrap_err(), refused);
    drop(used);
}

/// It resets the connection in the middle of what it is sent.
#[tokio::test]
async fn a_client_that_breaks_off_ends_its_command() {
    let (mut node, sandbox) = start().await;
    let id = run(&mut node, &sandbox, "sleep", false, false).await;
    for transport in BOTH {
        let mut remote = Remote::exec(&mut node, transport, &id, &["yes"], false).await;
        remote.hears("yyyy").await;
        let socket = remote.into_socket();
        socket.set_zero_linger().unwrap();
        drop(socket);
        programs(&node, 1).await;
    }
}

/// Its command reads nothing, so that nothing is read from it either: not even that it has left.
#[tokio::test]
async fn a_client_that_leaves_unread_words_behind_is_missed() {
    let (mut node, sandbox) = start().await;
    let id = run(&mut node, &sandbox, "sleep", false, false).await;
    for transport in BOTH {
        let mut remote = Remote::exec(&mut node, transport, &id, &["sleep"], true).await;
        programs(&node, 2).await;
        let sending = async {
            loop {
                remote.send(&[b'x'; 32 * 1024]).await;
            }
        };
        // Until nobody takes any more of it.
        assert!(tokio::time::timeout(Duration::from_secs(1), sending).await.is_err());
        drop(remote);
        programs(&node, 1).await;
    }
}

/// The command waits for it, at the cost of what a socket holds, and everybody else goes on.
#[tokio::test]
async fn a_client_that_does_not_read_holds_nobody_up() {
    let (mut node, sandbox) = start().await;
    for transport in BOTH {
        let id = run(&mut node, &sandbox, "sleep", false, false).await;
        let remote = Remote::exec(&mut node, transport, &id, &["yes"], false).await;
        programs(&node, 2).await;
        let req = ExecSyncRequest { container_id: id.clone(), cmd: vec!["fails".to_owned()], timeout: 0 };
        assert_eq!(node.pods.exec_sync(req).await.unwrap().into_inner().exit_code, 1);
        node.pods.stop_container(StopContainerRequest { container_id: id, timeout: 0 }).await.unwrap();
        programs(&node, 0).await;
        // Hung up on: what had been sent is all that there is to read.
        assert!(read_to_end(remote.into_socket()).await < MUCH);
    }
}

/// Heads of frames that promise more than is read are the end, before anything of it is kept.
#[tokio::test]
async fn frames_that_are_too_large_end_the_connection() {
    let (mut node, sandbox) = start().await;
    let id = run(&mut node, &sandbox, "sleep", false, false).await;
    for transport in BOTH {
        let mut remote = Remote::exec(&mut node, transport, &id, &["cat"], true).await;
        remote.send(b"hello").await;
        remote.hears("hello").await;
        match &mut remote.wire {
            Wire::Spdy(client) => client.socket.write_all(&[0x80, 3, 0, 8, 0, 0xff, 0xff, 0xff]).await.unwrap(),
            Wire::WebSocket(client) => client.begin(2, 1 << 40).await,
        }
        programs(&node, 1).await;
        read_to_end(remote.into_socket()).await;
    }
}

#[tokio::test]
async fn noise_after_the_handshake_ends_the_connection() {
    let (mut node, sandbox) = start().await;
    let id = run(&mut node, &sandbox, "sleep", false, false).await;
    for (transport, protocol) in [(Transport::Spdy, "v4.channel.k8s.io"), (Transport::WebSocket, "v5.channel.k8s.io")] {
        let url = exec_url(&mut node, &id, &["cat"], true).await;
        let mut socket = upgraded(&url, protocol, transport).await.unwrap();
        // A server that has hung up answers the rest with a reset.
        let _ = socket.write_all(&[0xff; 4096]).await;
        read_to_end(socket).await;
        programs(&node, 1).await;
    }
}

/// How much there is to read until the server hangs up.
async fn read_to_end(mut socket: TcpStream) -> usize {
    let read = async {
        let mut buffer = vec![0; 64 * 1024];
        let mut len = 0;
        while let Ok(read @ 1..) = socket.read(&mut buffer).await {
            len += read;
        }
        len
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the server hung up")
}
