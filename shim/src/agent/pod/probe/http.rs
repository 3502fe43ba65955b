//! Asks over HTTP as the kubelet's prober does, and decides from the answer.

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::HTTPGetAction;
use tokio::net::TcpStream;

/// Bytes of an answer that are read before it is given up.
const BODY_BYTES_MAX: usize = 10 << 10;

/// Asks once, over a connection to `host`.
///
/// # Errors
/// Why the probe failed, as its event tells it.
pub(super) async fn get(get: &HTTPGetAction, host: &str, url: &str, stream: TcpStream) -> Result<(), String> {
    let failed = |err: &dyn std::fmt::Display| format!("Get \"{url}\": {err}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|err| failed(&err))?;
    let path = &url[url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at)..];
    let own = get.http_headers.iter().flatten().map(|it| (it.name.as_str(), it.value.as_str()));
    let defaults = [("host", host), ("user-agent", "kube-probe/1.37"), ("accept", "*/*")];
    // A header that the probe names takes the place of ours.
    let missing = defaults.into_iter().filter(|(name, _)| !own.clone().any(|(it, _)| it.eq_ignore_ascii_case(name)));
    let mut request = ::http::Request::get(path);
    for (name, value) in missing.chain(own.clone()) {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<bytes::Bytes>::new()).map_err(|err| failed(&err))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|err| failed(&err))?;
        let status = response.status().as_u16();
        // Read so that the server is not surprised; how it ends does not matter.
        let _ = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        Ok::<u16, String>(status)
    };
    // The connection may end first, with the answer already on its way to us.
    let (mut answer, mut connection, mut open) = (std::pin::pin!(answer), std::pin::pin!(connection), true);
    let status = loop {
        tokio::select! {
            status = &mut answer => break status?,
            _ = &mut connection, if open => open = false,
        }
    };
    match status {
        200..=399 => Ok(()),
        _ => Err(format!("HTTP probe failed with statuscode: {status}")),
    }
}
