//! The way for commands of this machine to reach a running server: HTTP over a unix socket that only its owner may open.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use runtime::Image;
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::node::LocalNode;

/// The largest answer that a command reads.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Asks the server to give a file on this machine an image name.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Import {
    /// An absolute path.
    pub path: PathBuf,
    /// The image's name.
    pub reference: String,
}

/// An image as commands see it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ImageSummary {
    /// `sha256:…`.
    pub id: String,
    /// Its names.
    pub references: Vec<String>,
    /// The sum of its files.
    pub size_bytes: u64,
}

impl From<Image> for ImageSummary {
    fn from(image: Image) -> ImageSummary {
        ImageSummary { id: image.id, references: image.references, size_bytes: image.size_bytes }
    }
}

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
    let router =
        Router::new().route("/images", get(list).post(import)).route("/address", get(address)).with_state(node);
    axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.cancelled().await }).await?;
    Ok(())
}

async fn list(State(node): State<LocalNode>) -> Response {
    answer(blocking(move || Ok(node.runtime().images().list()?)).await)
}

async fn import(State(node): State<LocalNode>, Json(import): Json<Import>) -> Response {
    answer(blocking(move || Ok(vec![node.runtime().images().import(&import.reference, &import.path)?])).await)
}

/// Which address is meant.
#[derive(Debug, Deserialize)]
struct Of {
    of: SocketAddr,
}

async fn address(State(node): State<LocalNode>, Query(Of { of }): Query<Of>) -> String {
    node.host_address(of).to_string()
}

async fn blocking(work: impl FnOnce() -> Result<Vec<Image>> + Send + 'static) -> Result<Vec<Image>> {
    tokio::task::spawn_blocking(work).await.context("the work was not done")?
}

fn answer(images: Result<Vec<Image>>) -> Response {
    match images {
        Ok(images) => Json(images.into_iter().map(ImageSummary::from).collect::<Vec<_>>()).into_response(),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{error:#}")).into_response(),
    }
}

/// Asks the server on `data_dir` for its images, or to import one; `None` if no server runs there.
///
/// # Errors
/// With what the server says went wrong.
pub(crate) async fn ask_images(data_dir: &Path, import: Option<&Import>) -> Result<Option<Vec<ImageSummary>>> {
    let request = match import {
        None => Request::get("/images").header("host", "coracle").body(Full::default())?,
        Some(import) => Request::post("/images")
            .header("host", "coracle")
            .header("content-type", "application/json")
            .body(Full::from(serde_json::to_vec(import)?))?,
    };
    let Some(body) = ask(data_dir, request).await? else { return Ok(None) };
    serde_json::from_slice(&body).map(Some).context("read the server's answer")
}

/// Asks the server on `data_dir` where this host reaches an address; `None` if no server runs there.
///
/// # Errors
/// With what the server says went wrong.
pub(crate) async fn ask_address(data_dir: &Path, of: SocketAddr) -> Result<Option<String>> {
    let request = Request::get(format!("/address?of={of}")).header("host", "coracle").body(Full::default())?;
    Ok(ask(data_dir, request).await?.map(|body| String::from_utf8_lossy(&body).into_owned()))
}

async fn ask(data_dir: &Path, request: Request<Full<Bytes>>) -> Result<Option<Bytes>> {
    let path = socket(data_dir);
    let stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("connect to `{}`", path.display())),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        anyhow::Ok((status, body.map_err(anyhow::Error::from_boxed)?.to_bytes()))
    };
    tokio::pin!(connection, exchange);
    let (status, body): (StatusCode, Bytes) = tokio::select! {
        answered = &mut exchange => answered?,
        ended = &mut connection => {
            ended?;
            exchange.await?
        }
    };
    if !status.is_success() {
        bail!("{}", String::from_utf8_lossy(&body));
    }
    Ok(Some(body))
}
