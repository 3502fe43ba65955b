//! A Service as the endpoint controllers see it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    api::Resource,
    kinds,
    meta::{Labels, Meta},
    watch::{Object, View},
};

/// A Service: which pods it is for, and at which ports.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    pub(crate) metadata: Meta,
    pub(crate) spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Spec {
    pub(crate) selector: Option<BTreeMap<Box<str>, Box<str>>>,
    #[serde(rename = "type")]
    pub(crate) service_type: Box<str>,
    #[serde(rename = "clusterIP")]
    pub(crate) cluster_ip: Box<str>,
    pub(crate) ip_families: Box<[Box<str>]>,
    pub(crate) publish_not_ready_addresses: bool,
    pub(crate) ports: Box<[Port]>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Port {
    pub(crate) name: Box<str>,
    pub(crate) protocol: Box<str>,
    pub(crate) port: u16,
    pub(crate) app_protocol: Option<Box<str>>,
    /// A number, or the name that a pod's container gives to one of its ports.
    pub(crate) target_port: Option<Value>,
}

impl Service {
    /// Whether the Service is for a pod with these labels. One without a selector is for none.
    pub(crate) fn selects(&self, labels: &Labels) -> bool {
        let selector = self.spec.selector.as_ref().filter(|selector| !selector.is_empty());
        selector.is_some_and(|selector| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
    }

    /// Whether its name resolves to the pods themselves.
    pub(crate) fn is_headless(&self) -> bool {
        self.spec.cluster_ip.as_ref() == "None"
    }
}

impl Object for Service {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.metadata
    }
}

impl View for Service {
    const RESOURCE: &'static Resource = &kinds::SERVICES;
}
