//! WebSockets from the client's side, frame by frame. Its mask is zero, so that what is sent is what is seen.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BINARY: u8 = 2;
const CLOSE: u8 = 8;

pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    /// The code of the server's goodbye.
    pub(crate) closed: Option<u16>,
}

impl Client {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, closed: None }
    }

    pub(crate) async fn send(&mut self, kind: u8, bytes: &[u8]) {
        self.begin(kind, bytes.len()).await;
        self.socket.write_all(bytes).await.unwrap();
    }

    /// The head of a frame, whatever follows.
    pub(crate) async fn begin(&mut self, kind: u8, len: usize) {
        let head = [&[0x80 | kind, 0x80 | 127][..], &(len as u64).to_be_bytes(), &[0; 4]].concat();
        self.socket.write_all(&head).await.unwrap();
    }

    /// The next message that says something; `None` once the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let (kind, bytes) = self.frame().await?;
            match kind {
                BINARY if bytes.len() > 1 => return Some(bytes),
                CLOSE => self.closed = bytes.try_into().ok().map(u16::from_be_bytes),
                _ => {}
            }
        }
    }

    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let kind = self.socket.read_u8().await.ok()? & 0x0f;
        let len = match self.socket.read_u8().await.ok()? {
            126 => u64::from(self.socket.read_u16().await.ok()?),
            127 => self.socket.read_u64().await.ok()?,
            len => u64::from(len),
        };
        let mut bytes = vec![0; usize::try_from(len).unwrap()];
        self.socket.read_exact(&mut bytes).await.ok()?;
        Some((kind, bytes))
    }
}
