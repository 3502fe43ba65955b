//! A node as controllers see it.

use serde::Deserialize;

use crate::{
    api::Resource,
    kinds,
    meta::Meta,
    watch::{Object, View},
};

/// A node: its addresses to give out and what keeps pods away from it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) metadata: Meta,
    pub(crate) spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spec {
    #[serde(rename = "podCIDR")]
    pub(crate) pod_cidr: Box<str>,
}

impl Object for Node {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.metadata
    }
}

impl View for Node {
    const RESOURCE: &'static Resource = &kinds::NODES;
}
