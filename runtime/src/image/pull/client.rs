//! Speaks HTTP to registries: one request, with its redirects, to hosts that may be spoken to.
//!
//! # Guarantees
//! - `Authorization` is sent to the host it is meant for and not to where that host redirects.
//! - TLS is never given up on the way; plain HTTP only where `Registries` says so.
//! - Nothing outlives the pull: connections and trust roots are dropped with the client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, LOCATION};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;

use super::registries::Registries;
use super::tls;

/// Redirects behind one another; registries send one or two.
const REDIRECTS_MAX: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the request to the answer's head.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// One connection per download is enough, and it is not kept for long.
const IDLE_CONNECTIONS_MAX: usize = 2;
const USER_AGENT: &str = concat!("coracle/", env!("CARGO_PKG_VERSION"));

type Connections = HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client for one pull.
pub(crate) struct Client {
    registries: Arc<Registries>,
    /// By host, because each may have trust roots of its own.
    connections: Mutex<HashMap<String, Connections>>,
}

/// Something to ask for.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection could not be made or was lost: it may help to ask again.
    Connection(String),
    /// It will not help.
    Refused(String),
}

// === impl Client ===

impl Client {
    pub(crate) fn new(registries: Arc<Registries>) -> Self {
        Self { registries, connections: Mutex::default() }
    }

    /// Sends a request and follows where it leads. Cancellation safe.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Response<Incoming>, Failure> {
        let Ask { mut method, mut uri, mut headers, mut body } = ask.clone();
        for _ in 0..=REDIRECTS_MAX {
            let response = self.send_once(&method, &uri, &headers, &body).await?;
            let status = response.status().as_u16();
            let Some(location) = response.headers().get(LOCATION).filter(|_| (301..=308).contains(&status)) else {
                return Ok(response);
            };
            let location = location.to_str().map_err(|_| refused("a redirect that is no text"))?;
            let next = redirected(&uri, location).ok_or_else(|| refused("a redirect to nowhere"))?;
            if next.authority() != uri.authority() || next.scheme() != uri.scheme() {
                headers.remove(AUTHORIZATION);
            }
            if uri.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                return Err(Failure::Refused(format!("a redirect away from TLS, to {}", host(&next))));
            }
            if status == 303 {
                (method, body) = (Method::GET, Bytes::new());
            }
            uri = next;
        }
        Err(refused("too many redirects"))
    }

    async fn send_once(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let host = host(uri);
        let plain = uri.scheme_str() != Some("https");
        if plain && !self.registries.may_be_plain(&host) {
            return Err(Failure::Refused(format!(
                "plain HTTP to {host}; to allow it, name `http://{host}` as an endpoint in registries.yaml"
            )));
        }
        let connections = self.connections(&host, plain)?;
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers.clone();
        request.headers_mut().remove(HOST);
        request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT));
        match tokio::time::timeout(ANSWER_TIMEOUT, connections.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(err)) => Err(failure(&err)),
            Err(_) => Err(Failure::Connection(format!("{host} does not answer"))),
        }
    }

    fn connections(&self, host: &str, plain: bool) -> Result<Connections, Failure> {
        let key = if plain { format!("http://{host}") } else { host.to_owned() };
        let mut connections = self.connections.lock();
        if let Some(found) = connections.get(&key) {
            return Ok(found.clone());
        }
        let tls = if plain { tls::none() } else { tls::config(self.registries.tls(host)).map_err(Failure::Refused)? };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.set_nodelay(true);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
        let made =
            HyperClient::builder(TokioExecutor::new()).pool_max_idle_per_host(IDLE_CONNECTIONS_MAX).build(connector);
        connections.insert(key, made.clone());
        Ok(made)
    }
}

/// Host and port as the URI has them.
pub(crate) fn host(uri: &Uri) -> String {
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned()
}

/// Where a `Location` leads: in full, on the same host, or beside the present path.
fn redirected(from: &Uri, location: &str) -> Option<Uri> {
    if location.contains("://") {
        return location.parse::<Uri>().ok().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    }
    let scheme = from.scheme_str()?;
    if let Some(rest) = location.strip_prefix("//") {
        return format!("{scheme}://{rest}").parse().ok();
    }
    let path = if location.starts_with('/') {
        location.to_owned()
    } else {
        let dir = from.path().rsplit_once('/').map_or("", |(dir, _)| dir);
        format!("{dir}/{location}")
    };
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(path.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

fn refused(what: &str) -> Failure {
    Failure::Refused(what.to_owned())
}

/// A certificate that is not trusted now is not trusted later. hyper hides the error's type, so its text decides.
fn failure(err: &hyper_util::client::legacy::Error) -> Failure {
    let text = chain(err);
    match text.find("invalid peer certificate") {
        Some(at) => Failure::Refused(format!("{}; to trust it, name its `ca_file` in registries.yaml", &text[at..])),
        None => Failure::Connection(text),
    }
}

/// An error with those behind it: hyper's own text says little.
fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_redirect_is_read_against_where_it_comes_from() {
        let from: Uri = "https://r.local:5000/v2/a/blobs/x?y=1".parse().unwrap();
        for (location, wanted) in [
            ("https://cdn.local/b?c=d", Some("https://cdn.local/b?c=d")),
            ("//cdn.local/b", Some("https://cdn.local/b")),
            ("/b?c", Some("https://r.local:5000/b?c")),
            ("z", Some("https://r.local:5000/v2/a/blobs/z")),
            ("file:///etc/passwd", None),
            ("http://", None),
        ] {
            assert_eq!(redirected(&from, location).map(|uri| uri.to_string()).as_deref(), wanted, "{location}");
        }
    }
}
