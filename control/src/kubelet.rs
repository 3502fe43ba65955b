//! Kubelets in other processes: asked over HTTPS where their Node objects say that they listen.
//!
//! # Assumptions
//! A kubelet proves nothing to us, as with kube-apiserver without `--kubelet-certificate-authority`: most kubelets sign
//! their own certificate. We prove to them who we are, and nothing of that can be used by who listens in their place.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use apiserver::error::Failure;
use apiserver::node::NodeConnector;
use axum::body::Body;
use futures::future::BoxFuture;
use http::uri::{Authority, Scheme, Uri};
use http::{Request, Response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use storage::{Key, Storage};
use tokio::time::timeout;

use crate::pki::Identity;

/// How long a kubelet may take to accept a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// And from then until the head of its answer, which it sends before it has all of a log and before a command runs.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// Connections kept for the next question, and for how long.
const IDLE_PER_NODE_MAX: usize = 1;
const IDLE: Duration = Duration::from_secs(10);
/// Which of a node's addresses is dialled.
const ADDRESS_TYPES: [&str; 5] = ["InternalIP", "InternalDNS", "Hostname", "ExternalIP", "ExternalDNS"];

type Asker = Client<HttpsConnector<HttpConnector>, Body>;

/// The way to every node that has a kubelet of its own.
pub(crate) struct Kubelets {
    client: Asker,
    storage: Arc<dyn Storage>,
}

// === impl Kubelets ===

impl Kubelets {
    /// The way for who proves to be `identity`; where nodes are is read from the store.
    ///
    /// # Errors
    /// When the identity is none.
    pub(crate) fn new(identity: &Identity, storage: Arc<dyn Storage>) -> Result<Kubelets> {
        Ok(Kubelets { client: client(identity)?, storage })
    }

    async fn find(&self, node: &str) -> Result<Authority, Failure> {
        let key = Key { resource: "core/nodes".into(), namespace: "".into(), name: node.into() };
        let object = self.storage.get(&key).await?;
        let listens = object.and_then(|it| serde_json::from_slice::<Node>(&it.value).ok()).and_then(|it| it.listens());
        listens.ok_or_else(|| Failure::internal(&format!("no connection to node {node}")))
    }
}

impl NodeConnector for Kubelets {
    fn call<'a>(&'a self, node: &'a str, mut request: Request<Body>) -> BoxFuture<'a, Result<Response<Body>, Failure>> {
        Box::pin(async move {
            let authority = self.find(node).await?;
            let mut uri = request.uri().clone().into_parts();
            (uri.scheme, uri.authority) = (Some(Scheme::HTTPS), Some(authority));
            let uri = Uri::from_parts(uri).map_err(|err| Failure::internal(&err.to_string()))?;
            *request.uri_mut() = uri;
            ask(&self.client, request).await
        })
    }
}

/// Who asks on behalf of `identity`.
fn client(identity: &Identity) -> Result<Asker> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_PATIENCE));
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls(identity)?)
        .https_only()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(IDLE_PER_NODE_MAX)
        .pool_idle_timeout(IDLE)
        .build(connector))
}

/// The head of the answer, or why there is none.
async fn ask(client: &Asker, request: Request<Body>) -> Result<Response<Body>, Failure> {
    let uri = request.uri().clone();
    let answer = match timeout(CONNECT_PATIENCE + ANSWER_PATIENCE, client.request(request)).await {
        Ok(answered) => answered.map_err(anyhow::Error::new),
        Err(silence) => Err(anyhow::Error::new(silence)),
    };
    let answer = answer.map_err(|err| Failure::bare(format!("Get \"{uri}\": {err:#}")))?;
    Ok(answer.map(Body::new))
}

/// What a Node says of its kubelet.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    addresses: Vec<Address>,
    daemon_endpoints: Endpoints,
}

#[derive(Debug, Deserialize)]
struct Address {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Endpoints {
    kubelet_endpoint: Endpoint,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Endpoint {
    port: u16,
}

// === impl Node ===

impl Node {
    /// Where its kubelet listens, if it has one.
    fn listens(&self) -> Option<Authority> {
        let Status { addresses, daemon_endpoints } = &self.status;
        let port = Some(daemon_endpoints.kubelet_endpoint.port).filter(|port| *port != 0)?;
        let best = ADDRESS_TYPES.iter().find_map(|kind| addresses.iter().find(|it| it.kind == *kind))?;
        match best.address.parse() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}").parse().ok(),
            Ok(IpAddr::V4(_)) | Err(_) => format!("{}:{port}", best.address).parse().ok(),
        }
    }
}

fn tls(identity: &Identity) -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).context("read the key for kubelets")?;
    Ok(rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(runtime::AnyCertificate(provider)))
        .with_client_auth_cert(chain, key)?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_kubelet_that_accepts_and_says_nothing_is_given_up() {
        let own = rcgen::generate_simple_self_signed(vec!["server".to_owned()]).unwrap();
        let identity = Identity { certificate_pem: own.cert.pem(), key_pem: own.signing_key.serialize_pem() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/containerLogs/default/p/c", listener.local_addr().unwrap());
        // The kernel accepts; nobody ever reads.
        let request = Request::builder().uri(&url).body(Body::empty()).unwrap();
        let failure = ask(&client(&identity).unwrap(), request).await.unwrap_err();
        assert!(format!("{failure:?}").contains(&url), "{failure:?}");
        drop(listener);
    }

    #[test]
    fn a_kubelet_is_where_its_node_says() {
        let listens = |addresses: Value, port: u16| {
            let status = json!({"addresses": addresses, "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}});
            let node: Node = serde_json::from_value(json!({"status": status})).unwrap();
            node.listens().map(|it| it.to_string())
        };
        let address = |kind: &str, address: &str| json!({"type": kind, "address": address});
        let both = json!([address("Hostname", "wasm-1"), address("InternalIP", "10.0.0.7")]);
        assert_eq!(listens(both.clone(), 10250).as_deref(), Some("10.0.0.7:10250"));
        assert_eq!(listens(json!([address("Hostname", "wasm-1")]), 1).as_deref(), Some("wasm-1:1"));
        assert_eq!(listens(json!([address("InternalIP", "fd00::7")]), 1).as_deref(), Some("[fd00::7]:1"));
        // Our own agent has no port, and a name that is none leads nowhere.
        assert_eq!(listens(both, 0), None);
        assert_eq!(listens(json!([address("Hostname", "a b")]), 1), None);
        assert!(serde_json::from_value::<Node>(json!({"metadata": {}})).unwrap().listens().is_none());
    }
}
