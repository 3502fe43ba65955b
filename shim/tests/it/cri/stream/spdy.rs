//! SPDY/3.1 from the client's side, frame by frame.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const FIN: u8 = 1;

pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    started: bool,
}

impl Client {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, started: false }
    }

    /// Opens a stream. Its headers are stored, not deflated, after the two bytes of zlib and the number of SPDY's dictionary.
    pub(crate) async fn open(&mut self, stream: u32, headers: &[(&str, &str)]) {
        let field = |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
        let mut text = u32::try_from(headers.len()).unwrap().to_be_bytes().to_vec();
        headers.iter().for_each(|(name, value)| text.extend([field(name), field(value)].concat()));
        let len = u16::try_from(text.len()).unwrap();
        let start = if self.started { &[][..] } else { &[0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2] };
        self.started = true;
        let block = [start, &[0], &len.to_le_bytes(), &(!len).to_le_bytes(), &text].concat();
        self.control(1, &[&stream.to_be_bytes()[..], &[0; 6], &block].concat()).await;
    }

    pub(crate) async fn control(&mut self, kind: u8, body: &[u8]) {
        let [_, a, b, c] = u32::try_from(body.len()).unwrap().to_be_bytes();
        self.socket.write_all(&[&[0x80, 3, 0, kind, 0, a, b, c], body].concat()).await.unwrap();
    }

    pub(crate) async fn send(&mut self, stream: u32, last: bool, bytes: &[u8]) {
        let [_, a, b, c] = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let head = [&stream.to_be_bytes()[..], &[if last { FIN } else { 0 }, a, b, c]].concat();
        self.socket.write_all(&[&head, bytes].concat()).await.unwrap();
    }

    /// Gives a stream up: status 5 is CANCEL.
    pub(crate) async fn reset(&mut self, stream: u32) {
        self.control(3, &[stream.to_be_bytes(), 5_u32.to_be_bytes()].concat()).await;
    }

    /// The next bytes of a stream, none for its end; `None` once the connection has ended.
    pub(crate) async fn next_or_end(&mut self) -> Option<(u32, Vec<u8>)> {
        loop {
            let mut head = [0; 8];
            self.socket.read_exact(&mut head).await.ok()?;
            let mut body = vec![0; u32::from_be_bytes([0, head[5], head[6], head[7]]) as usize];
            self.socket.read_exact(&mut body).await.ok()?;
            if head[0] & 0x80 == 0 {
                return Some((u32::from_be_bytes([head[0], head[1], head[2], head[3]]), body));
            }
        }
    }

    /// The next bytes of a stream that are not none.
    pub(crate) async fn next(&mut self) -> Option<(u32, Vec<u8>)> {
        loop {
            let (stream, bytes) = self.next_or_end().await?;
            if !bytes.is_empty() {
                return Some((stream, bytes));
            }
        }
    }
}
