//! What a kind does beyond being stored: every method has the ordinary answer as its default.

use std::fmt;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::error::Failure;
use crate::field;
use crate::registry::Registry;
use crate::registry::resource::{Now, Resource};
use crate::request::User;

/// What a strategy may look at beside the object.
pub struct Context<'a> {
    /// Whose rules these are.
    pub resource: &'a Resource,
    /// Who asks.
    pub user: &'a User,
    /// The time of the request.
    pub now: Now,
    /// `Some("status")` when the request is about a subresource.
    pub subresource: Option<&'a str>,
    /// Nothing may be kept.
    pub dry_run: bool,
    /// The other objects.
    pub registry: &'a Registry,
}

/// Behavior of a kind. Objects have been decoded and pruned; defaults come before `begin` and `prepare_for_*`, the canonical
/// form and validation after; the order is upstream's (`registry/rest/create.go`, `update.go`).
pub trait Strategy: Send + Sync + 'static {
    /// Fills in what a client may leave out (`pkg/apis/<group>/<version>/defaults.go`). Idempotent.
    fn default(&self, object: &mut Value) {
        let _ = object;
    }

    /// Clears what clients may not set and sets what the server decides, on creation.
    fn prepare_for_create(&self, cx: &Context<'_>, object: &mut Value) {
        let _ = (cx, object);
    }

    /// The same on update of the object itself: usually keeps the old status.
    fn prepare_for_update(&self, cx: &Context<'_>, new: &mut Value, old: &Value) {
        let _ = (cx, new, old);
    }

    /// The same on update of `/status` and other subresources that carry the whole object.
    fn prepare_for_subresource(&self, cx: &Context<'_>, new: &mut Value, old: &Value) {
        let _ = (cx, new, old);
    }

    /// What is wrong with a new object, `metadata` excepted (the server validates that itself, see `name_rule`).
    fn validate(&self, cx: &Context<'_>, object: &Value) -> field::Errors {
        let _ = (cx, object);
        Vec::new()
    }

    /// What is wrong with a change, `metadata` excepted. `cx.subresource` tells which endpoint it came through.
    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> field::Errors {
        let _ = (cx, new, old);
        Vec::new()
    }

    /// Warnings about a new object that come even when it is then refused: upstream finds these while it prepares it.
    fn warnings_before_validation(&self, object: &Value) -> Vec<String> {
        let _ = object;
        Vec::new()
    }

    /// Warnings for the client about an accepted object (`old` is given on update).
    fn warnings(&self, cx: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        let _ = (cx, object, old);
        Vec::new()
    }

    /// Whether a change that changes nothing is written all the same: upstream keeps some objects in another form than
    /// it shows them in, until they are first written back.
    fn is_kept_otherwise(&self, object: &Value) -> bool {
        let _ = object;
        false
    }

    /// Which names are valid.
    fn name_rule(&self) -> NameRule {
        NameRule::DnsSubdomain
    }

    /// Seconds of grace for a DELETE that asks for none, or `None` for kinds that are deleted at once (all but pods).
    /// `asked` is what the client wants.
    fn grace_seconds(&self, object: &Value, asked: Option<i64>) -> Option<i64> {
        let _ = (object, asked);
        None
    }

    /// Whether a DELETE leaves the object there whatever its finalizers say, and marks it (namespaces go through
    /// `/finalize` when their content has gone). Asked before the ordinary rules of deletion.
    fn holds_deletion(&self, object: &mut Value, now: Now) -> bool {
        let _ = (object, now);
        false
    }

    /// Whether an object that is being deleted and has no finalizers left may go now.
    fn may_go(&self, object: &Value) -> bool {
        let _ = object;
        true
    }

    /// Allocates what the object needs and writes it into it (cluster IPs, node ports). `old` is given on update.
    /// What is allocated is kept by `commit` and given back by `rollback`. Runs after defaulting, before validation.
    fn begin<'a>(
        &'a self,
        cx: &'a Context<'a>,
        object: &'a mut Value,
        old: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Box<dyn Allocation>>, Failure>> {
        let _ = (cx, object, old);
        Box::pin(async { Ok(None) })
    }

    /// After an object is gone: gives back what it held.
    fn after_delete(&self, cx: &Context<'_>, object: &Value) {
        let _ = (cx, object);
    }
}

/// Something allocated for an object that is not stored yet. Dropping it without `commit` rolls back.
pub trait Allocation: Send + fmt::Debug {
    /// The object is stored: keep it.
    fn commit(self: Box<Self>);
}

/// Which `metadata.name`s are valid (`k8s.io/apimachinery/pkg/api/validation/name.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// RFC 1123 subdomain, 253 characters.
    DnsSubdomain,
    /// RFC 1123 label, 63 characters (namespaces).
    DnsLabel,
    /// RFC 1035 label (services).
    Dns1035Label,
    /// Anything that can stand in a path segment (RBAC).
    PathSegment,
}

/// The ordinary behavior.
pub struct Plain;
impl Strategy for Plain {}
