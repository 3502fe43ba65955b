//! What the two endpoint controllers share: which pods a Service reaches, at which ports, and since when.

pub(crate) mod triggers;

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    cache::Cache,
    meta::Key,
    queue::Queue,
    view::{
        pod::{Pod, PodIp},
        service::Service,
    },
};

/// Marks what belongs to a Service without a cluster IP.
const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";

/// A port at which pods answer. Ordered by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Port {
    pub(crate) name: Box<str>,
    pub(crate) port: u16,
    pub(crate) protocol: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app_protocol: Option<Box<str>>,
}

/// The ports of `service` on `pod`. One that the pod does not name is left out.
pub(crate) fn ports(service: &Service, pod: &Pod) -> Vec<Port> {
    let port = |port: &crate::view::service::Port| {
        let number = match &port.target_port {
            Some(Value::String(name)) => named_port(pod, name, &port.protocol)?,
            Some(Value::Number(number)) => u16::try_from(number.as_u64()?).ok().filter(|number| *number != 0)?,
            _ => port.port,
        };
        let (name, protocol) = (port.name.clone(), port.protocol.clone());
        Some(Port { name, port: number, protocol, app_protocol: port.app_protocol.clone() })
    };
    let mut ports: Vec<_> = service.spec.ports.iter().filter_map(port).collect();
    ports.sort_unstable();
    ports
}

fn named_port(pod: &Pod, name: &str, protocol: &str) -> Option<u16> {
    let mut ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let is_it = |port: &&crate::view::pod::Port| port.name.as_ref() == name && port.protocol.as_ref() == protocol;
    ports.find(is_it).map(|port| port.container_port)
}

/// The pod's address of the family, if it has one.
pub(crate) fn address<'a>(pod: &'a Pod, family: &str) -> Option<&'a str> {
    let of_family = |ip: &&PodIp| ip.ip.contains(':') == (family == "IPv6");
    pod.status.pod_ips.iter().find(of_family).map(|ip| ip.ip.as_ref())
}

/// The name by which the Service's domain knows the pod.
pub(crate) fn hostname<'a>(service: &Service, pod: &'a Pod) -> Option<&'a str> {
    let is_inside = !pod.spec.hostname.is_empty() && *pod.spec.subdomain == *service.metadata.name;
    is_inside.then_some(pod.spec.hostname.as_ref())
}

/// The reference to the pod behind an endpoint.
pub(crate) fn target(pod: &Pod) -> Value {
    let meta = &pod.metadata;
    json!({"kind": "Pod", "namespace": meta.namespace, "name": meta.name, "uid": meta.uid})
}

/// The labels of what is made for a Service: its own, those that say what it is, and `more`.
pub(crate) fn labels(service: &Service, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = service.metadata.labels.iter().filter(|(key, _)| *key != HEADLESS_LABEL);
    let headless = service.is_headless().then_some((HEADLESS_LABEL, ""));
    let all = own.chain(headless).chain(more.iter().copied());
    all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Adds the Services that select a pod, before or after a change that endpoints show, to `queue`.
pub(crate) fn enqueue_selecting(pods: &Cache<Pod>, services: &Arc<Cache<Service>>, queue: &Arc<Queue<Key>>) {
    let (services, queue) = (services.clone(), queue.clone());
    pods.listen(move |change| {
        if let (Some(old), Some(new)) = (change.old, change.new)
            && shows_the_same(old, new)
        {
            return;
        }
        let Some(pod) = change.latest() else { return };
        let sides: Vec<_> = change.sides().collect();
        let selects = |service: &Service| sides.iter().any(|pod| service.selects(&pod.metadata.labels));
        for service in services.in_namespace(&pod.metadata.namespace, selects) {
            queue.add(service.metadata.key());
        }
    });
}

fn shows_the_same(old: &Pod, new: &Pod) -> bool {
    let shown = |pod: &Pod| (pod.is_terminal(), pod.metadata.is_deleting(), pod.status.ready);
    let ips = |pod: &Pod| pod.status.pod_ips.iter().map(|ip| ip.ip.clone()).collect::<Vec<_>>();
    shown(old) == shown(new)
        && old.metadata.uid == new.metadata.uid
        && old.metadata.labels == new.metadata.labels
        && old.spec.node_name == new.spec.node_name
        && ips(old) == ips(new)
}
