//! Clients that hold a connection, over memory instead of TCP, so that time can stand still.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use http::{StatusCode, Version};
use hyper::client::conn::{http1, http2};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::serve::under_way::FIRST_REQUEST_SECONDS_MAX;

const BUFFER_BYTES: usize = 64 << 10;

/// A connection on which the handshake is over; the server's end of it; when it began.
struct Connected {
    stream: TlsStream<DuplexStream>,
    server: JoinHandle<()>,
    begin: Instant,
}

/// `protocol` is what the client offers in its handshake, if anything.
async fn connect(protocol: &str) -> Connected {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let server = rustls::ServerConfig::builder_with_provider(provider.clone());
    let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut server = server.with_single_cert(vec![cert.der().clone()], key.into()).unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider);
    let client = client.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut client = client.with_no_client_auth();
    client.alpn_protocols =
        [protocol].iter().filter(|name| !name.is_empty()).map(|name| name.as_bytes().to_vec()).collect();

    let (ours, theirs) = duplex(BUFFER_BYTES);
    let slot = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let begin = Instant::now();
    let server = tokio::spawn(connection(theirs, acceptor, tower::service_fn(answer), CancellationToken::new(), slot));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, ours).await.unwrap();
    Connected { stream, server, begin }
}

/// `/watch` goes on for ever, everything else is short.
async fn answer(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(match request.uri().path() {
        "/watch" => Body::from_stream(futures::stream::pending::<Result<&str, Infallible>>()),
        _ => Body::from("ok"),
    }))
}

fn seconds(begin: Instant) -> u64 {
    begin.elapsed().as_secs()
}

fn get(path: &str) -> Request<String> {
    Request::get(path).header("host", "localhost").body(String::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_nothing_is_dropped_whatever_it_speaks() {
    for protocol in ["", "http/1.1", "h2"] {
        let mut connected = connect(protocol).await;
        let mut rest = Vec::new();
        // It ends without a farewell, which is an error.
        let _ = connected.stream.read_to_end(&mut rest).await;
        connected.server.await.unwrap();
        assert_eq!(seconds(connected.begin), FIRST_REQUEST_SECONDS_MAX, "{protocol}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_but_asks_nothing_is_dropped() {
    let connected = connect("h2").await;
    let (sender, client) =
        http2::handshake::<_, _, String>(TokioExecutor::new(), TokioIo::new(connected.stream)).await.unwrap();
    let client = tokio::spawn(client);
    connected.server.await.unwrap();
    assert_eq!(seconds(connected.begin), FIRST_REQUEST_SECONDS_MAX);
    drop((sender, client));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_dawdles_is_dropped() {
    let mut connected = connect("http/1.1").await;
    connected.stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    tokio::spawn(async move {
        while connected.stream.write_all(b"a: b\r\n").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    connected.server.await.unwrap();
    assert_eq!(seconds(connected.begin), FIRST_REQUEST_SECONDS_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_be_idle_for_longer_than_clients_keep_it() {
    let connected = connect("http/1.1").await;
    let (mut sender, client) = http1::handshake::<_, String>(TokioIo::new(connected.stream)).await.unwrap();
    tokio::spawn(client);
    for _ in 0..3 {
        assert_eq!(sender.send_request(get("/")).await.unwrap().status(), StatusCode::OK);
        sleep(Duration::from_secs(90)).await;
        sender.ready().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let connected = connect("h2").await;
    let (mut sender, client) = http2::handshake(TokioExecutor::new(), TokioIo::new(connected.stream)).await.unwrap();
    let client = tokio::spawn(client);
    let response = sender.send_request(get("https://localhost/")).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    drop(response);
    connected.server.await.unwrap();
    // It was told so and went by itself.
    client.await.unwrap().unwrap();
    assert_eq!(seconds(connected.begin), IDLE_SECONDS_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_watch_keeps_its_connection() {
    let connected = connect("h2").await;
    let (mut sender, client) = http2::handshake(TokioExecutor::new(), TokioIo::new(connected.stream)).await.unwrap();
    tokio::spawn(client);
    let watch = sender.send_request(get("https://localhost/watch")).await.unwrap();
    sleep(Duration::from_secs(10 * IDLE_SECONDS_MAX)).await;
    assert!(!connected.server.is_finished());
    let begin = Instant::now();
    drop(watch);
    connected.server.await.unwrap();
    assert_eq!(seconds(begin), IDLE_SECONDS_MAX);
}
