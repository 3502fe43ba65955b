//! The images of a running server, for commands: what they ask, and what they are told while a pull goes on.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use runtime::Image;
use runtime::image::{BlobProgress, Credential, Pull, Report};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::Connection;
use crate::node::LocalNode;

/// News of a pull that a slow command has not read; more is not told.
const NEWS_MAX: usize = 16;
/// The longest line of news.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Asks the server to give a file on this machine an image name.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Import {
    /// An absolute path.
    pub path: PathBuf,
    /// The image's name.
    pub reference: String,
}

/// Asks the server to fetch an image.
#[derive(Deserialize, Serialize)]
pub(crate) struct PullOrder {
    /// The image's name.
    pub reference: String,
    /// Who asks; empty for nobody in particular.
    pub username: String,
    /// Their password.
    pub password: String,
}

/// Which image is meant, by any of its names or its id.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Name {
    /// A name or an id.
    pub name: String,
}

/// An image as commands see it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct ImageSummary {
    /// `sha256:…`.
    pub id: String,
    /// Its names.
    pub references: Vec<String>,
    /// The sum of its files.
    pub size_bytes: u64,
}

/// What a pull tells, a line of JSON each.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum News {
    /// A blob is so far.
    Progress {
        /// Which one.
        digest: String,
        /// Bytes that are here.
        bytes: u64,
        /// Bytes that it has.
        total: u64,
    },
    /// It is here.
    Done(ImageSummary),
    /// It cannot be had.
    Failed(String),
}

impl From<Image> for ImageSummary {
    fn from(image: Image) -> ImageSummary {
        ImageSummary { id: image.id, references: image.references, size_bytes: image.size_bytes }
    }
}

// === impl PullOrder ===

impl PullOrder {
    /// What the runtime is asked.
    pub(crate) fn into_pull(self, report: Report) -> Pull {
        let credential = Credential { username: self.username, password: self.password, ..Credential::default() };
        Pull { reference: self.reference, credential, report }
    }
}

// === the server's side ===

pub(super) fn router() -> Router<LocalNode> {
    use axum::routing::{get, post};
    Router::new().route("/images", get(list).post(import).delete(remove)).route("/images/pull", post(pull))
}

async fn list(State(node): State<LocalNode>) -> Response {
    answer(blocking(move || Ok(node.runtime().images().list()?)).await)
}

async fn import(State(node): State<LocalNode>, Json(import): Json<Import>) -> Response {
    answer(blocking(move || Ok(vec![node.runtime().images().import(&import.reference, &import.path)?])).await)
}

async fn remove(State(node): State<LocalNode>, Query(Name { name }): Query<Name>) -> Response {
    let removed = blocking(move || {
        let images = node.runtime().images();
        let image = images.resolve(&name)?;
        images.remove(&name)?;
        Ok(image.into_iter().collect())
    });
    answer(removed.await)
}

/// Ends with the connection: a command that is interrupted interrupts the pull.
async fn pull(State(node): State<LocalNode>, Json(order): Json<PullOrder>) -> Response {
    let (sender, receiver) = mpsc::channel(NEWS_MAX);
    let report = Report::to(move |it: BlobProgress| {
        // Who reads slowly misses some, and the last word comes another way.
        let _ = sender.try_send(News::Progress { digest: it.digest, bytes: it.bytes, total: it.bytes_total });
    });
    let pulling = async move {
        match node.runtime().images().pull(order.into_pull(report)).await {
            Ok(image) => News::Done(image.into()),
            Err(err) => News::Failed(format!("{:#}", anyhow::Error::from(err))),
        }
    };
    let progress = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let news = stream::select(progress, stream::once(pulling));
    let lines = news.map(|news| {
        let mut line = serde_json::to_vec(&news).expect("strings and numbers always encode");
        line.push(b'\n');
        Ok::<_, Infallible>(Bytes::from(line))
    });
    Body::from_stream(lines).into_response()
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

// === the command's side ===

/// The images of the server on `data_dir`; `None` if no server runs there.
///
/// # Errors
/// With what the server says went wrong.
pub(crate) async fn ask_list(data_dir: &Path) -> Result<Option<Vec<ImageSummary>>> {
    ask(data_dir, Request::get("/images").body(Full::default())?).await
}

/// Has the server on `data_dir` import a file.
///
/// # Errors
/// As `ask_list`.
pub(crate) async fn ask_import(data_dir: &Path, import: &Import) -> Result<Option<Vec<ImageSummary>>> {
    ask(data_dir, post("/images", import)?).await
}

/// Has the server on `data_dir` forget an image; the image, if there was one.
///
/// # Errors
/// As `ask_list`.
pub(crate) async fn ask_remove(data_dir: &Path, name: &str) -> Result<Option<Vec<ImageSummary>>> {
    // Names and ids need no escaping in a query: what does is no name.
    let request = Request::delete(format!("/images?name={name}")).body(Full::default());
    ask(data_dir, request.with_context(|| format!("not an image's name: {name}"))?).await
}

/// Has the server on `data_dir` fetch an image, and tells `listener` of its news until the last.
///
/// # Errors
/// With what went wrong.
pub(crate) async fn ask_pull(
    data_dir: &Path,
    order: &PullOrder,
    listener: impl Fn(BlobProgress),
) -> Result<Option<ImageSummary>> {
    let Some(mut connection) = Connection::open(data_dir).await? else { return Ok(None) };
    let mut lines = Lines { body: connection.send(post("/images/pull", order)?).await?, rest: BytesMut::new() };
    while let Some(line) = lines.next().await? {
        match serde_json::from_slice(&line).context("read the server's news")? {
            News::Progress { digest, bytes, total } => listener(BlobProgress { digest, bytes, bytes_total: total }),
            News::Done(image) => return Ok(Some(image)),
            News::Failed(reason) => bail!("{reason}"),
        }
    }
    bail!("the server ended in the middle of the pull")
}

fn post(path: &str, order: &impl Serialize) -> Result<Request<Full<Bytes>>> {
    let body = Full::from(serde_json::to_vec(order)?);
    Ok(Request::post(path).header("content-type", "application/json").body(body)?)
}

async fn ask(data_dir: &Path, request: Request<Full<Bytes>>) -> Result<Option<Vec<ImageSummary>>> {
    let Some(body) = super::ask(data_dir, request).await? else { return Ok(None) };
    serde_json::from_slice(&body).map(Some).context("read the server's answer")
}

/// A body, line by line.
struct Lines {
    body: Incoming,
    rest: BytesMut,
}

// === impl Lines ===

impl Lines {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.rest.split_to(end + 1).freeze()));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            if let Ok(bytes) = frame?.into_data() {
                self.rest.extend_from_slice(&bytes);
            }
            if self.rest.len() > LINE_BYTES_MAX {
                bail!("the server's news do not end");
            }
        }
    }
}
