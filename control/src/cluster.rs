//! A cluster in this process: makes the parts, connects them, and ends them in the reverse order.
//!
//! # Flow
//! keys → store → API server → the objects that a new server has → controllers, scheduler → node. Everything but the
//! store talks to the API server, in process and as itself.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use apiserver::authn::{MASTERS, jwt, token::Tokens, x509::X509};
use apiserver::request::User;
use apiserver::server::Server;
use apiserver::{admission, authn, authz, resources, server};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use storage::{Retention, Storage};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::kubeconfig;
use crate::kubelet::Kubelets;
#[cfg(feature = "node")]
use crate::node::{Connector, LocalNode};
use crate::pki::{Pki, Reach};

/// Requests worked on at the same time, watches excepted.
const REQUESTS_IN_FLIGHT_MAX: usize = 400;
/// How long an Event stays, and how many do; as kube-apiserver's --event-ttl.
const EVENT_LIFETIME: Duration = Duration::from_secs(3600);
const EVENTS_MAX: usize = 10_000;
/// Where tokens say they come from.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// How long parts may take to end.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// A part of the cluster that runs until shutdown.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A running cluster.
pub(crate) struct Cluster {
    /// Where the API answers: `https://127.0.0.1:6443`.
    pub(crate) url: String,
    server: Server,
    storage: Arc<dyn Storage>,
    #[cfg(feature = "node")]
    node: Option<LocalNode>,
    #[cfg(feature = "node")]
    connector: Arc<Connector>,
    /// The node's parts end first, the API server last.
    node_tasks: JoinSet<()>,
    api_tasks: JoinSet<()>,
    node_shutdown: CancellationToken,
    api_shutdown: CancellationToken,
}

// === impl Cluster ===

impl Cluster {
    /// Starts a cluster. When this returns the API answers and kubeconfigs are written.
    ///
    /// # Errors
    /// When the data directory cannot be used, or an address is taken.
    pub(crate) async fn start(config: Config) -> Result<Cluster> {
        // Keys, Secrets and logs are nobody else's.
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data_dir);
        made.with_context(|| format!("create `{}`", config.data_dir.display()))?;
        let storage = open_storage(&config)?;
        let listener = TcpListener::bind(config.https_listen).await;
        let listener = listener.with_context(|| format!("listen on {}", config.https_listen))?;
        let address = listener.local_addr().context("read the listener's address")?;
        let pki = Pki::open(&config.data_dir.join("pki"), &reach(&config, address), OffsetDateTime::now_utc())?;
        let nodes = Kubelets::new(&pki.kubelet_client, storage.clone())?;
        #[cfg(feature = "node")]
        let nodes = Connector::new(nodes);
        let nodes = Arc::new(nodes);
        let parts = server::Config { nodes: Some(nodes.clone()), ..server_config(&config, &pki, storage.clone())? };
        let mut cluster = Cluster {
            url: format!("https://{}", dialled(address)),
            server: Server::new(parts),
            storage,
            #[cfg(feature = "node")]
            node: None,
            #[cfg(feature = "node")]
            connector: nodes,
            node_tasks: JoinSet::new(),
            api_tasks: JoinSet::new(),
            node_shutdown: CancellationToken::new(),
            api_shutdown: CancellationToken::new(),
        };
        cluster.serve(&config, listener, address, &pki).await?;
        cluster.start_controllers(&config, &pki);
        #[cfg(feature = "node")]
        if config.node {
            cluster.start_node(&config).await?;
        }
        kubeconfig::write(&config.data_dir.join("admin.kubeconfig"), &cluster.url, &pki)?;
        if let Some(path) = &config.kubeconfig {
            kubeconfig::write(path, &cluster.url, &pki)?;
        }
        Ok(cluster)
    }

    /// The API over the wire, the objects that a new server has, and what keeps the store small.
    async fn serve(&mut self, config: &Config, listener: TcpListener, address: SocketAddr, pki: &Pki) -> Result<()> {
        let service = self.server.service();
        resources::bootstrap::apply(&*self.storage, service.clone()).await.context("make the first objects")?;
        let cluster_ip = IpAddr::from(config.service_cidr.nth(1));
        bind_nodes_to_proxier(&self.client()).await?;
        resources::core::service::ensure_kubernetes(service.clone(), cluster_ip, address.ip(), address.port())
            .await
            .context("make the Service `kubernetes`")?;
        let tls = Arc::new(tls(pki)?);
        self.api_tasks.spawn(apiserver::serve::run(listener, tls, service, self.api_shutdown.clone()));
        let events = Retention { resource: "core/events".into(), lifetime: EVENT_LIFETIME, objects_max: EVENTS_MAX };
        let compact = storage::compact_periodically(self.storage.clone(), storage::COMPACTION_PERIOD);
        let expire = storage::expire_periodically(self.storage.clone(), events);
        for task in [Box::pin(compact) as Task, Box::pin(expire)] {
            let shutdown = self.api_shutdown.clone();
            self.api_tasks.spawn(async move { shutdown.run_until_cancelled(task).await.unwrap_or_default() });
        }
        Ok(())
    }

    fn start_controllers(&mut self, config: &Config, pki: &Pki) {
        if config.controllers {
            let client = self.client_of("system:kube-controller-manager", &[MASTERS]);
            let controllers = controllers::Config {
                ca_pem: pki.ca_pem.clone(),
                cluster_cidr: config.cluster_cidr.to_string(),
                enabled: controllers::names(),
            };
            self.node_tasks.spawn(controllers::run_all(client, controllers, self.node_shutdown.clone()));
        }
        if config.scheduler {
            let client = self.client_of("system:kube-scheduler", &[]);
            self.node_tasks.spawn(scheduler::run(client, self.node_shutdown.clone()));
        }
    }

    /// Where its objects are.
    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// A client with full rights.
    pub(crate) fn client(&self) -> kube::Client {
        self.client_of("kubernetes-admin", &[MASTERS])
    }

    /// A client of a component in this process.
    fn client_of(&self, name: &str, groups: &[&str]) -> kube::Client {
        let groups = groups.iter().copied().chain([authn::AUTHENTICATED]);
        kube::Client::new(self.server.in_process(User::new(name, groups)), "default")
    }

    /// Ends the node, then the API server, then the store.
    pub(crate) async fn stop(mut self) {
        self.node_shutdown.cancel();
        join(&mut self.node_tasks).await;
        self.api_shutdown.cancel();
        join(&mut self.api_tasks).await;
        self.storage.close();
    }
}

#[cfg(feature = "node")]
impl Cluster {
    async fn start_node(&mut self, config: &Config) -> Result<()> {
        let client = self.client_of(&format!("system:node:{}", config.node_name), &["system:nodes"]);
        let (node, tasks) = LocalNode::start(config, client, self.node_shutdown.clone()).await?;
        for task in tasks {
            self.node_tasks.spawn(task);
        }
        self.connector.connect(node.clone());
        self.node = Some(node);
        Ok(())
    }

    /// This process's node.
    ///
    /// # Errors
    /// When it was left out.
    pub(crate) fn node(&self) -> Result<&LocalNode> {
        self.node.as_ref().context("this cluster was started without its node")
    }
}

/// Our nodes do kube-proxy's job too, so they may read what kube-proxy may.
async fn bind_nodes_to_proxier(client: &kube::Client) -> Result<()> {
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let binding = json!({
        "metadata": {"name": "coracle:node-proxier"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-proxier"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}],
    });
    match bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error).context("let nodes read Services"),
    }
}

fn open_storage(config: &Config) -> Result<Arc<dyn Storage>> {
    if config.in_memory {
        return Ok(storage::open_memory());
    }
    let directory = config.data_dir.join("store");
    storage::open(&directory).with_context(|| format!("open the store in `{}`", directory.display()))
}

fn server_config(config: &Config, pki: &Pki, storage: Arc<dyn Storage>) -> Result<server::Config> {
    let key = jwt::Key::from_pem(&pki.token_key_pem).context("read the key that signs tokens")?;
    let tokens = Arc::new(Tokens::new(key, ISSUER.to_owned(), storage.clone()));
    let (authorizer, rbac) = authz::built_in(&storage);
    let endpoints = [authn::endpoints(&tokens), authz::endpoints(), resources::core::endpoints()];
    let mut authenticators: Vec<Arc<dyn authn::Authenticator>> = vec![Arc::new(X509)];
    for (token, user) in &config.tokens {
        authenticators.push(Arc::new(authn::StaticToken { token: token.clone(), user: user.clone() }));
    }
    authenticators.push(tokens.clone());
    Ok(server::Config {
        storage,
        resources: resources::all(),
        service_cidr: config.service_cidr.to_string(),
        authenticators,
        authorizer,
        admission: admission::Chain::built_in(rbac),
        endpoints: endpoints.into_iter().flatten().collect(),
        nodes: None,
        requests_in_flight_max: REQUESTS_IN_FLIGHT_MAX,
    })
}

/// TLS 1.2 and later with optional client certificates of our own CA.
fn tls(pki: &Pki) -> Result<rustls::ServerConfig> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pki.ca_pem.as_bytes()).context("read the CA's certificate")?)?;
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier = verifier.allow_unauthenticated().build().context("trust the CA")?;
    let chain =
        CertificateDer::pem_slice_iter(pki.serving.certificate_pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(pki.serving.key_pem.as_bytes()).context("read the serving key")?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

/// The names and addresses that the serving certificate is good for.
fn reach(config: &Config, address: SocketAddr) -> Reach {
    let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned);
    let full = "kubernetes.default.svc.cluster.local".to_owned();
    let names = names.into_iter().chain([full, config.node_name.clone()]).collect();
    let loopback = IpAddr::from([127, 0, 0, 1]);
    let mut addresses = vec![loopback, IpAddr::from(config.service_cidr.nth(1))];
    if !address.ip().is_unspecified() && address.ip() != loopback {
        addresses.push(address.ip());
    }
    Reach { names, addresses }
}

/// Where clients on this machine dial a listener.
fn dialled(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip.is_unspecified() => SocketAddr::new([127, 0, 0, 1].into(), address.port()),
        _ => address,
    }
}

async fn join(tasks: &mut JoinSet<()>) {
    let ended = tokio::time::timeout(STOP_PATIENCE, async { while tasks.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(parts = tasks.len(), "cut what did not end in time");
        tasks.shutdown().await;
    }
}
