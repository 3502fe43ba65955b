//! Nothing is created in a namespace that is not there or is going away, and the system's namespaces stay.

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::admission::{Context, Operation, Plugin};
use crate::error::Failure;
use crate::object::Fields;
use crate::registry::resource::Scope;

/// Namespaces that cannot be deleted.
const PROTECTED: &[&str] = &["default", "kube-system", "kube-public"];

/// `NamespaceLifecycle`.
pub struct NamespaceLifecycle;

impl Plugin for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, _object: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        let creates = cx.operation == Operation::Create && cx.resource.scope == Scope::Namespaced;
        // Access reviews ask about namespaces that need not exist.
        if !creates || &*cx.resource.gvk.group == "authorization.k8s.io" {
            return Box::pin(async { Ok(()) });
        }
        Box::pin(async move {
            let Some(namespace) = cx.registry.get("core/namespaces", "", cx.namespace).await? else {
                return Err(Failure::not_found("", "namespaces", cx.namespace));
            };
            if namespace.at("metadata.deletionTimestamp").is_none() {
                return Ok(());
            }
            Err(terminating(cx))
        })
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, _object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        let protected =
            cx.operation == Operation::Delete && cx.is_about("", "namespaces") && PROTECTED.contains(&cx.name);
        let answer = if protected { Err(cx.forbidden("this namespace may not be deleted")) } else { Ok(()) };
        Box::pin(async { answer })
    }
}

fn terminating(cx: &Context<'_>) -> Failure {
    let namespace = cx.namespace;
    let what = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut failure = cx.forbidden(&what);
    failure.details["causes"] = json!([{
        "reason": "NamespaceTerminating",
        "message": format!("namespace {namespace} is being terminated"),
        "field": "metadata.namespace",
    }]);
    failure
}
