//! The listener behind the URLs that Exec, Attach and PortForward answer. It is on loopback, and each URL is good once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::remote::Wanted;
use super::token::Tokens;
use super::{attach, exec, port_forward, upgrade};
use crate::cri::error::Error;
use crate::cri::service::Service;

/// Clients that stream at once. Each holds some 100 KiB while it does.
pub(in crate::cri) const CLIENTS_MAX: usize = 512;

/// What a client may do once, at a URL.
#[derive(Debug)]
pub(crate) enum Ticket {
    /// Talk with a command in a container.
    Exec {
        /// Which container.
        container_id: String,
        /// The command.
        args: Vec<String>,
        /// Its streams.
        wanted: Wanted,
    },
    /// Talk with a container's program.
    Attach {
        /// Which container.
        container_id: String,
        /// Its streams.
        wanted: Wanted,
    },
    /// Reach ports of a sandbox.
    PortForward {
        /// Which sandbox.
        sandbox_id: String,
    },
}

/// What waits for its client, and where the clients come to.
#[derive(Debug)]
pub(in crate::cri) struct Tickets {
    address: SocketAddr,
    tokens: Mutex<Tokens<Ticket>>,
}

impl Tickets {
    /// Where a client redeems a ticket. Absolute: a kubelet takes a URL without a scheme for HTTPS.
    pub(in crate::cri) fn url(&self, token: String, ticket: Ticket) -> Result<String, Error> {
        let verb = match ticket {
            Ticket::Exec { .. } => "exec",
            Ticket::Attach { .. } => "attach",
            Ticket::PortForward { .. } => "portforward",
        };
        let url = format!("http://{}/{verb}/{token}", self.address);
        if !self.tokens.lock().keep(token, ticket, Instant::now()) {
            return Err(Error::Exhausted("too many streaming requests wait for their client".to_owned()));
        }
        Ok(url)
    }
}

/// Serves the clients of `service` until `shutdown`. From now on its Exec, Attach and PortForward answer.
///
/// # Errors
/// The listener has no address, or breaks.
pub async fn serve(listener: TcpListener, service: Arc<Service>, shutdown: CancellationToken) -> std::io::Result<()> {
    service.stream_at(Tickets { address: listener.local_addr()?, tokens: Mutex::default() });
    let router = Router::new()
        .route("/exec/{token}", any(redeem))
        .route("/attach/{token}", any(redeem))
        .route("/portforward/{token}", any(redeem))
        .with_state(service);
    // Streams that are open are cut off: their programs end with this process too.
    tokio::select! {
        served = axum::serve(listener, router) => served,
        () = shutdown.cancelled() => Ok(()),
    }
}

async fn redeem(State(service): State<Arc<Service>>, Path(token): Path<String>, request: Request) -> Response {
    let ticket = service.tickets().and_then(|it| it.tokens.lock().take(&token, Instant::now()));
    match ticket {
        Some(ticket) => answer(service, ticket, request).await,
        None => (StatusCode::NOT_FOUND, "this address was used before, or is too old").into_response(),
    }
}

/// Gives the client behind a request what a ticket allows. The streams go on after the answer.
pub(crate) async fn answer(service: Arc<Service>, ticket: Ticket, request: Request) -> Response {
    let Ok(place) = Arc::clone(service.clients()).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many clients stream from this node").into_response();
    };
    match ticket {
        Ticket::Exec { container_id, args, wanted } => {
            upgrade::remote_command(request, wanted, async move |remote| {
                let _place = place;
                exec::stream(&service, &container_id, args, wanted, remote).await;
            })
            .await
        }
        Ticket::Attach { container_id, wanted } => {
            upgrade::remote_command(request, wanted, async move |remote| {
                let _place = place;
                attach::stream(&service, &container_id, wanted, remote).await;
            })
            .await
        }
        Ticket::PortForward { sandbox_id } => match port_forward::dialer(&service, &sandbox_id) {
            Ok(address) => {
                upgrade::port_forward(request, async move |connection| {
                    let _place = place;
                    port_forward::serve(connection, address).await;
                })
                .await
            }
            Err(err) => (StatusCode::NOT_FOUND, err.to_string()).into_response(),
        },
    }
}
