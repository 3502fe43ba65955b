//! Components that serve HTTP: an instance per request, bounds, failures, stop.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use runtime::{ExitReason, Instance, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::node::{Node, ended, printed, prints};

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    send(address, http::Request::get(path).header("host", "test").body(Full::default()).unwrap()).await
}

async fn send(address: SocketAddr, request: http::Request<Full<bytes::Bytes>>) -> (u16, String) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn server(node: &Node, memory_bytes_max: Option<u64>) -> (Instance, SocketAddr, std::path::PathBuf) {
    let image = node.import("server");
    let mut spec = node.spec(&image, &[]);
    spec.memory_bytes_max = memory_bytes_max;
    let log = spec.log_path.clone().unwrap();
    let address = node.host(1, spec.http_port);
    (node.runtime.start(spec).await.unwrap(), address, log)
}

#[tokio::test]
async fn the_example_answers_as_soon_as_it_is_started() {
    let node = Node::open();
    let image = node.import("hello-http");
    let mut spec = node.spec(&image, &[]);
    spec.http_port = 80;
    spec.env.push(("GREETING".to_owned(), "hi".to_owned()));
    let instance = node.runtime.start(spec).await.unwrap();
    let address = node.runtime.host_address("10.42.0.1:80".parse().unwrap());
    assert_eq!(get(address, "/a?b").await, (200, "hi: /a?b\n".to_owned()));
    assert_eq!(instance.stats().memory_bytes, 0, "no instance while idle");
    assert!(instance.stats().cpu_nanos > 0);
    let exit = instance.stop(Duration::from_secs(5)).await;
    assert_eq!((exit.code, exit.reason), (0, ExitReason::Completed));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn every_request_has_an_instance_of_its_own() {
    let node = Node::open();
    let (_instance, address, _) = server(&node, None).await;
    for _ in 0..3 {
        assert_eq!(get(address, "/calls").await, (200, "call 1".to_owned()));
    }
    assert_eq!(get(address, "/large").await.1.len(), 1 << 20);
    let body = Full::from(vec![b'x'; 3 << 20]);
    let request = http::Request::post("/echo").header("host", "test").body(body).unwrap();
    assert_eq!(send(address, request).await, (200, format!("{} bytes", 3 << 20)));
}

#[tokio::test]
async fn a_request_that_fails_fails_alone() {
    let node = Node::open();
    let (instance, address, log) = server(&node, Some(32 << 20)).await;
    assert_eq!(get(address, "/panic").await.0, 500);
    prints(&log, "a request failed").await;
    assert_eq!(get(address, "/bomb").await.0, 500);
    prints(&log, "a request was ended: out of memory").await;
    assert_eq!(get(address, "/silent").await.0, 500);
    assert_eq!(get(address, "/").await, (200, "ok".to_owned()));
    assert_eq!(instance.exit(), None);
    assert!(printed(&log).contains("as told"));
}

#[tokio::test]
async fn headers_are_bounded() {
    let node = Node::open();
    let (_instance, address, log) = server(&node, None).await;
    assert_eq!(get(address, "/headers").await.0, 500);
    prints(&log, "total size of fields exceeds limit").await;
    let many = (0..200)
        .fold(http::Request::get("/").header("host", "test"), |request, n| request.header(format!("x-{n}"), "v"));
    assert_eq!(send(address, many.body(Full::default()).unwrap()).await.0, 431);
    assert_eq!(get(address, "/").await.0, 200);
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let node = Node::open();
    let (_instance, address, _) = server(&node, None).await;
    let mut idle = Vec::new();
    for _ in 0..520 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let late = tokio::spawn(get(address, "/"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!late.is_finished());
    drop(idle);
    assert_eq!(late.await.unwrap(), (200, "ok".to_owned()));
}

#[tokio::test]
async fn a_request_that_loops_does_not_keep_others_waiting() {
    let node = Node::open();
    let (instance, address, _) = server(&node, None).await;
    let looping = tokio::spawn(get(address, "/loop"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = tokio::time::timeout(Duration::from_secs(2), get(address, "/")).await;
    assert_eq!(answer.unwrap(), (200, "ok".to_owned()));
    // The client leaves, so its guest ends, and the server can drain.
    looping.abort();
    let exit = instance.stop(Duration::from_secs(10)).await;
    assert_eq!((exit.code, exit.reason), (0, ExitReason::Completed));
}

#[tokio::test]
async fn stop_lets_requests_finish_and_then_kills() {
    let node = Node::open();
    let (instance, address, _) = server(&node, None).await;
    let slow = tokio::spawn(get(address, "/slow"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(instance.stop(Duration::from_secs(10)).await.code, 0);
    assert_eq!(slow.await.unwrap(), (200, "slow".to_owned()));

    let (instance, address, _) = server(&node, None).await;
    let _looping = tokio::spawn(get(address, "/loop"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let exit = instance.stop(Duration::from_millis(100)).await;
    assert_eq!((exit.code, exit.reason), (137, ExitReason::Stopped));
    assert_eq!(ended(&instance).await, exit);
}

#[tokio::test]
async fn a_guest_may_go_on_after_its_answer() {
    let node = Node::open();
    let (_instance, address, log) = server(&node, None).await;
    assert_eq!(get(address, "/after").await, (200, "answered".to_owned()));
    prints(&log, "after the answer").await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let node = Node::open();
    let (_instance, _, _) = server(&node, None).await;
    let image = node.import("server");
    let second = node.runtime.start(node.spec(&image, &[])).await;
    let Err(StartError::Listen { address, .. }) = second else { panic!("{second:?}") };
    assert_eq!(address, "10.42.0.1:8080".parse().unwrap());
}

#[tokio::test]
async fn what_is_over_the_queue_hears_503() {
    let node = Node::open();
    let (_instance, address, _) = server(&node, None).await;
    let requests = (0..400).map(|_| get(address, "/slow"));
    let answers = futures::future::join_all(requests).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.0 == status).count();
    // 64 run and 256 wait.
    assert!(count(200) >= 320, "{} were answered", count(200));
    assert_eq!(count(200) + count(503), 400);
    assert_eq!(get(address, "/").await.0, 200);
}

/// What the server says to bytes on the wire, until it closes or falls silent.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut text)).await;
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn many_short_requests_stay_within_the_quota() {
    let node = Node::open();
    let image = node.import("server");
    let spec = runtime::Spec { cpu_millis_max: Some(50), ..node.spec(&image, &[]) };
    let address = node.host(1, spec.http_port);
    let instance = node.runtime.start(spec).await.unwrap();
    let before = instance.stats().cpu_nanos;
    let end = std::time::Instant::now() + Duration::from_secs(1);
    while std::time::Instant::now() < end {
        assert_eq!(get(address, "/").await.0, 200);
    }
    let used = Duration::from_nanos(instance.stats().cpu_nanos - before);
    assert!(used < Duration::from_millis(80), "a twentieth of a core for a second used {used:?}");
}

#[tokio::test]
async fn clients_of_every_kind_are_answered() {
    let node = Node::open();
    let (_instance, address, _) = server(&node, None).await;
    let old = raw(address, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200") && old.ends_with("ok"), "{old}");
    let two = "GET /calls HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let both = raw(address, two).await;
    assert_eq!(both.matches("HTTP/1.1 200").count(), 2, "{both}");
    let chunked = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                   3\r\nabc\r\n0\r\n\r\n";
    let echo = raw(address, chunked).await;
    assert!(echo.contains("3 bytes"), "{echo}");
    let head = raw(address, "HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    for garbage in ["\r\n\r\n", "GET", "\0\0\0\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        raw(address, garbage).await;
    }
    assert_eq!(get(address, "/").await.0, 200);
}

#[tokio::test]
async fn more_requests_than_instances_are_queued() {
    let node = Node::open();
    let (_instance, address, _) = server(&node, None).await;
    let requests = (0..200).map(|_| get(address, "/slow"));
    let answers = futures::future::join_all(requests).await;
    assert!(answers.iter().all(|answer| *answer == (200, "slow".to_owned())));
}

/// Asks for more than the kernel buffers, and reads none of it.
async fn unread(address: SocketAddr, path: &str) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// As many as may run at once are held by clients that do not read; they are cut off, and others are answered.
#[tokio::test]
async fn clients_that_do_not_read_do_not_hold_a_server_for_ever() {
    let node = Node::open();
    let (instance, address, _) = server(&node, None).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(unread(address, "/endless").await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let waiting = tokio::spawn(get(address, "/"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished(), "every place is taken");
    waiting.abort();
    // A busy machine takes a while to fill what the kernel buffers for each.
    let answered = async {
        loop {
            elapse(Duration::from_secs(31)).await;
            if let Ok(answer) = tokio::time::timeout(Duration::from_secs(1), get(address, "/")).await {
                return answer;
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(3600), answered).await.unwrap(), (200, "ok".to_owned()));
    drop(silent);
    assert_eq!(instance.stop(Duration::from_secs(10)).await.code, 0);
}

#[tokio::test]
async fn a_body_that_does_not_come_fails_its_request() {
    let node = Node::open();
    let (_instance, address, _) = server(&node, None).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    elapse(Duration::from_secs(31)).await;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200", "the guest counts what came until the body broke");
}

#[tokio::test]
async fn a_header_that_does_not_come_ends_its_connection() {
    let node = Node::open();
    let (_instance, address, _) = server(&node, None).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    elapse(Duration::from_secs(61)).await;
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.expect("it is closed");
}

/// Lets the runtime believe that time has passed.
async fn elapse(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    tokio::time::sleep(Duration::from_millis(200)).await;
}
