//! Asks over HTTP as the kubelet's prober does, and decides from the answer.
//!
//! # Flow
//! 200 to 299 passes and 400 on fails. A redirect is followed as long as it stays on its host; where it does not, or says
//! not where to, the probe passes with a warning.

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::HTTPGetAction;
use tokio::net::TcpStream;

/// Bytes of an answer that are read before it is given up.
const BODY_BYTES_MAX: usize = 10 << 10;
/// As Go's client has it.
pub(super) const REDIRECTS_MAX: u32 = 10;

/// Where a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// A name or an address.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
    /// Path and query, from the slash on.
    pub(super) path: String,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Yes.
    Passed,
    /// Ask there; or, with a warning that has this text, yes.
    Redirected { location: Option<String>, body: String },
}

// === impl Target ===

impl Target {
    /// Where a probe begins.
    pub(super) fn new(get: &HTTPGetAction, host: &str, port: u16) -> Self {
        let path = get.path.as_deref().unwrap_or("/");
        let slash = if path.starts_with('/') { "" } else { "/" };
        Self { host: host.to_owned(), port, path: format!("{slash}{path}") }
    }

    /// As messages name it.
    pub(super) fn url(&self) -> String {
        format!("http://{}:{}{}", self.host, self.port, self.path)
    }

    /// Where a `Location` leads, if that is on the same host and without TLS.
    pub(super) fn follow(&self, location: &str) -> Option<Self> {
        let at = |port, path: String| Some(Self { host: self.host.clone(), port, path });
        let absolute = location.strip_prefix("http:").unwrap_or(location);
        if let Some(rest) = absolute.strip_prefix("//") {
            let uri: ::http::Uri = format!("http://{rest}").parse().ok()?;
            let path = uri.path_and_query().map_or("/", |it| it.as_str());
            let same = uri.host().is_some_and(|it| it.eq_ignore_ascii_case(&self.host));
            return if same { at(uri.port_u16().unwrap_or(80), path.to_owned()) } else { None };
        }
        let scheme = location.find(':').filter(|end| !location[..*end].contains(['/', '?']));
        if scheme.is_some() {
            return None;
        }
        if location.starts_with('/') {
            return at(self.port, location.to_owned());
        }
        let path = self.path.split('?').next().unwrap_or_default();
        let directory = if location.starts_with('?') { path } else { &path[..path.rfind('/').map_or(0, |it| it + 1)] };
        at(self.port, format!("{directory}{location}"))
    }
}

/// Asks once, over a connection to the target.
///
/// # Errors
/// Why the probe failed, as its event tells it.
pub(super) async fn get(get: &HTTPGetAction, target: &Target, stream: TcpStream) -> Result<Answer, String> {
    let failed = |err: &dyn std::fmt::Display| format!("Get \"{}\": {err}", target.url());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|err| failed(&err))?;
    let request = request(get, target).map_err(|err| failed(&err))?;
    let answer = async {
        let (head, body) = sender.send_request(request).await.map_err(|err| failed(&err))?.into_parts();
        // Read so that the server is not surprised; how it ends does not matter.
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map(|it| it.to_bytes()).unwrap_or_default();
        Ok::<_, String>((head, body))
    };
    // The connection may end first, with the answer already on its way to us.
    let (mut answer, mut connection, mut open) = (std::pin::pin!(answer), std::pin::pin!(connection), true);
    let (head, body) = loop {
        tokio::select! {
            answered = &mut answer => break answered?,
            _ = &mut connection, if open => open = false,
        }
    };
    let location = head.headers.get("location").and_then(|it| it.to_str().ok()).map(str::to_owned);
    match head.status.as_u16() {
        200..=299 => Ok(Answer::Passed),
        status @ 300..=399 => Ok(Answer::Redirected {
            location: location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)),
            body: String::from_utf8_lossy(&body).into_owned(),
        }),
        status => Err(format!("HTTP probe failed with statuscode: {status}")),
    }
}

fn request(get: &HTTPGetAction, target: &Target) -> Result<::http::Request<Empty<bytes::Bytes>>, ::http::Error> {
    let own = get.http_headers.iter().flatten().map(|it| (it.name.as_str(), it.value.as_str()));
    let host = format!("{}:{}", target.host, target.port);
    let defaults = [("host", host.as_str()), ("user-agent", "kube-probe/1.37"), ("accept", "*/*")];
    // A header that the probe names takes the place of ours.
    let missing = defaults.into_iter().filter(|(name, _)| !own.clone().any(|(it, _)| it.eq_ignore_ascii_case(name)));
    let mut request = ::http::Request::get(&target.path);
    for (name, value) in missing.chain(own.clone()) {
        request = request.header(name, value);
    }
    request.body(Empty::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_on_their_host_only() {
        let target = Target { host: "10.0.0.2".to_owned(), port: 8080, path: "/a/b?c".to_owned() };
        let urls = [
            ("/x?y", Some("http://10.0.0.2:8080/x?y")),
            ("x", Some("http://10.0.0.2:8080/a/x")),
            ("x?u=http://y", Some("http://10.0.0.2:8080/a/x?u=http://y")),
            ("?y", Some("http://10.0.0.2:8080/a/b?y")),
            ("http://10.0.0.2/x", Some("http://10.0.0.2:80/x")),
            ("//10.0.0.2:9", Some("http://10.0.0.2:9/")),
            ("http://10.0.0.3:8080/x", None),
            ("https://10.0.0.2:8080/x", None),
            ("mailto:x", None),
        ];
        for (location, url) in urls {
            assert_eq!(target.follow(location).map(|it| it.url()).as_deref(), url, "{location}");
        }
    }
}
