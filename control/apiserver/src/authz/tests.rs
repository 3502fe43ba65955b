//! Decisions over a store that holds what a new server has, and what a test adds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::{Value, json};
use storage::{Draft, Durability, Index, Key, Precondition, Storage};

use super::node::Node;
use super::{Attributes, Authorizer, Decision, Rbac, Union};
use crate::object::Fields;
use crate::request::{RequestInfo, User};
use crate::resources::bootstrap;
use crate::selector::FieldSelector;

struct World {
    storage: Arc<dyn Storage>,
    authorizer: Union,
}

async fn world() -> World {
    let storage = storage::open_memory();
    let authorizers: Vec<Arc<dyn Authorizer>> =
        vec![Arc::new(Node::new(storage.clone())), Arc::new(Rbac::new(storage.clone()))];
    let world = World { storage, authorizer: Union(authorizers) };
    for object in bootstrap::objects() {
        world.put(&object).await;
    }
    world
}

impl World {
    async fn put(&self, object: &Value) {
        let plural = format!("{}s", object.str_at("kind").to_lowercase());
        let group = object.str_at("apiVersion").rsplit_once('/').map_or("core", |(group, _)| group);
        let key = Key {
            resource: format!("{group}/{plural}").into(),
            namespace: object.str_at("metadata.namespace").into(),
            name: object.str_at("metadata.name").into(),
        };
        let labels = object.at("metadata.labels").and_then(Value::as_object).into_iter().flatten();
        let index = Index {
            labels: labels.map(|(key, value)| (key.as_str().into(), value.as_str().unwrap().into())).collect(),
            fields: storage::Fields::new([("spec.nodeName", object.str_at("spec.nodeName"))]),
            ..Index::default()
        };
        let value = format!("{{\"revision\":,{}", &object.to_string()[1..]);
        let draft =
            Draft { value: value.into(), revision_at: "{\"revision\":".len(), index, durability: Durability::Disk };
        let old = self.storage.get(&key).await.unwrap();
        let precondition = old.map_or(Precondition::Absent, |old| Precondition::At(old.revision));
        self.storage.put(key, draft, precondition).await.unwrap();
    }

    async fn remove(&self, resource: &str, name: &str) {
        let key = Key { resource: resource.into(), namespace: "".into(), name: name.into() };
        let object = self.storage.get(&key).await.unwrap().unwrap();
        self.storage.delete(key, object.revision).await.unwrap();
    }

    async fn decide(&self, user: &User, info: &RequestInfo) -> Decision {
        self.authorizer.authorize(Attributes { user, info }).await
    }

    async fn allows(&self, user: &User, info: &RequestInfo) -> bool {
        matches!(self.decide(user, info).await, Decision::Allow { .. })
    }
}

fn user(name: &str, groups: &[&str]) -> User {
    User::new(name, groups.iter().copied())
}

fn request(verb: &str, resource: &str, namespace: &str, name: &str) -> RequestInfo {
    RequestInfo {
        is_resource: true,
        verb: verb.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ..RequestInfo::default()
    }
}

fn binding(role: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
        "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [{"kind": "User", "name": "jane"}],
    })
}

fn pod(node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "a"},
        "spec": {
            "nodeName": node, "serviceAccountName": "robot", "containers": [],
            "volumes": [{"projected": {"sources": [{"configMap": {"name": "c"}}]}}, {"secret": {"secretName": "s"}}],
        },
    })
}

#[tokio::test]
async fn a_binding_holds_from_its_write_to_its_end() {
    let world = world().await;
    let (jane, list) = (user("jane", &[]), request("list", "pods", "a", ""));
    assert!(!world.allows(&jane, &list).await);
    world.put(&binding("view")).await;
    assert_eq!(
        world.decide(&jane, &list).await,
        Decision::Allow {
            reason: "RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"view\" to User \"jane\"".to_owned()
        }
    );
    world.remove("rbac.authorization.k8s.io/clusterrolebindings", "b").await;
    assert!(!world.allows(&jane, &list).await);
}

/// `admin` collects `edit`, which collects `view`, and none of them has rules of its own on a new server.
#[tokio::test]
async fn aggregated_roles_allow_what_their_parts_allow() {
    let world = world().await;
    let jane = user("jane", &[]);
    world.put(&binding("admin")).await;
    assert!(world.allows(&jane, &request("create", "pods", "a", "")).await);
    assert!(world.allows(&jane, &request("list", "configmaps", "a", "")).await);
    assert!(!world.allows(&jane, &request("create", "nodes", "", "")).await);

    let mine = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "mine", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["gadgets"]}],
    });
    world.put(&mine).await;
    assert!(world.allows(&jane, &request("get", "gadgets", "a", "x")).await);
    world.remove("rbac.authorization.k8s.io/clusterroles", "mine").await;
    assert!(!world.allows(&jane, &request("get", "gadgets", "a", "x")).await);
}

#[tokio::test]
async fn a_role_that_is_not_there_is_told() {
    let world = world().await;
    world.put(&binding("gone")).await;
    let reason = "rbac: RBAC: clusterrole.rbac.authorization.k8s.io \"gone\" not found".to_owned();
    let decision = world.decide(&user("jane", &[]), &request("list", "nodes", "", "")).await;
    assert_eq!(decision, Decision::NoOpinion { reason });
}

#[tokio::test]
async fn anonymous_users_see_health_and_version_only() {
    let world = world().await;
    let anonymous = crate::authn::anonymous();
    let get = |path: &str| RequestInfo { verb: "get".to_owned(), path: path.to_owned(), ..RequestInfo::default() };
    for (path, allowed) in [("/healthz", true), ("/version", true), ("/readyz/ping", false), ("/api", false)] {
        assert_eq!(world.allows(&anonymous, &get(path)).await, allowed, "{path}");
    }
}

#[tokio::test]
async fn a_node_sees_what_its_pods_use() {
    let world = world().await;
    let node = user("system:node:n1", &["system:nodes"]);
    let reads = [
        request("get", "secrets", "a", "s"),
        request("watch", "configmaps", "a", "c"),
        request("get", "serviceaccounts", "a", "robot"),
        request("get", "pods", "a", "p"),
    ];
    for (on, seen) in [("", false), ("n2", false), ("n1", true)] {
        world.put(&pod(on)).await;
        for read in &reads {
            assert_eq!(world.allows(&node, read).await, seen, "{on}: {read:?}");
        }
    }
    assert!(!world.allows(&node, &request("get", "secrets", "a", "other")).await);
    assert!(!world.allows(&node, &request("list", "secrets", "a", "")).await);
    assert!(!world.allows(&user("system:node:n1", &[]), &reads[0]).await);
}

#[tokio::test]
async fn a_node_lists_its_own_pods_and_itself() {
    let world = world().await;
    let node = user("system:node:n1", &["system:nodes"]);
    let list = |selector: &str| RequestInfo {
        field_selector: FieldSelector::parse(selector).unwrap(),
        ..request("list", "pods", "", "")
    };
    assert!(world.allows(&node, &list("spec.nodeName=n1")).await);
    assert!(!world.allows(&node, &list("spec.nodeName=n2")).await);
    assert!(!world.allows(&node, &list("")).await);
    assert!(world.allows(&node, &request("get", "nodes", "", "n1")).await);
    assert!(!world.allows(&node, &request("get", "nodes", "", "n2")).await);
    assert!(!world.allows(&node, &request("delete", "nodes", "", "n1")).await);
}
