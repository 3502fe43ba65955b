//! A connection against a client that writes frames by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::Connection;
use super::frame::{self, Control, HEAD_BYTES, Head};

/// The client's end, with what it has to remember.
struct Client {
    io: DuplexStream,
    started: bool,
}

fn connected() -> (Client, Connection) {
    let (io, server) = tokio::io::duplex(64 * 1024);
    (Client { io, started: false }, Connection::new(server))
}

impl Client {
    async fn open(&mut self, stream: u32, name: &str, value: &str) {
        let field = |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
        let text = [1_u32.to_be_bytes().to_vec(), field(name), field(value)].concat();
        let len = u16::try_from(text.len()).unwrap();
        let start = if self.started { &[][..] } else { &[0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2] };
        self.started = true;
        let block = [start, &[0], &len.to_le_bytes(), &(!len).to_le_bytes(), &text].concat();
        let body = [&stream.to_be_bytes()[..], &[0; 6], &block].concat();
        let [_, a, b, c] = u32::try_from(body.len()).unwrap().to_be_bytes();
        self.io.write_all(&[&[0x80, 3, 0, 1, 0, a, b, c], &body[..]].concat()).await.unwrap();
    }

    async fn send(&mut self, stream: u32, last: bool, bytes: &[u8]) {
        self.io.write_all(&frame::data(stream, last, bytes.len())).await.unwrap();
        self.io.write_all(bytes).await.unwrap();
    }

    async fn next(&mut self) -> (Head, Vec<u8>) {
        let mut head = [0; HEAD_BYTES];
        self.io.read_exact(&mut head).await.unwrap();
        let head = frame::head(head).unwrap();
        let (Head::Data { len, .. } | Head::Control { len, .. }) = head;
        let mut body = vec![0; len];
        self.io.read_exact(&mut body).await.unwrap();
        (head, body)
    }
}

#[tokio::test]
async fn a_stream_is_answered_and_carries_bytes_both_ways() {
    let (mut client, mut server) = connected();
    client.open(1, "streamtype", "stdin").await;
    let mut stream = server.accept().await.unwrap();
    assert_eq!(stream.header("streamtype"), Some("stdin"));
    assert!(matches!(client.next().await, (Head::Control { kind: 2, .. }, _)), "a SYN_REPLY");

    client.send(1, false, b"over").await;
    client.send(1, true, b" and out").await;
    let mut heard = Vec::new();
    while let Some(bytes) = stream.input.recv().await {
        heard.extend(bytes);
    }
    assert_eq!(heard, b"over and out");

    stream.output.write(b"heard").await.unwrap();
    stream.output.finish().await.unwrap();
    assert_eq!(client.next().await, (Head::Data { stream: 1, last: false, len: 5 }, b"heard".to_vec()));
    assert_eq!(client.next().await, (Head::Data { stream: 1, last: true, len: 0 }, Vec::new()));
}

#[tokio::test]
async fn pings_come_back_and_what_nobody_reads_is_dropped() {
    let (mut client, mut server) = connected();
    client.open(1, "streamtype", "stdin").await;
    drop(server.accept().await.unwrap());
    client.next().await;
    client.send(1, false, &[7; 1_000_000]).await;
    client.io.write_all(&frame::ping([0, 0, 0, 5])).await.unwrap();
    let (head, body) = client.next().await;
    let Head::Control { kind, flags, .. } = head else { panic!("{head:?}") };
    assert_eq!(frame::control(kind, flags, &body).unwrap(), Control::Ping([0, 0, 0, 5]));
}

#[tokio::test]
async fn a_reader_that_is_slow_stops_the_sender() {
    let (mut client, mut server) = connected();
    client.open(1, "streamtype", "stdin").await;
    let mut stream = server.accept().await.unwrap();
    client.next().await;
    let sender = tokio::spawn(async move {
        client.send(1, true, &[7; 1_000_000]).await;
        client
    });
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!sender.is_finished(), "a million bytes are not kept in memory");
    let mut len = 0;
    while let Some(bytes) = stream.input.recv().await {
        len += bytes.len();
    }
    assert_eq!(len, 1_000_000);
    sender.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_breaks_the_protocol_ends() {
    let (mut client, mut server) = connected();
    client.io.write_all(&[0x80, 2, 0, 1, 0, 0, 0, 0]).await.unwrap();
    assert!(server.accept().await.is_none());
}
