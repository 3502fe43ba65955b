//! A node with a kubelet of its own, in another process as far as the API server can tell: HTTPS on loopback.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::{LogParams, Patch, PatchParams, PostParams};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::cluster::{Cluster, Options, until};

/// What the kubelet's API answers: a log, a refusal, and a stream that echoes what it hears.
async fn answer(mut request: Request<hyper::body::Incoming>) -> Result<Response<Body>, Infallible> {
    let (status, text) = match request.uri().to_string().as_str() {
        "/containerLogs/default/p/c" => (StatusCode::OK, "said elsewhere\n"),
        "/containerLogs/default/p/c?previous=true" => (StatusCode::BAD_REQUEST, "it never ran before"),
        "/exec/default/p/c?input=1&output=1&command=cat&command=a%20b" => {
            assert!(request.headers().get("authorization").is_none());
            let protocol = request.headers()["upgrade"].clone();
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded.await.unwrap()));
                tokio::io::copy(&mut from, &mut to).await.unwrap();
            });
            let response = Response::builder().status(101).header("connection", "Upgrade").header("upgrade", protocol);
            return Ok(response.body(Body::empty()).unwrap());
        }
        _ => (StatusCode::NOT_FOUND, "no such thing"),
    };
    Ok(Response::builder().status(status).body(Body::from(text)).unwrap())
}

/// Serves it to whom the cluster's CA knows, with a certificate of its own making.
async fn serve(ca: &Path) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["remote".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots(ca), provider.clone());
    let tls = rustls::ServerConfig::builder_with_provider(provider);
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_client_cert_verifier(verifier.build().unwrap());
    let tls = tls.with_single_cert(vec![cert.der().clone()], key.into()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer));
            tokio::spawn(connection.with_upgrades());
        }
    });
    port
}

fn roots(ca: &Path) -> Arc<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    Arc::new(roots)
}

/// A connection to the API server as the administrator.
async fn connect(cluster: &Cluster, port: u16) -> TlsStream<TcpStream> {
    let pki = cluster.data.join("pki");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let certificate = CertificateDer::from_pem_file(pki.join("admin.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(pki.join("admin.key")).unwrap();
    let tls = tls.with_root_certificates(roots(&pki.join("ca.crt")));
    let tls = tls.with_client_auth_cert(vec![certificate], key).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap()
}

/// A pod on a node whose kubelet listens on this port.
async fn pod_on_remote(cluster: &Cluster, port: u16) -> Api<Pod> {
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let node = json!({"metadata": {"name": "remote"}});
    nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }});
    nodes.patch_status("remote", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let pod = json!({
        "metadata": {"name": "p"},
        "spec": {"nodeName": "remote", "containers": [{"name": "c", "image": "i"}], "automountServiceAccountToken": false},
    });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
    // Until its ServiceAccount is there it is refused.
    until("the pod is made", || async { Ok(Some(pods.create(&PostParams::default(), &pod).await?)) }).await.unwrap();
    pods
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_process_is_asked_where_it_says_that_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { arguments: &["--disable=node"], without_node: true };
    let cluster = Cluster::start(folder.path(), options).await.unwrap();
    let port = serve(&cluster.data.join("pki/ca.crt")).await;
    let pods = pod_on_remote(&cluster, port).await;

    assert_eq!(pods.logs("p", &LogParams::default()).await.unwrap(), "said elsewhere\n");
    let refused = pods.logs("p", &LogParams { previous: true, ..LogParams::default() }).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused}") };
    assert_eq!((status.code, status.message.as_str()), (400, "it never ran before"));

    let url = std::fs::read_to_string(folder.path().join("kubeconfig")).unwrap();
    let url: serde_json::Value = serde_json::from_str(&url).unwrap();
    let url: http::Uri = url["clusters"][0]["cluster"]["server"].as_str().unwrap().parse().unwrap();
    let mut stream = BufReader::new(connect(&cluster, url.port_u16().unwrap()).await);
    let ask = "POST /api/v1/namespaces/default/pods/p/exec?stdin=true&stdout=true&command=cat&command=a%20b HTTP/1.1\r\n\
        Host: localhost\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nAuthorization: Basic c2VjcmV0\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("upgrade: SPDY/3.1"), "{head}");
    stream.write_all(b"there and back").await.unwrap();
    let mut heard = [0; 14];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"there and back");
}
