//! `exec`, `attach` and `portforward`: the client's connection is given to the pod's node, or joined with one to it, whatever the two
//! speak over it. Who may do so is asked here once more for `create`: a WebSocket begins with a GET.

use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use hyper::upgrade::OnUpgrade;

use super::stream::{percent_encode, send};
use crate::authz::{Attributes, Decision, forbidden};
use crate::error::Failure;
use crate::request::RequestInfo;
use crate::resources::core::pod::connect;
use crate::resources::core::pod::endpoint::find;
use crate::rest::Call;
use crate::rest::connect::Handler;
use crate::tunnel::Tunnel;

/// What of a request is the client's word to the node: how the two will speak. Credentials are not.
const HEADERS: [HeaderName; 7] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_VERSION,
    HeaderName::from_static("x-stream-protocol-version"),
];
/// Browsers hide a token among the protocols that they offer.
const TOKEN_PROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";
/// What clients call a stream, and what kubelets do.
const STREAMS: [(&str, &str); 4] = [("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")];

/// `exec` and `attach`, by their name.
pub(super) struct Exec(pub(super) &'static str);
/// `portforward`.
pub(super) struct PortForward;

impl Handler for Exec {
    fn answer<'a>(&'a self, call: &'a Call, _: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            check_create(call).await?;
            let name = &call.info.name;
            let (_, pod) = find(call, name).await?;
            let container = connect::container(&pod, call.query.text("container"))?;
            let node = connect::node(&pod)?;
            let (kind, namespace) = (self.0, &call.info.namespace);
            join(call, node, &format!("/{kind}/{namespace}/{name}/{container}?{}", query(call))).await
        })
    }
}

impl Handler for PortForward {
    fn answer<'a>(&'a self, call: &'a Call, _: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            check_create(call).await?;
            let name = &call.info.name;
            let (_, pod) = find(call, name).await?;
            let node = connect::node(&pod)?;
            let ports: Vec<String> = call.query.all("ports").map(percent_encode).collect();
            let path = format!("/portForward/{}/{name}?port={}", call.info.namespace, ports.join(","));
            join(call, node, &path).await
        })
    }
}

/// 403 for those who may only read: upstream's `AuthorizePodWebsocketUpgradeCreatePermission`.
async fn check_create(call: &Call) -> Result<(), Failure> {
    let info = RequestInfo { verb: "create".to_owned(), ..call.info.clone() };
    match call.server.authorizer.authorize(Attributes { user: &call.user, info: &info }).await {
        Decision::Allow { .. } => Ok(()),
        Decision::Deny { reason } | Decision::NoOpinion { reason } => Err(forbidden(&call.user, &info, &reason)),
    }
}

/// What the node is told of streams and of the command.
fn query(call: &Call) -> String {
    let streams = STREAMS.into_iter().filter(|(asked, _)| call.query.flag(asked)).map(|(_, told)| format!("{told}=1"));
    let command = call.query.all("command").map(|word| format!("command={}", percent_encode(word)));
    streams.chain(command).collect::<Vec<_>>().join("&")
}

/// Has the node answer `path`. If it agrees, it has taken the client's connection over, or has one of its own to join it with. If not,
/// clients show its words as they are.
async fn join(call: &Call, node: &str, path: &str) -> Result<Response, Failure> {
    let Some(client) = call.connection.lock().take() else {
        return Err(Failure::bad_request("Upgrade request required"));
    };
    let method = if call.info.verb == "get" { Method::GET } else { Method::POST };
    let request = Request::builder().method(method).uri(path).body(Body::empty());
    let mut request = request.map_err(|error| Failure::internal(&error.to_string()))?;
    *request.headers_mut() = passed_on(&call.headers);
    request.extensions_mut().insert(client.clone());
    let mut response = send(call, node, request).await?;
    if let Some(node) = response.extensions_mut().remove::<OnUpgrade>()
        && response.status() == StatusCode::SWITCHING_PROTOCOLS
    {
        response.extensions_mut().insert(Tunnel { client, node });
    }
    Ok(response)
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for name in HEADERS {
        for value in headers.get_all(&name) {
            passed.append(
                name.clone(),
                if name == header::SEC_WEBSOCKET_PROTOCOL { without_token(value) } else { value.clone() },
            );
        }
    }
    passed
}

fn without_token(protocols: &HeaderValue) -> HeaderValue {
    let text = protocols.to_str().unwrap_or_default();
    let kept = text.split(',').map(str::trim).filter(|it| !it.starts_with(TOKEN_PROTOCOL)).collect::<Vec<_>>();
    HeaderValue::from_str(&kept.join(", ")).expect("a part of a value is one")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_node_hears_how_to_speak_and_no_secret() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("cookie", "secret"),
            ("x-stream-protocol-version", "v5.channel.k8s.io"),
            ("x-stream-protocol-version", "v4.channel.k8s.io"),
            ("sec-websocket-protocol", "base64url.bearer.authorization.k8s.io.c2VjcmV0, v5.channel.k8s.io"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let passed = passed_on(&headers);
        assert_eq!(passed.len(), 5);
        assert_eq!(passed["sec-websocket-protocol"], "v5.channel.k8s.io");
        assert_eq!(passed.get_all("x-stream-protocol-version").iter().count(), 2);
        assert!(!format!("{passed:?}").contains("c2VjcmV0"));
    }
}
