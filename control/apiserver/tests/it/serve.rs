//! The server that transcripts are replayed against: everything but controllers, scheduler and nodes, on memory storage.

use std::sync::Arc;

use apiserver::admission::Chain;
use apiserver::authn::jwt::Key;
use apiserver::authn::token::Tokens;
use apiserver::authn::{MASTERS, StaticToken};
use apiserver::node::NodeConnector;
use apiserver::request::User;
use apiserver::resources::{self, bootstrap};
use apiserver::server::{Config, Server, Stack};
use apiserver::{authn, authz};
use storage::{Draft, Durability, Object, Paging, Precondition, Query, Storage};
use tokio::sync::OnceCell;

/// A bearer token of a `system:masters` user.
pub const TOKEN: &str = "admintoken";

/// What a new server has, made once: each test gets its own copy.
static FIRST_OBJECTS: OnceCell<Vec<Object>> = OnceCell::const_new();

/// A fresh server.
pub async fn server() -> impl crate::replay::Server {
    over(first_store().await).service()
}

/// A fresh server that reaches nodes.
pub async fn server_with(nodes: Arc<dyn NodeConnector>) -> Stack {
    Server::new(Config { nodes: Some(nodes), ..config(first_store().await) }).service()
}

async fn first_store() -> Arc<dyn Storage> {
    let first = FIRST_OBJECTS.get_or_init(first_objects).await;
    let storage = storage::open_memory();
    for object in first {
        storage.put(object.key.clone(), draft(object), Precondition::Absent).await.expect("the store is empty");
    }
    storage
}

async fn first_objects() -> Vec<Object> {
    let storage = storage::open_memory();
    let service = over(storage.clone()).service();
    bootstrap::apply(&*storage, service.clone()).await.expect("an empty server takes its first objects");
    // An address that endpoints may not have: the transcripts were recorded without them.
    let [cluster_ip, address] = ["10.96.0.1", "127.0.0.1"].map(|text| text.parse().expect("it is an address"));
    let ensured = resources::core::service::ensure_kubernetes(service, cluster_ip, address, 6443).await;
    ensured.expect("an empty server takes its own service");
    let everything = Query { resource: "*".into(), namespace: "".into(), name: None, field: None };
    storage.list(&everything, Paging::default()).await.expect("memory can be read").objects
}

/// The object as it was before it got its revision.
fn draft(object: &Object) -> Draft {
    let text = std::str::from_utf8(&object.value).expect("stored objects are JSON");
    let quoted = format!("\"{}\"", object.revision.0);
    let (before, after) = text.split_once(&quoted).expect("stored objects hold their revision");
    Draft {
        value: format!("{before}\"\"{after}").into(),
        revision_at: before.len() + 1,
        index: (*object.index).clone(),
        durability: Durability::Disk,
    }
}

/// A server over this store.
pub fn over(storage: Arc<dyn Storage>) -> Server {
    Server::new(config(storage))
}

fn config(storage: Arc<dyn Storage>) -> Config {
    let admin = User { uid: "admin-uid".into(), ..User::new("admin", [MASTERS]) };
    let issuer = "https://kubernetes.default.svc.cluster.local".to_owned();
    let tokens = Arc::new(Tokens::new(Key::generate(), issuer, storage.clone()));
    let (authorizer, rbac) = authz::built_in(&storage);
    Config {
        storage,
        resources: resources::all(),
        service_cidr: "10.96.0.0/16".to_owned(),
        authenticators: vec![Arc::new(StaticToken { token: TOKEN.to_owned(), user: admin }), tokens.clone()],
        authorizer,
        admission: Chain::built_in(rbac),
        endpoints: [authn::endpoints(&tokens), authz::endpoints(), resources::core::endpoints()]
            .into_iter()
            .flatten()
            .collect(),
        nodes: None,
        requests_in_flight_max: 400,
    }
}
