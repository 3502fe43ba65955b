//! One request: admitted, given an instance, answered, and cleaned up whatever either side does.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::cpu::{Meter, Metered};
use crate::exit;
use crate::http::ResponseBody;
use crate::http::pace::PacedBody;
use crate::program::Program;
use crate::spec::{Exit, ExitReason, LogStream};
use crate::state::{self, State};

/// Instances of one server at once.
const REQUESTS_MAX: usize = 64;
/// Requests that wait for an instance.
const WAITING_MAX: usize = 256;
const WAIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Until the head of the response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// What a guest may still do after the last byte of its response.
const LINGER: Duration = Duration::from_secs(10);

/// What all requests of one server share.
pub(crate) struct Server {
    pub(crate) program: Arc<Program>,
    pre: ProxyPre<State>,
    address: SocketAddr,
    instances: Arc<Semaphore>,
    waiting: AtomicUsize,
    guests: TaskTracker,
    ended: CancellationToken,
}

impl Server {
    pub(crate) fn new(program: Arc<Program>, pre: ProxyPre<State>, address: SocketAddr) -> Self {
        Self {
            program,
            pre,
            address,
            instances: Arc::new(Semaphore::new(REQUESTS_MAX)),
            waiting: AtomicUsize::new(0),
            guests: TaskTracker::new(),
            ended: CancellationToken::new(),
        }
    }

    /// Waits until no guest is left. No request may come any more.
    pub(crate) async fn idle(&self) {
        self.guests.close();
        self.guests.wait().await;
    }

    /// Ends every guest now.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.instances).try_acquire_owned() {
            return Some(permit);
        }
        let waiting = Waiting::enter(&self.waiting)?;
        let permit = tokio::time::timeout(WAIT_TIMEOUT, Arc::clone(&self.instances).acquire_owned()).await;
        drop(waiting);
        permit.ok().and_then(Result::ok)
    }
}

/// A place in the queue, given back however the wait ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers one request. Cancellation safe: dropping it ends the guest.
pub(crate) async fn handle(server: Arc<Server>, mut req: Request<Incoming>) -> Response<ResponseBody> {
    let Some(permit) = server.admit().await else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once");
    };
    if let Err(reason) = complete(&mut req, server.address) {
        return plain(StatusCode::BAD_REQUEST, reason);
    }
    let (answer, answered) = oneshot::channel();
    let (finished, gone) = oneshot::channel();
    let (account, running) = (Arc::clone(&server.program.life.cpu), Arc::clone(&server.program.running));
    let tracked = server.guests.clone();
    let guest = |meter| live(server, req, answer, gone, permit, meter);
    tracked.spawn(Metered::new(account, running, guest));
    match tokio::time::timeout(RESPONSE_TIMEOUT, answered).await {
        Ok(Ok(Ok(response))) => response.map(|body| Watched { body, finished: Some(finished) }.boxed_unsync()),
        Ok(Ok(Err(code))) => plain(StatusCode::BAD_GATEWAY, &format!("the component answered with an error: {code}")),
        // The guest is gone, and has said why in the program's log.
        Ok(Err(_)) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the component failed to answer"),
        Err(_) => plain(StatusCode::GATEWAY_TIMEOUT, "the component did not answer in time"),
    }
}

type Answer = oneshot::Sender<Result<Response<HyperOutgoingBody>, ErrorCode>>;

/// The life of one instance: until it returns, the client goes away, or the server ends.
async fn live(
    server: Arc<Server>,
    req: Request<Incoming>,
    answer: Answer,
    gone: oneshot::Receiver<()>,
    permit: OwnedSemaphorePermit,
    meter: Arc<Meter>,
) {
    // After a panic the store is dropped and nothing else was borrowed.
    let run = std::panic::AssertUnwindSafe(run(&server, req, answer, meter)).catch_unwind();
    let client_left = async {
        // An error is a client that left before the last byte.
        if gone.await.is_ok() {
            tokio::time::sleep(LINGER).await;
        }
    };
    tokio::select! {
        biased;
        () = server.ended.cancelled() => {}
        () = client_left => {}
        result = run => match result {
            Ok(Ok(())) => {}
            Ok(Err(err)) => report(&server, &exit::of_error(&err)).await,
            Err(_) => report(&server, &exit::of_panic()).await,
        },
    }
    drop(permit);
}

async fn run(server: &Server, req: Request<Incoming>, answer: Answer, meter: Arc<Meter>) -> wasmtime::Result<()> {
    server.program.life.cpu.paid().await;
    let mut store = state::store(&server.program, meter);
    let req = store.data_mut().http().new_incoming_request(Scheme::Http, req.map(PacedBody::new))?;
    let out = store.data_mut().http().new_response_outparam(answer)?;
    let proxy = server.pre.instantiate_async(&mut store).await?;
    proxy.wasi_http_incoming_handler().call_handle(&mut store, req, out).await
}

/// The person who reads the program's log is who can mend it.
async fn report(server: &Server, exit: &Exit) {
    let what = match exit.reason {
        ExitReason::OutOfMemory => "a request was ended",
        ExitReason::Completed | ExitReason::Error | ExitReason::Stopped => "a request failed",
    };
    let streams = &server.program.streams;
    tokio::select! {
        () = server.ended.cancelled() => {}
        () = streams.room() => streams.write(LogStream::Stderr, format!("{what}: {}\n", exit.message).as_bytes()),
    }
}

/// HTTP/1.0 clients may leave out the host, which the component's request must have.
fn complete(req: &mut Request<Incoming>, address: SocketAddr) -> Result<(), &'static str> {
    if req.headers().contains_key(header::HOST) || req.uri().authority().is_some() {
        return Ok(());
    }
    let host = HeaderValue::from_str(&address.to_string()).map_err(|_| "the host is not a header value")?;
    req.headers_mut().insert(header::HOST, host);
    Ok(())
}

fn plain(status: StatusCode, text: &str) -> Response<ResponseBody> {
    let body = Full::new(Bytes::from(format!("{text}\n"))).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A response body that says when its last byte is gone; dropped before, it tells the guest's task to end.
struct Watched {
    body: HyperOutgoingBody,
    finished: Option<oneshot::Sender<()>>,
}

impl Watched {
    fn finish(&mut self) {
        if let Some(finished) = self.finished.take() {
            // The guest may have returned already.
            let _ = finished.send(());
        }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, wasmtime_wasi_http::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.finish();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
