//! One request on its way through a verb: what was asked, by whom, and what is told beside the answer.

use std::sync::Arc;

use http::HeaderMap;
use hyper::upgrade::OnUpgrade;
use parking_lot::Mutex;
use serde_json::Value;
use storage::Key;

use crate::content::Accept;
use crate::error::Failure;
use crate::field::quote;
use crate::query::Parameters;
use crate::registry::resource::{Now, Resource, Scope, Subresource};
use crate::registry::strategy;
use crate::request::{RequestInfo, User};
use crate::server::Shared;
use crate::validation::names;

/// One request for objects of a kind, on its way through a verb.
pub struct Call {
    /// The server.
    pub server: Arc<Shared>,
    /// The kind that was asked for.
    pub resource: Arc<Resource>,
    /// The kind whose objects are stored: the same, unless the kind is a view.
    pub owner: Arc<Resource>,
    /// The part of the object that was asked for.
    pub subresource: Option<Subresource>,
    /// What is asked for.
    pub info: RequestInfo,
    /// By whom.
    pub user: User,
    /// The URL's parameters.
    pub query: Parameters,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The connection under the request, if the client wants to go on with it in another protocol. For one taker.
    pub connection: Mutex<Option<OnUpgrade>>,
    /// The form of the answer.
    pub accept: Accept,
    /// When.
    pub now: Now,
    /// What the client is told beside the answer, in order.
    pub warnings: Mutex<Vec<String>>,
}

// === impl Call ===

impl Call {
    /// The object that the path names.
    pub fn key(&self) -> Key {
        self.key_of(&self.info.name)
    }

    /// The same, if the name can be one.
    ///
    /// # Errors
    /// 400 of what cannot stand alone in a path.
    pub fn checked_key(&self) -> Result<Key, Failure> {
        let faults = names::path_segment(&self.info.name);
        if faults.is_empty() {
            return Ok(self.key());
        }
        let (name, faults) = (quote(&self.info.name), faults.join(";"));
        Err(Failure::bad_request(format!("Name parameter invalid: {name}: {faults}")))
    }

    /// The object of this name in the path's namespace.
    pub fn key_of(&self, name: &str) -> Key {
        // The path of a namespace says the namespace it is.
        let namespace = match self.owner.scope {
            Scope::Namespaced => self.info.namespace.as_str(),
            Scope::Cluster => "",
        };
        Key { resource: self.owner.stored_as().into(), namespace: namespace.into(), name: name.into() }
    }

    /// The name of the subresource, or the empty string.
    pub fn subresource_name(&self) -> &str {
        self.subresource.map_or("", |subresource| subresource.name)
    }

    /// Tells the client something beside the answer.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.lock().push(text.into());
    }

    /// 404 of the object that the path names.
    pub fn not_found(&self) -> Failure {
        Failure::not_found(&self.resource.gvk.group, &self.resource.plural, &self.info.name)
    }

    /// What a strategy may look at.
    pub fn strategy_context(&self, dry_run: bool) -> strategy::Context<'_> {
        strategy::Context {
            resource: &self.resource,
            user: &self.user,
            now: self.now,
            subresource: self.subresource.map(|subresource| subresource.name),
            dry_run,
            registry: &self.server.registry,
        }
    }

    /// What admission plugins may look at.
    pub fn admission_context<'a>(
        &'a self,
        operation: crate::admission::Operation,
        name: &'a str,
        old: Option<&'a Value>,
        dry_run: bool,
    ) -> crate::admission::Context<'a> {
        crate::admission::Context {
            operation,
            resource: &self.resource,
            subresource: self.subresource_name(),
            namespace: &self.info.namespace,
            name,
            user: &self.user,
            now: self.now,
            dry_run,
            old,
            registry: &self.server.registry,
            warnings: &self.warnings,
        }
    }
}
