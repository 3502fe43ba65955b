//! A whole control plane in this process: the API server on memory storage, the controllers and the scheduler.

use std::sync::Arc;

use apiserver::{
    admission::Chain,
    authn::{self, MASTERS, StaticToken, jwt::Key, token::Tokens},
    authz,
    request::User,
    resources::{self, bootstrap},
    server::{Config, Server},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A bearer token of a `system:masters` user.
pub(crate) const TOKEN: &str = "admintoken";

/// What is published as the certificate of the API server.
pub(crate) const CA_PEM: &str = "-----BEGIN CERTIFICATE-----\n";

/// What runs. Everything stops when it is dropped.
pub(crate) struct ControlPlane {
    pub(crate) server: Server,
    _running: DropGuard,
}

// === impl ControlPlane ===

impl ControlPlane {
    /// Starts a fresh one. `without` names controllers that stay out.
    pub(crate) async fn start(without: &[&str]) -> Self {
        let (server, shutdown) = (server().await, CancellationToken::new());
        let config = controllers::Config {
            ca_pem: CA_PEM.to_owned(),
            cluster_cidr: "10.42.0.0/16".to_owned(),
            enabled: controllers::names().into_iter().filter(|name| !without.contains(name)).collect(),
        };
        let (controllers, scheduler) = (client(&server), client(&server));
        tokio::spawn(controllers::run_all(controllers, config, shutdown.clone()));
        tokio::spawn(scheduler::run(scheduler, shutdown.clone()));
        Self { server, _running: shutdown.drop_guard() }
    }

    /// A client for everything.
    pub(crate) fn client(&self) -> kube::Client {
        client(&self.server)
    }
}

fn client(server: &Server) -> kube::Client {
    kube::Client::new(server.in_process(admin()), "default")
}

fn admin() -> User {
    User::new("admin", [MASTERS])
}

async fn server() -> Server {
    let storage = storage::open_memory();
    let issuer = "https://kubernetes.default.svc.cluster.local".to_owned();
    let tokens = Arc::new(Tokens::new(Key::generate(), issuer, storage.clone()));
    let (authorizer, rbac) = authz::built_in(&storage);
    let endpoints = [authn::endpoints(&tokens), authz::endpoints(), resources::core::endpoints()];
    let server = Server::new(Config {
        storage: storage.clone(),
        resources: resources::all(),
        service_cidr: "10.96.0.0/16".to_owned(),
        authenticators: vec![Arc::new(StaticToken { token: TOKEN.to_owned(), user: admin() }), tokens.clone()],
        authorizer,
        admission: Chain::built_in(rbac),
        endpoints: endpoints.into_iter().flatten().collect(),
        nodes: None,
        requests_in_flight_max: 400,
    });
    bootstrap::apply(&*storage, server.service()).await.expect("an empty server takes its first objects");
    server
}
