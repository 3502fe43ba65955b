//! The server that transcripts are replayed against: everything but controllers, scheduler and nodes, on memory storage.

use std::sync::Arc;

use apiserver::admission::{Chain, NamespaceLifecycle};
use apiserver::authn::{MASTERS, StaticToken};
use apiserver::authz::Masters;
use apiserver::request::User;
use apiserver::resources;
use apiserver::server::{Config, Server};

/// A bearer token of a `system:masters` user.
pub const TOKEN: &str = "admintoken";

/// A fresh server.
pub async fn server() -> impl crate::replay::Server {
    let admin = User { name: "admin".into(), groups: vec![MASTERS.into()], ..User::default() };
    let server = Server::new(Config {
        storage: storage::open_memory(),
        resources: resources::all(),
        service_cidr: "10.96.0.0/16".to_owned(),
        authenticators: vec![Arc::new(StaticToken { token: TOKEN.to_owned(), user: admin })],
        authorizer: Arc::new(Masters),
        admission: Chain(vec![Box::new(NamespaceLifecycle)]),
        endpoints: Vec::new(),
        nodes: None,
        requests_in_flight_max: 400,
    });
    server.service()
}
