//! Short ways to say keys, drafts and queries in tests.

use std::sync::Arc;

use storage::{Draft, Durability, Fields, Index, Key, Object, Precondition, Query, Revision, Storage};

pub(crate) const PODS: &str = "core/pods";

pub(crate) fn key(namespace: &str, name: &str) -> Key {
    Key { resource: PODS.into(), namespace: namespace.into(), name: name.into() }
}

pub(crate) fn of(resource: &str, name: &str) -> Key {
    Key { resource: resource.into(), namespace: "".into(), name: name.into() }
}

/// A draft whose bytes are `r<revision>:<text>`.
pub(crate) fn draft(text: &str) -> Draft {
    Draft {
        value: format!("r:{text}").into_bytes().into(),
        revision_at: 1,
        index: Index { uid: "u".into(), ..Index::default() },
        durability: Durability::Disk,
    }
}

pub(crate) fn on_node(text: &str, node: &str) -> Draft {
    let index = Index { fields: Fields::new([("spec.nodeName", node)]), ..Index::default() };
    Draft { index, ..draft(text) }
}

pub(crate) fn in_memory(text: &str) -> Draft {
    Draft { durability: Durability::Memory, ..draft(text) }
}

pub(crate) fn pods() -> Query {
    Query { resource: PODS.into(), namespace: "".into(), name: None, field: None }
}

pub(crate) async fn create(store: &Arc<dyn Storage>, key: Key, draft: Draft) -> Object {
    store.put(key, draft, Precondition::Absent).await.unwrap()
}

pub(crate) async fn update(store: &Arc<dyn Storage>, object: &Object, draft: Draft) -> Object {
    store.put(object.key.clone(), draft, Precondition::At(object.revision)).await.unwrap()
}

pub(crate) async fn delete(store: &Arc<dyn Storage>, object: &Object) -> Revision {
    store.delete(object.key.clone(), object.revision).await.unwrap()
}

pub(crate) fn text(object: &Object) -> String {
    String::from_utf8(object.value.to_vec()).unwrap()
}

pub(crate) fn names(objects: &[Object]) -> Vec<String> {
    objects.iter().map(|object| format!("{}/{}", object.key.namespace, object.key.name)).collect()
}
