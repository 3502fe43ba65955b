//! The last word before an object is written: plugins that change it or refuse it, one row each, in upstream's order.

use std::sync::Arc;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;

use crate::authz::Rbac;
use crate::error::Failure;
use crate::registry::Registry;
use crate::registry::resource::{Now, Resource};
use crate::request::User;

mod certificates;
mod default_toleration_seconds;
mod limit_ranger;
mod namespace_lifecycle;
mod node_restriction;
mod priority;
mod rbac_escalation;
mod runtime_class;
mod service_account;
mod storage;
mod taint_nodes_by_condition;

pub use certificates::{CertificateApproval, CertificateSigning, CertificateSubjectRestriction};
pub use default_toleration_seconds::DefaultTolerationSeconds;
pub use limit_ranger::LimitRanger;
pub use namespace_lifecycle::NamespaceLifecycle;
pub use node_restriction::NodeRestriction;
pub use priority::Priority;
pub use rbac_escalation::RbacEscalation;
pub use runtime_class::RuntimeClass;
pub use service_account::ServiceAccount;
pub use storage::{DefaultStorageClass, PersistentVolumeClaimResize, StorageObjectInUseProtection};
pub use taint_nodes_by_condition::TaintNodesByCondition;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new object.
    Create,
    /// A change.
    Update,
    /// A deletion.
    Delete,
    /// `exec`, `attach`, `portforward`, `proxy`.
    Connect,
}

/// What plugins may look at.
pub struct Context<'a> {
    /// What is being done.
    pub operation: Operation,
    /// To which kind.
    pub resource: &'a Resource,
    /// `status`, or empty.
    pub subresource: &'a str,
    /// Empty for cluster-scoped objects.
    pub namespace: &'a str,
    /// Empty if it is generated later.
    pub name: &'a str,
    /// By whom.
    pub user: &'a User,
    /// When.
    pub now: Now,
    /// Nothing may be kept.
    pub dry_run: bool,
    /// The object as it was, on updates and deletions.
    pub old: Option<&'a Value>,
    /// The other objects.
    pub registry: &'a Registry,
    /// What the client is told beside the answer.
    pub warnings: &'a Mutex<Vec<String>>,
}

impl Context<'_> {
    /// Whether this is about objects of a kind, and not about a subresource.
    pub fn is_about(&self, group: &str, plural: &str) -> bool {
        &*self.resource.gvk.group == group && &*self.resource.plural == plural && self.subresource.is_empty()
    }

    /// 403 about the object, in the plugin's words.
    pub fn forbidden(&self, what: &str) -> Failure {
        Failure::forbidden(&self.resource.gvk.group, &self.resource.plural, self.name, what)
    }
}

/// One plugin. Both methods let everything pass by default.
pub trait Plugin: Send + Sync + 'static {
    /// Its name upstream.
    fn name(&self) -> &'static str;

    /// Changes a new or changed object before it is validated, or refuses it.
    fn mutate<'a>(&'a self, cx: &'a Context<'a>, object: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        let _ = (cx, object);
        Box::pin(async { Ok(()) })
    }

    /// Refuses a validated object; on a deletion `object` is what is deleted.
    fn validate<'a>(&'a self, cx: &'a Context<'a>, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        let _ = (cx, object);
        Box::pin(async { Ok(()) })
    }
}

/// The plugins in their order.
#[derive(Default)]
pub struct Chain(pub Vec<Box<dyn Plugin>>);

impl Chain {
    /// All plugins that are always on: one line each, in upstream's order (`pkg/kubeapiserver/options/plugins.go`).
    pub fn built_in(rbac: Arc<Rbac>) -> Chain {
        Chain(vec![
            Box::new(RbacEscalation(rbac.clone())),
            Box::new(NamespaceLifecycle),
            Box::new(LimitRanger),
            Box::new(ServiceAccount),
            Box::new(NodeRestriction),
            Box::new(TaintNodesByCondition),
            Box::new(Priority),
            Box::new(DefaultTolerationSeconds),
            Box::new(DefaultStorageClass),
            Box::new(StorageObjectInUseProtection),
            Box::new(PersistentVolumeClaimResize),
            Box::new(RuntimeClass),
            Box::new(CertificateApproval(rbac.clone())),
            Box::new(CertificateSigning(rbac)),
            Box::new(CertificateSubjectRestriction),
        ])
    }

    /// Lets every plugin change the object.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn mutate(&self, cx: &Context<'_>, object: &mut Value) -> Result<(), Failure> {
        for plugin in &self.0 {
            plugin.mutate(cx, object).await?;
        }
        Ok(())
    }

    /// Lets every plugin look at the object.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn validate(&self, cx: &Context<'_>, object: &Value) -> Result<(), Failure> {
        for plugin in &self.0 {
            plugin.validate(cx, object).await?;
        }
        Ok(())
    }
}
