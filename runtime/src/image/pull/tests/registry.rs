//! A registry in this process, with faults on demand.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::image::blob::digest;

type Body = BoxBody<Bytes, std::io::Error>;

/// Who is let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Door {
    #[default]
    Open,
    Basic,
    Bearer,
}

/// A running registry; it ends with the value.
pub(super) struct Registry {
    /// `127.0.0.1:PORT`.
    pub(super) host: String,
    pub(super) state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

/// What it has and how it behaves.
#[derive(Default)]
pub(super) struct State {
    pub(super) blobs: HashMap<String, Vec<u8>>,
    /// By tag and by digest.
    pub(super) manifests: BTreeMap<String, Vec<u8>>,
    pub(super) door: Door,
    /// Answers 503 to so many requests.
    pub(super) busy: u32,
    /// Ends the connection after so many bytes of each blob answer.
    pub(super) break_after: Option<usize>,
    /// Sends blobs from another host.
    pub(super) blobs_at: Option<String>,
    pub(super) knows_ranges: bool,
    pub(super) knows_no_head: bool,
    /// `METHOD path` of every request, and its range.
    pub(super) seen: Vec<String>,
    /// `Authorization` of every request.
    pub(super) authorizations: Vec<String>,
}

// === impl Registry ===

impl Registry {
    pub(super) async fn start() -> Registry {
        Self::start_with(None).await
    }

    /// With TLS; also its certificate.
    pub(super) async fn start_with_tls() -> (Registry, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key);
        (Self::start_with(Some(TlsAcceptor::from(Arc::new(config.unwrap())))).await, made.cert.pem())
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State { knows_ranges: true, ..State::default() }));
        let (mut tasks, served, own) = (JoinSet::new(), Arc::clone(&state), host.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (served, own, tls) = (Arc::clone(&served), own.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, served, own).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, served, own).await;
                            }
                        }
                    }
                });
            }
        });
        Registry { host, state, _tasks: tasks }
    }

    pub(super) fn blob(&self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.state.lock().blobs.insert(digest.clone(), bytes.to_vec());
        digest
    }

    /// Puts a manifest under a tag; its digest.
    pub(super) fn manifest(&self, tag: &str, json: &serde_json::Value) -> String {
        let bytes = serde_json::to_vec(json).unwrap();
        let digest = digest(&bytes);
        let mut state = self.state.lock();
        state.manifests.insert(tag.to_owned(), bytes.clone());
        state.manifests.insert(digest.clone(), bytes);
        digest
    }

    /// Requests so far that contain `what`.
    pub(super) fn count(&self, what: &str) -> usize {
        self.state.lock().seen.iter().filter(|line| line.contains(what)).count()
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<Mutex<State>>, own: String) {
    let service = service_fn(move |req: Request<Incoming>| {
        let (state, own) = (Arc::clone(&state), own.clone());
        async move { Ok::<_, Infallible>(answer(&state, &own, req).await) }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(state: &Mutex<State>, own: &str, req: Request<Incoming>) -> Response<Body> {
    let (parts, body) = req.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (path, authorization, range) = (parts.uri.path().to_owned(), header("authorization"), header("range"));
    let mut state = state.lock();
    state.seen.push(format!("{} {path} {range}", parts.method));
    state.authorizations.push(authorization.clone());
    if state.busy > 0 {
        state.busy -= 1;
        return Response::builder().status(503).header("retry-after", "0").body(empty()).unwrap();
    }
    if path == "/token" {
        return token(&parts.method, parts.uri.query().unwrap_or_default(), &authorization, &body);
    }
    let wanted = match state.door {
        Door::Open => authorization.clone(),
        // `ann:pass`
        Door::Basic => "Basic YW5uOnBhc3M=".to_owned(),
        Door::Bearer => "Bearer good".to_owned(),
    };
    if authorization != wanted {
        let challenge = match state.door {
            Door::Bearer => {
                format!("Bearer realm=\"http://{own}/token\",service=\"fake\",scope=\"repository:team/app:pull\"")
            }
            Door::Open | Door::Basic => "Basic realm=\"fake\"".to_owned(),
        };
        let words = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        return Response::builder().status(401).header("www-authenticate", challenge).body(full(words)).unwrap();
    }
    if let Some(reference) = path.strip_prefix("/v2/team/app/manifests/") {
        return manifest(&state, &parts.method, reference);
    }
    match path.strip_prefix("/v2/team/app/blobs/") {
        Some(digest) => blob(&state, digest, &range),
        None => not_found(),
    }
}

/// Ann and who has the refresh token get a good token, nobody a useless one.
fn token(method: &Method, query: &str, authorization: &str, body: &Bytes) -> Response<Body> {
    let form = String::from_utf8_lossy(body).into_owned();
    let known = match *method {
        Method::POST => form.contains("grant_type=refresh_token") && form.contains("refresh_token=refresh"),
        _ => authorization == "Basic YW5uOnBhc3M=" && query.contains("scope=repository:team/app:pull"),
    };
    match (known, authorization.is_empty() && *method == Method::GET) {
        (true, _) => Response::new(full(r#"{"access_token":"good"}"#)),
        (false, true) => Response::new(full(r#"{"token":"useless"}"#)),
        (false, false) => Response::builder().status(401).body(empty()).unwrap(),
    }
}

fn manifest(state: &State, method: &Method, reference: &str) -> Response<Body> {
    let Some(bytes) = state.manifests.get(reference) else { return not_found() };
    if *method == Method::HEAD && state.knows_no_head {
        return Response::builder().status(405).body(empty()).unwrap();
    }
    let body = if *method == Method::HEAD { empty() } else { full(bytes.clone()) };
    Response::builder().header("docker-content-digest", digest(bytes)).body(body).unwrap()
}

fn blob(state: &State, digest: &str, range: &str) -> Response<Body> {
    if let Some(host) = &state.blobs_at {
        let location = format!("http://{host}/v2/team/app/blobs/{digest}");
        return Response::builder().status(307).header("location", location).body(empty()).unwrap();
    }
    let Some(bytes) = state.blobs.get(digest) else { return not_found() };
    let start = range.strip_prefix("bytes=").and_then(|it| it.strip_suffix('-')?.parse::<usize>().ok());
    let start = start.filter(|_| state.knows_ranges);
    if start.is_some_and(|start| start >= bytes.len()) {
        return Response::builder().status(416).body(empty()).unwrap();
    }
    let rest = bytes[start.unwrap_or(0)..].to_vec();
    let mut response = Response::builder().header("content-length", rest.len());
    if let Some(start) = start {
        let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
        response = response.status(206).header("content-range", range);
    }
    let cut = state.break_after.filter(|cut| *cut < rest.len());
    let mut frames: Vec<Result<Frame<Bytes>, std::io::Error>> = Vec::new();
    let sent = &rest[..cut.unwrap_or(rest.len())];
    frames.extend(sent.chunks(1000).map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk)))));
    if cut.is_some() {
        frames.push(Err(std::io::ErrorKind::ConnectionReset.into()));
    }
    // Each frame on its own, so that what came before a break is sent.
    let stream = futures::stream::iter(frames).then(|frame| async {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        frame
    });
    response.body(BodyExt::boxed(StreamBody::new(stream))).unwrap()
}

fn not_found() -> Response<Body> {
    let words = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    Response::builder().status(404).body(full(words)).unwrap()
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed()
}

fn empty() -> Body {
    full(Bytes::new())
}
