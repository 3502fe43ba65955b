//! `log` and `proxy`, and how a pod's node is asked: what is checked before, and what becomes of its answer.

use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;
use http::{Request, StatusCode};

use crate::error::Failure;
use crate::object::Fields;
use crate::resources::core::pod::connect;
use crate::resources::core::pod::endpoint::find;
use crate::rest::Call;
use crate::rest::connect::Handler;

/// Options of `log` that the kubelet reads too.
const LOG_OPTIONS: &[&str] =
    &["follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes"];

/// The longest refusal that is passed on.
const REFUSAL_BYTES_MAX: usize = 50_000;

/// `log`.
pub(super) struct Log;
/// `proxy`.
pub(super) struct Proxy;

impl Handler for Log {
    fn answer<'a>(&'a self, call: &'a Call, _: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let name = &call.info.name;
            connect::check_log_options(name, |option| call.query.get(option))?;
            let (_, pod) = find(call, name).await?;
            let container = connect::container(&pod, call.query.text("container"))?;
            // A pod that no node has yet has said nothing yet.
            let Ok(node) = connect::node(&pod) else { return Ok(nothing()) };
            let path = format!("/containerLogs/{}/{name}/{container}", call.info.namespace);
            ask(call, node, &with_query(call, &path)).await
        })
    }
}

impl Handler for Proxy {
    fn answer<'a>(&'a self, call: &'a Call, _: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            // `scheme:name:port`, of which only the name must be there.
            let parts: Vec<&str> = call.info.name.split(':').collect();
            let name = if parts.len() == 3 { parts[1] } else { parts[0] };
            let (_, pod) = find(call, name).await?;
            if pod.list_at("status.podIPs").is_empty() {
                return Err(Failure::bad_request("address not allowed"));
            }
            Err(Failure::not_there_yet("pods/proxy"))
        })
    }

    fn takes_path(&self) -> bool {
        true
    }
}

fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn with_query(call: &Call, path: &str) -> String {
    let given = LOG_OPTIONS.iter().filter_map(|name| Some((*name, call.query.get(name)?)));
    let pairs: Vec<String> = given.map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

async fn ask(call: &Call, node: &str, path: &str) -> Result<Response, Failure> {
    let request = Request::get(path).body(Body::empty());
    let request = request.map_err(|error| Failure::internal(&error.to_string()))?;
    let response = send(call, node, request).await?;
    if response.status().is_success() { Ok(response) } else { Err(failure(response).await) }
}

/// Asks a node.
pub(super) async fn send(call: &Call, node: &str, request: Request<Body>) -> Result<Response, Failure> {
    let nodes = call.server.nodes.as_ref();
    let nodes = nodes.ok_or_else(|| Failure::unavailable(format!("no way to node {}", crate::field::quote(node))))?;
    nodes.call(node, request).await
}

/// What a node said no with, in plain text, as a Status (`GenericHttpResponseChecker`).
async fn failure(response: Response) -> Failure {
    let code = response.status();
    let text = axum::body::to_bytes(response.into_body(), REFUSAL_BYTES_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match code {
        StatusCode::BAD_REQUEST => Failure::bad_request(text),
        StatusCode::INTERNAL_SERVER_ERROR => Failure::internal(&text),
        code => Failure::of_another(code, &text),
    }
}

/// Everything but letters, digits and `-._~` as percent signs and hexadecimal digits.
pub(super) fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded += &format!("%{byte:02X}"),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_zones_survive_in_a_query() {
        assert_eq!(percent_encode("2026-01-02T03:04:05+01:00"), "2026-01-02T03%3A04%3A05%2B01%3A00");
    }
}
