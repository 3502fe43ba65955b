//! Requests that components send: to services and groups through the group's network, to others by name.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::FusedFuture;
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::network::{GroupNetwork, Protocol, Refused};

const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(30);
const FIRST_BYTE_TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// The hooks of one store.
#[derive(Debug)]
pub(crate) struct Outbound {
    network: Arc<GroupNetwork>,
}

impl Outbound {
    pub(crate) fn new(network: Arc<GroupNetwork>) -> Self {
        Self { network }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let network = Arc::clone(&self.network);
        Box::new(async move { send(&network, request, options).await })
    }
}

async fn send(network: &GroupNetwork, mut request: Request<WasiBody>, options: Option<RequestOptions>) -> Sent {
    if request.uri().scheme() == Some(&Scheme::HTTPS) {
        return Err(Error::InternalError(Some("outgoing https is not supported yet, only http".to_owned())));
    }
    let timeout = |chosen: Option<Duration>, max: Duration| chosen.unwrap_or(max).min(max);
    let connect_timeout = timeout(options.and_then(|options| options.connect_timeout), CONNECT_TIMEOUT_MAX);
    let first_byte_timeout = timeout(options.and_then(|options| options.first_byte_timeout), FIRST_BYTE_TIMEOUT_MAX);
    let connected = tokio::time::timeout(connect_timeout, connect(network, request.uri())).await;
    let stream = connected.map_err(|_| Error::ConnectionTimeout)??;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    *request.uri_mut() = origin_form(request.uri());
    // Fused: the connection may end with the answer, and is polled again for its body.
    let mut connection = Box::pin(connection.fuse());
    let answered = tokio::time::timeout(first_byte_timeout, async {
        let mut answer = pin!(sender.send_request(request));
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            broken = &mut connection => broken?,
        }
        // A connection that is done has left the answer, or the reason why there is none.
        answer.await
    });
    let response = answered.await.map_err(|_| Error::ConnectionReadTimeout)??;
    let io: Io =
        Box::new(
            async move { if connection.is_terminated() { Ok(()) } else { connection.await.map_err(Error::from) } },
        );
    Ok((response.map(|body| body.map_err(Error::from).boxed_unsync()), io))
}

async fn connect(network: &GroupNetwork, uri: &Uri) -> Result<TcpStream, Error> {
    let host = uri.host().ok_or(Error::HttpRequestUriInvalid)?;
    let ip = lookup(network, host).await?;
    let wanted = SocketAddr::new(ip, uri.port_u16().unwrap_or(80));
    let route = network.dial(Protocol::Tcp, wanted).map_err(|refused| match refused {
        Refused::NoEndpoint => Error::ConnectionRefused,
        Refused::Denied | Refused::NotBindable => Error::DestinationIpProhibited,
    })?;
    let socket = if route.to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(Error::Connect)?;
    if let Some(from) = route.from {
        socket.bind(SocketAddr::new(from, 0)).map_err(Error::Connect)?;
    }
    let stream = socket.connect(route.to).await.map_err(Error::Connect)?;
    stream.set_nodelay(true).map_err(Error::Connect)?;
    Ok(stream)
}

/// Names of the cluster come from memory, all others from the host's resolver.
async fn lookup(network: &GroupNetwork, host: &str) -> Result<IpAddr, Error> {
    if let Some(ip) = network.resolve(host).first() {
        return Ok(*ip);
    }
    let unknown = || Error::DnsError { rcode: Some("NXDOMAIN".to_owned()), info_code: None };
    let lookup = network.ask(host).map_err(|err| Error::InternalError(Some(err.to_string())))?;
    let found = lookup.await.map_err(|_| unknown())?;
    found.first().copied().ok_or_else(unknown)
}

/// A request to the server itself, not to a proxy, names only the path.
fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")).into()
}
