//! The kinds that are served, and the objects behind them.

pub mod allocator;
pub mod propagation;
mod range;
pub mod resource;
pub mod strategy;
pub mod view;

use std::sync::Arc;

use serde_json::Value;
use storage::{Key, Paging, Query, Storage};

use crate::error::Failure;
use allocator::Allocators;
use resource::Resource;

/// The kinds that are served and the store that holds their objects. Built-in kinds and custom ones are alike.
pub struct Registry {
    /// Where objects are.
    pub storage: Arc<dyn Storage>,
    /// Cluster IPs and node ports.
    pub allocators: Arc<Allocators>,
    resources: Vec<Arc<Resource>>,
}

impl Registry {
    /// A registry of these kinds over this store.
    pub fn new(storage: Arc<dyn Storage>, resources: Vec<Resource>) -> Registry {
        let allocators = Allocators::new(&[allocator::SERVICE_CIDR]);
        Registry { storage, allocators, resources: resources.into_iter().map(Arc::new).collect() }
    }

    /// With these ranges of cluster IPs, one per family, the default family first.
    pub fn with_service_cidrs(self, cidrs: &[&str]) -> Registry {
        Registry { allocators: Allocators::new(cidrs), ..self }
    }

    /// Every kind, in discovery's order.
    pub fn all(&self) -> &[Arc<Resource>] {
        &self.resources
    }

    /// The kind with this plural in this group and version.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.resources.iter().find(|r| &*r.gvk.group == group && &*r.gvk.version == version && &*r.plural == plural)
    }

    /// The kind whose objects a kind shows: itself, unless it is a view of another one.
    pub fn owner(&self, resource: &Arc<Resource>) -> Arc<Resource> {
        let owner = resource.view.and_then(|view| self.find(view.of.0, view.of.1, view.of.2));
        owner.unwrap_or(resource).clone()
    }

    /// One object; `resource` is a store's name for a kind: `core/pods`.
    ///
    /// # Errors
    /// Only when the store is unavailable.
    pub async fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Option<Value>, Failure> {
        let key = Key { resource: resource.into(), namespace: namespace.into(), name: name.into() };
        let found = self.storage.get(&key).await.map_err(|e| Failure::internal(&e.to_string()))?;
        Ok(found.map(|object| decode(&object)))
    }

    /// All objects of a kind in a namespace, or in all of them if it is empty.
    ///
    /// # Errors
    /// Only when the store is unavailable.
    pub async fn list(&self, resource: &str, namespace: &str) -> Result<Vec<Value>, Failure> {
        let query = Query { resource: resource.into(), namespace: namespace.into(), name: None, field: None };
        let page = self.storage.list(&query, Paging::default()).await.map_err(|e| Failure::internal(&e.to_string()))?;
        Ok(page.objects.iter().map(decode).collect())
    }
}

pub use crate::stored::decode;
