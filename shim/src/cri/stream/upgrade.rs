//! How an HTTP request becomes streams: SPDY/3.1 or a WebSocket, and which of the remote command's protocols.

use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;

use super::remote::{Remote, StatusForm, Wanted};
use super::spdy::Connection;
use super::websocket::{self, Channels, MESSAGE_BYTES_MAX, READ_BYTES};

const SPDY: &str = "SPDY/3.1";
const PROTOCOLS: &str = "x-stream-protocol-version";
const ACCEPTED_PROTOCOLS: &str = "x-accepted-stream-protocol-versions";
/// Remote commands over SPDY. Every client since Kubernetes 1.6 offers it.
const COMMAND_V4: &str = "v4.channel.k8s.io";
/// The same with a message for the end of input: over WebSockets only.
const COMMAND_V5: &str = "v5.channel.k8s.io";
/// The oldest protocol over WebSockets, and what a client means that names none.
const COMMAND_V1: &str = "channel.k8s.io";
const PORT_FORWARD: &str = "portforward.k8s.io";
/// Port forwarding's SPDY inside a WebSocket.
const PORT_FORWARD_TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

/// Answers a request for a remote command; `run` gets the streams once the client has them.
pub(crate) async fn remote_command<R>(
    request: Request,
    wanted: Wanted,
    run: impl FnOnce(Remote) -> R + Send + 'static,
) -> Response
where
    R: Future<Output = ()> + Send + 'static,
{
    if is_websocket(request.headers()) {
        let names_none = !request.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL);
        let protocols: &[_] = if names_none { &[] } else { &[COMMAND_V5, COMMAND_V4, COMMAND_V1] };
        return over_websocket(request, protocols, async move |socket| {
            let is_old = socket.protocol().is_none_or(|it| it == COMMAND_V1);
            let form = if is_old { StatusForm::Text } else { StatusForm::Json };
            run(Remote::over_websocket(Channels::new(socket), wanted, form).await).await;
        })
        .await;
    }
    over_spdy(request, COMMAND_V4, async move |connection| match Remote::over_spdy(connection, wanted).await {
        Some(remote) => run(remote).await,
        None => tracing::debug!("a client did not open the streams of its command"),
    })
}

/// Answers a request for port forwarding; `run` gets the connection on which the client opens its streams.
pub(crate) async fn port_forward<R>(request: Request, run: impl FnOnce(Connection) -> R + Send + 'static) -> Response
where
    R: Future<Output = ()> + Send + 'static,
{
    if is_websocket(request.headers()) {
        return over_websocket(request, &[PORT_FORWARD_TUNNEL], async move |socket| {
            run(Connection::new(websocket::tunnel(socket))).await;
        })
        .await;
    }
    over_spdy(request, PORT_FORWARD, run)
}

async fn over_websocket<R>(
    request: Request,
    protocols: &'static [&'static str],
    run: impl FnOnce(axum::extract::ws::WebSocket) -> R + Send + 'static,
) -> Response
where
    R: Future<Output = ()> + Send + 'static,
{
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.protocols(protocols.iter().copied()),
        Err(rejection) => return rejection.into_response(),
    };
    if !protocols.is_empty() && upgrade.selected_protocol().is_none() {
        return refused(&parts.headers, header::SEC_WEBSOCKET_PROTOCOL.as_str(), protocols);
    }
    // A message is written whole and then the next: there is nothing to gather.
    let upgrade = upgrade.read_buffer_size(READ_BYTES).write_buffer_size(0);
    upgrade.max_frame_size(MESSAGE_BYTES_MAX).max_message_size(MESSAGE_BYTES_MAX).on_upgrade(run)
}

fn over_spdy<R>(
    mut request: Request,
    protocol: &'static str,
    run: impl FnOnce(Connection) -> R + Send + 'static,
) -> Response
where
    R: Future<Output = ()> + Send + 'static,
{
    let headers = request.headers();
    if !has_word(headers, header::CONNECTION.as_str(), "upgrade") || !has_word(headers, header::UPGRADE.as_str(), SPDY)
    {
        return (StatusCode::BAD_REQUEST, "unable to upgrade: missing upgrade headers in request").into_response();
    }
    if !has_word(headers, PROTOCOLS, protocol) {
        return refused(headers, PROTOCOLS, &[protocol]);
    }
    let upgraded = hyper::upgrade::on(&mut request);
    // Lives as long as the connection, which belongs to its server.
    tokio::spawn(async move {
        match upgraded.await {
            Ok(io) => run(Connection::new(TokioIo::new(io))).await,
            Err(err) => {
                tracing::debug!(error = &err as &dyn std::error::Error, "a client did not go on after its upgrade")
            }
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let fields = response.headers_mut();
    fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    fields.insert(header::UPGRADE, HeaderValue::from_static(SPDY));
    fields.insert(PROTOCOLS, HeaderValue::from_static(protocol));
    response
}

/// Upstream: k8s.io/streaming, `Handshake`.
fn refused(headers: &HeaderMap, name: &str, protocols: &[&'static str]) -> Response {
    let asked: Vec<&str> = words(headers, name).collect();
    let message = format!(
        "unable to upgrade: unable to negotiate protocol: client supports {asked:?}, server accepts {protocols:?}"
    );
    let mut response = (StatusCode::FORBIDDEN, message).into_response();
    for protocol in protocols {
        response.headers_mut().append(ACCEPTED_PROTOCOLS, HeaderValue::from_static(protocol));
    }
    response
}

fn is_websocket(headers: &HeaderMap) -> bool {
    has_word(headers, header::UPGRADE.as_str(), "websocket")
}

fn has_word(headers: &HeaderMap, name: &str, word: &str) -> bool {
    words(headers, name).any(|it| it.eq_ignore_ascii_case(word))
}

/// The values of a header, on one line or on several.
fn words<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(',')).map(str::trim)
}
