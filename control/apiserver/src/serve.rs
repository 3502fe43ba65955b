//! Brings the wire to the server: TCP, TLS with optional client certificates, HTTP/1.1 and HTTP/2.
//!
//! # Guarantees
//! Connections are bounded, and none is held for nothing: a handshake that dawdles, a first request that does not come and
//! a connection that is idle for long are dropped. On shutdown requests under way get [`DRAIN_SECONDS`] to end.

mod under_way;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};
use tracing::{debug, warn};

use crate::tunnel::Tunnel;
use under_way::{Held, IDLE_SECONDS_MAX, Requests};

/// Connections at the same time; the next one waits in the kernel's backlog.
const CONNECTIONS_MAX: usize = 4096;
/// A client that takes longer for its handshake is no client.
const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// A peer that does not answer pings for this long is gone.
const PING_SECONDS: u64 = 15;
/// How long requests under way may take at shutdown.
pub const DRAIN_SECONDS: u64 = 5;
/// How long to wait after the system has refused to accept (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// HTTP/2 streams of one connection at the same time: client-go opens one a watch.
const STREAMS_MAX: u32 = 1000;
/// The largest request head, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The client's certificate, verified against the cluster's CA. Only this file puts it on a request.
#[derive(Clone, Debug)]
pub struct ClientCertificate(pub CertificateDer<'static>);

/// Serves `service` on `listener` until `shutdown`, then drains.
pub async fn run<S>(listener: TcpListener, tls: Arc<rustls::ServerConfig>, service: S, shutdown: CancellationToken)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let acceptor = TlsAcceptor::from(tls);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let (stream, slot) = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            // Reaps those that have ended, so that the set holds only live ones.
            Some(_) = connections.join_next() => continue,
            () = shutdown.cancelled() => break,
        };
        let connection = connection(stream, acceptor.clone(), service.clone(), shutdown.clone(), slot);
        connections.spawn(connection);
    }
    drop(listener);
    let drained =
        timeout(Duration::from_secs(DRAIN_SECONDS), async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        debug!(connections = connections.len(), "cut what did not end in time");
    }
}

/// The next connection, once there is room for it. Cancellation safe.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Watch events are small and must not wait for more.
                let _ = stream.set_nodelay(true);
                return (stream, slot);
            }
            Err(error) => {
                warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection<I, S>(
    stream: I,
    acceptor: TlsAcceptor,
    service: S,
    shutdown: CancellationToken,
    _slot: OwnedSemaphorePermit,
) where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let handshake = timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), acceptor.accept(stream));
    let stream = match handshake.await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%error, "a TLS handshake failed"),
        Err(_) => return debug!("a TLS handshake took too long"),
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first().cloned());
    let certificate = certificate.map(|certificate| ClientCertificate(certificate.into_owned()));
    let requests = Requests::new();
    let tunnel = Arc::new(Mutex::new(None));
    let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| {
        let under_way = requests.begin();
        let mut request = request.map(Body::new);
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        let answered = service.clone().oneshot(request);
        let tunnel = tunnel.clone();
        async move {
            answered.await.map(|mut response| {
                if let Some(agreed) = response.extensions_mut().remove::<Tunnel>() {
                    *tunnel.lock() = Some(agreed);
                }
                response.map(|body| under_way.until_sent(body))
            })
        }
    });
    let builder = builder();
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        held = requests.held() => match held {
            Held::BeforeFirst => return debug!("a connection asked nothing"),
            Held::Idle => {
                connection.as_mut().graceful_shutdown();
                // A slow reader may still be taking the last answer out of our buffers.
                match timeout(Duration::from_secs(IDLE_SECONDS_MAX), connection).await {
                    Ok(ended) => ended,
                    Err(_) => return debug!("a connection did not end"),
                }
            }
        },
    };
    if let Err(error) = ended {
        return debug!(%error, "a connection broke");
    }
    let agreed = tunnel.lock().take();
    if let Some(tunnel) = agreed {
        shutdown.run_until_cancelled(tunnel.run()).await;
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Heads are waited for in `Requests::held`; this one would count the time between requests too.
        .header_read_timeout(None::<Duration>)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(Duration::from_secs(PING_SECONDS))
        .keep_alive_timeout(Duration::from_secs(PING_SECONDS));
    builder
}

#[cfg(test)]
mod tests;
