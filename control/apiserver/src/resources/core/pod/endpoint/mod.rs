//! The paths of pods that do something instead of reading or writing a pod: bind, evict, and everything that asks its node.

mod bind;
mod evict;
mod stream;
mod upgrade;

use std::sync::Arc;

use serde_json::Value;
use storage::{Object, Precondition};

use crate::error::Failure;
use crate::rest::Call;
use crate::rest::connect::Endpoint;
use crate::stored;

/// The rows.
pub fn endpoints() -> Vec<Endpoint> {
    let row = |plural, subresource, handler| Endpoint { group: "", plural, subresource, handler };
    vec![
        row("bindings", "", Arc::new(bind::Bind)),
        row("pods", "binding", Arc::new(bind::Bind)),
        row("pods", "eviction", Arc::new(evict::Evict)),
        row("pods", "log", Arc::new(stream::Log)),
        row("pods", "exec", Arc::new(upgrade::Exec("exec"))),
        row("pods", "attach", Arc::new(upgrade::Exec("attach"))),
        row("pods", "portforward", Arc::new(upgrade::PortForward)),
        row("pods", "proxy", Arc::new(stream::Proxy)),
    ]
}

/// The pod of this name, as it is stored and as a tree.
async fn find(call: &Call, name: &str) -> Result<(Object, Value), Failure> {
    let key = storage::Key {
        resource: "core/pods".into(),
        namespace: call.info.namespace.as_str().into(),
        name: name.into(),
    };
    let found = call.server.registry.storage.get(&key).await?;
    let object = found.ok_or_else(|| Failure::not_found("", "pods", name))?;
    let tree = stored::decode(&object);
    Ok((object, tree))
}

/// Writes a changed object if nobody else was faster; whether it was written.
async fn swap(call: &Call, version: &str, plural: &str, current: &Object, new: &Value) -> Result<bool, Failure> {
    let group = if plural == "pods" { "" } else { "policy" };
    let row = call.server.registry.find(group, version, plural).ok_or_else(Failure::no_such_resource)?;
    let draft = stored::draft(row, new);
    let put = call.server.registry.storage.put(current.key.clone(), draft, Precondition::At(current.revision)).await;
    match put {
        Ok(_) => Ok(true),
        Err(storage::Error::Conflict { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
