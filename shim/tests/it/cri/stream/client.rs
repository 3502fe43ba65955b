//! A client of streams written by hand, so that it can be as hostile as it likes: the handshake, and a remote command's channels
//! over either transport.

use std::time::Duration;

use shim::cri::message::{AttachRequest, ExecRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{spdy, websocket};
use crate::cri::Node;

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const STDIN: u8 = 0;
pub(crate) const STDOUT: u8 = 1;
pub(crate) const STDERR: u8 = 2;
pub(crate) const STATUS: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Spdy,
    WebSocket,
}

pub(crate) const BOTH: [Transport; 2] = [Transport::Spdy, Transport::WebSocket];

/// A connection of either transport.
pub(crate) enum Wire {
    Spdy(spdy::Client),
    WebSocket(websocket::Client),
}

/// A client of a remote command.
pub(crate) struct Remote {
    pub(crate) wire: Wire,
}

/// What a command told its client.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: serde_json::Value,
}

impl Remote {
    /// A command with these words, with an input if `input`.
    pub(crate) async fn exec(node: &mut Node, transport: Transport, id: &str, words: &[&str], input: bool) -> Self {
        let url = exec_url(node, id, words, input).await;
        Self::connect(&url, transport, input, &[STDOUT, STDERR]).await
    }

    /// A container's own program, with its input.
    pub(crate) async fn attach(node: &mut Node, transport: Transport, id: &str) -> Self {
        let req = AttachRequest { container_id: id.to_owned(), stdin: true, stdout: true, ..Default::default() };
        let url = node.pods.attach(req).await.unwrap().into_inner().url;
        Self::connect(&url, transport, true, &[STDOUT]).await
    }

    /// What a URL leads to.
    pub(crate) async fn connect(url: &str, transport: Transport, input: bool, outputs: &[u8]) -> Self {
        let wire = match transport {
            Transport::Spdy => {
                let mut client = spdy::Client::new(upgraded(url, "v4.channel.k8s.io", transport).await.unwrap());
                let channels = [&[STATUS][..], if input { &[STDIN] } else { &[] }, outputs].concat();
                for channel in channels {
                    let name = ["stdin", "stdout", "stderr", "error"][usize::from(channel)];
                    client.open(stream(channel), &[("streamtype", name)]).await;
                }
                Wire::Spdy(client)
            }
            Transport::WebSocket => {
                Wire::WebSocket(websocket::Client::new(upgraded(url, "v5.channel.k8s.io", transport).await.unwrap()))
            }
        };
        Self { wire }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Spdy(client) => client.send(stream(STDIN), false, bytes).await,
            Wire::WebSocket(client) => client.send(2, &[&[STDIN], bytes].concat()).await,
        }
    }

    pub(crate) async fn end_input(&mut self) {
        match &mut self.wire {
            Wire::Spdy(client) => client.send(stream(STDIN), true, &[]).await,
            Wire::WebSocket(client) => client.send(2, &[255, STDIN]).await,
        }
    }

    /// The next bytes of a channel; `None` once the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let next = async {
            match &mut self.wire {
                Wire::Spdy(client) => client.next().await.map(|(stream, bytes)| (channel(stream), bytes)),
                Wire::WebSocket(client) => client.next().await.map(|mut bytes| (bytes.remove(0), bytes)),
            }
        };
        timeout(PATIENCE, next).await.expect("the server went on")
    }

    /// Everything until the status.
    pub(crate) async fn told(&mut self) -> Told {
        let mut told = Told::default();
        while let Some((channel, bytes)) = self.next().await {
            match channel {
                STDOUT => told.stdout.push_str(std::str::from_utf8(&bytes).unwrap()),
                STDERR => told.stderr.push_str(std::str::from_utf8(&bytes).unwrap()),
                STATUS => {
                    told.status = serde_json::from_slice(&bytes).unwrap();
                    return told;
                }
                other => panic!("nobody has channel {other}"),
            }
        }
        panic!("no status came: {told:?}")
    }

    /// Waits for some text of the program.
    pub(crate) async fn hears(&mut self, text: &str) {
        let mut heard = String::new();
        while !heard.contains(text) {
            let Some((STDOUT, bytes)) = self.next().await else { panic!("it heard `{heard}`, not `{text}`") };
            heard.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The connection below, which reads nothing more.
    pub(crate) fn into_socket(self) -> TcpStream {
        match self.wire {
            Wire::Spdy(client) => client.socket,
            Wire::WebSocket(client) => client.socket,
        }
    }
}

pub(crate) async fn exec_url(node: &mut Node, id: &str, words: &[&str], input: bool) -> String {
    let req = ExecRequest {
        container_id: id.to_owned(),
        cmd: words.iter().map(|it| (*it).to_owned()).collect(),
        stdin: input,
        stdout: true,
        stderr: true,
        tty: false,
    };
    node.pods.exec(req).await.unwrap().into_inner().url
}

/// SPDY's number of a channel: clients open odd ones.
fn stream(channel: u8) -> u32 {
    u32::from(channel) * 2 + 1
}

fn channel(stream: u32) -> u8 {
    u8::try_from((stream - 1) / 2).unwrap()
}

/// Asks for another protocol; the connection that speaks it, or the code and text of a refusal.
pub(crate) async fn upgraded(url: &str, protocol: &str, transport: Transport) -> Result<TcpStream, (u16, String)> {
    let head = match transport {
        Transport::Spdy => {
            format!("Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: {protocol}\r\n")
        }
        Transport::WebSocket => format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocol}\r\n"
        ),
    };
    let method = if transport == Transport::Spdy { "POST" } else { "GET" };
    ask(url, method, &head).await
}

pub(crate) async fn ask(url: &str, method: &str, headers: &str) -> Result<TcpStream, (u16, String)> {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let request = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(socket.read_u8().await.unwrap()));
    }
    let code: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    if code == 101 {
        return Ok(socket);
    }
    let len = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; len.parse().unwrap()];
    socket.read_exact(&mut body).await.unwrap();
    Err((code, String::from_utf8(body).unwrap()))
}
