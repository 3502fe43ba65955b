//! Serves a component's HTTP: a listener on the group's address, a fresh instance per request, nothing while idle.
//!
//! # Guarantees
//! - When `start` returns, the listener is bound and the component was instantiated once.
//! - Connections, requests at once and requests that wait are bounded; what is over the bound hears 503.
//! - A client that does not send its header, its body or read its answer is cut off, see `pace`.
//! - On stop the listener closes first, then what is under way is finished.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::command::cannot_start;
use crate::cpu::Metered;
use crate::exit;
use crate::http::pace::PacedWrites;
use crate::http::request::{self, Server};
use crate::instance::{Life, Phase};
use crate::program::Program;
use crate::spec::{Exit, ExitReason, StartError};
use crate::state::{self, State};

const CONNECTIONS_MAX: usize = 512;
/// From the first byte that may come to the last byte of the header; closes idle connections too.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
const HEADERS_MAX: usize = 100;
const CONNECTION_BUFFER_BYTES_MAX: usize = 64 << 10;
/// After a failed accept, which is most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Tries the component, binds and serves on a task of its own.
pub(crate) async fn start(program: Arc<Program>, pre: ProxyPre<State>, address: SocketAddr) -> Result<(), StartError> {
    if let Err(err) = rehearse(&program, &pre).await {
        let exit = exit::of_error(&err);
        if exit.reason == ExitReason::OutOfMemory {
            program.life.advance(Phase::Ended(exit));
            return Ok(());
        }
        return Err(cannot_start(&program, err));
    }
    let host = program.network.bind(address).map_err(|_| std::io::ErrorKind::AddrNotAvailable.into());
    let bound = match host {
        Ok(host) => TcpListener::bind(host).await,
        Err(err) => Err(err),
    };
    let listener = bound.map_err(|source| StartError::Listen { address, source })?;
    let server = Arc::new(Server::new(program, pre, address));
    // The life owns it: the task ends when it is stopped.
    tokio::spawn(live(listener, server));
    Ok(())
}

/// One instance that never runs, so that what cannot be instantiated fails now and not at the first request.
async fn rehearse(program: &Arc<Program>, pre: &ProxyPre<State>) -> wasmtime::Result<()> {
    let (account, running) = (Arc::clone(&program.life.cpu), Arc::clone(&program.running));
    let instantiate = |meter| async move {
        let mut store = state::store(program, meter);
        pre.instantiate_async(&mut store).await.map(drop)
    };
    Metered::new(account, running, instantiate).await
}

async fn live(listener: TcpListener, server: Arc<Server>) {
    let life = Arc::clone(&server.program.life);
    let exit = tokio::select! {
        biased;
        () = life.killed() => Exit::killed(),
        () = serve(listener, &server, &life) => Exit::completed(),
    };
    server.end();
    server.idle().await;
    server.program.streams.finish().await;
    drop(server);
    life.advance(Phase::Ended(exit));
}

/// Accepts until the life is stopping, then finishes what was accepted.
async fn serve(listener: TcpListener, server: &Arc<Server>, life: &Life) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    let mut stopping = std::pin::pin!(life.stopping());
    loop {
        let next = tokio::select! {
            () = &mut stopping => break,
            next = accept(&listener, &connections) => next,
        };
        while tasks.try_join_next().is_some() {}
        let Ok((stream, permit)) = next else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        tasks.spawn(connection(stream, permit, Arc::clone(server), graceful.watcher()));
    }
    drop(listener);
    graceful.shutdown().await;
    server.idle().await;
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await;
    let permit = permit.expect("the semaphore is never closed");
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

async fn connection(
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    server: Arc<Server>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = service_fn(move |req: http::Request<Incoming>| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(request::handle(server, req).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(CONNECTION_BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(PacedWrites::new(stream)), service);
    if let Err(err) = watcher.watch(connection).await {
        tracing::debug!(%err, "a connection broke");
    }
    drop(permit);
}
