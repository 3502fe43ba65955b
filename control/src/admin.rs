//! The way for commands of this machine to reach a running server: HTTP over a unix socket that only its owner may open.

pub(crate) mod images;

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use axum::extract::{Query, State};
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http::header::{HOST, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::node::LocalNode;

/// The largest answer that a command reads.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Where a server on this data directory listens.
pub(crate) fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("coracle.sock")
}

/// Serves commands until `shutdown`.
///
/// # Errors
/// When the socket cannot be made.
pub(crate) async fn serve(data_dir: &Path, node: LocalNode, shutdown: CancellationToken) -> Result<()> {
    let path = socket(data_dir);
    // A server that was killed leaves its socket; the store's lock says that no other server runs here.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("remove `{}`", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(&path).with_context(|| format!("listen on `{}`", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let router = images::router().route("/address", get(address)).with_state(node);
    axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.cancelled().await }).await?;
    Ok(())
}

/// Which address is meant.
#[derive(Debug, Deserialize)]
struct Of {
    of: SocketAddr,
}

async fn address(State(node): State<LocalNode>, Query(Of { of }): Query<Of>) -> String {
    node.host_address(of).to_string()
}

/// Asks the server on `data_dir` where this host reaches an address; `None` if no server runs there.
///
/// # Errors
/// With what the server says went wrong.
pub(crate) async fn ask_address(data_dir: &Path, of: SocketAddr) -> Result<Option<String>> {
    let request = Request::get(format!("/address?of={of}")).body(Full::default())?;
    Ok(ask(data_dir, request).await?.map(|body| String::from_utf8_lossy(&body).into_owned()))
}

async fn ask(data_dir: &Path, request: Request<Full<Bytes>>) -> Result<Option<Bytes>> {
    let Some(mut connection) = Connection::open(data_dir).await? else { return Ok(None) };
    let body = connection.send(request).await?;
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(anyhow::Error::from_boxed)?;
    Ok(Some(body.to_bytes()))
}

/// A connection to a server of this machine. It ends with the value.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

// === impl Connection ===

impl Connection {
    /// `None` if no server runs there.
    async fn open(data_dir: &Path) -> Result<Option<Connection>> {
        let path = socket(data_dir);
        let stream = match UnixStream::connect(&path).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(|| format!("connect to `{}`", path.display())),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What went wrong is said by whoever waits for an answer.
            let _ = connection.await;
        });
        Ok(Some(Connection { sender, _driver: driver }))
    }

    /// The body of a successful answer, else an error with what it says.
    async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Incoming> {
        request.headers_mut().insert(HOST, HeaderValue::from_static("coracle"));
        let response = self.sender.send_request(request).await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let said = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        bail!("{}", String::from_utf8_lossy(&said.map_err(anyhow::Error::from_boxed)?.to_bytes()));
    }
}
