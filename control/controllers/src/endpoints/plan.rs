//! Decides what the Endpoints object of a Service says.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    clock::Time,
    endpoint::{self, Port},
    meta::LAST_CHANGE_TRIGGER_TIME,
    view::{pod::Pod, service::Service},
};

/// An Endpoints object lists at most so many addresses; it says so if there are more.
const ADDRESSES_MAX: usize = 1000;
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const MANAGER_LABEL: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";

/// What to write.
#[derive(Debug, PartialEq)]
pub(super) enum Plan {
    Nothing,
    Create(Value),
    Update(Value),
}

/// Addresses that answer at the same ports.
#[derive(Default)]
struct Subset {
    ready: Vec<Value>,
    not_ready: Vec<Value>,
}

/// Compares what is stored with what must be.
pub(super) fn plan(service: &Service, pods: &[Arc<Pod>], stored: Option<Value>, trigger: Option<Time>) -> Plan {
    let (subsets, truncated) = subsets(service, pods);
    let labels = json!(endpoint::labels(service, &[(MANAGER_LABEL, MANAGER)]));
    let capacity = truncated.then_some("truncated");
    let before = stored.as_ref().map_or(&Value::Null, |stored| &stored["subsets"]);
    let same_subsets = before.as_array().map_or(&[][..], Vec::as_slice) == subsets.as_slice();
    if let Some(stored) = &stored {
        let said = stored["metadata"]["annotations"][OVER_CAPACITY].as_str();
        if same_subsets && stored["metadata"]["labels"] == labels && said == capacity {
            return Plan::Nothing;
        }
    }
    let is_new = stored.is_none();
    let metadata = json!({"name": service.metadata.name, "namespace": service.metadata.namespace});
    let mut object = stored.unwrap_or_else(|| json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata}));
    object["subsets"] = subsets.into();
    object["metadata"]["labels"] = labels;
    annotate(&mut object, LAST_CHANGE_TRIGGER_TIME, trigger.map(|trigger| trigger.to_string()));
    annotate(&mut object, OVER_CAPACITY, capacity.map(str::to_owned));
    if is_new { Plan::Create(object) } else { Plan::Update(object) }
}

fn annotate(object: &mut Value, key: &str, value: Option<String>) {
    let annotations = &mut object["metadata"]["annotations"];
    match value {
        Some(value) => annotations[key] = value.into(),
        None => drop(annotations.as_object_mut().and_then(|annotations| annotations.remove(key))),
    }
}

/// The subsets, and whether there are too many addresses for all of them.
fn subsets(service: &Service, pods: &[Arc<Pod>]) -> (Vec<Value>, bool) {
    let publishes = service.spec.publish_not_ready_addresses;
    let family = service.spec.ip_families.first().map_or("IPv4", AsRef::as_ref);
    let mut by_ports: BTreeMap<Vec<Port>, Subset> = BTreeMap::new();
    let counts = |pod: &&Arc<Pod>| !pod.is_terminal() && (publishes || !pod.metadata.is_deleting());
    let addresses = pods.iter().filter(counts).filter_map(|pod| Some((pod, endpoint::address(pod, family)?)));
    let mut count = 0;
    for (pod, ip) in addresses {
        let ports = endpoint::ports(service, pod);
        // A Service with ports none of which the pod has does not reach it.
        if ports.is_empty() && !service.spec.ports.is_empty() {
            continue;
        }
        count += 1;
        if count > ADDRESSES_MAX {
            continue;
        }
        let subset = by_ports.entry(ports).or_default();
        let list = if publishes || pod.is_ready() { &mut subset.ready } else { &mut subset.not_ready };
        list.push(address(service, pod, ip));
    }
    (by_ports.into_iter().map(|(ports, subset)| subset.object(ports)).collect(), count > ADDRESSES_MAX)
}

fn address(service: &Service, pod: &Pod, ip: &str) -> Value {
    let mut address = json!({"ip": ip, "targetRef": endpoint::target(pod)});
    if let Some(hostname) = endpoint::hostname(service, pod) {
        address["hostname"] = hostname.into();
    }
    if !pod.spec.node_name.is_empty() {
        address["nodeName"] = pod.spec.node_name.as_ref().into();
    }
    address
}

// === impl Subset ===

impl Subset {
    fn object(self, ports: Vec<Port>) -> Value {
        let mut object = json!({});
        for (key, list) in [("addresses", self.ready), ("notReadyAddresses", self.not_ready)] {
            if !list.is_empty() {
                object[key] = list.into();
            }
        }
        if !ports.is_empty() {
            object["ports"] = ports.iter().map(port).collect();
        }
        object
    }
}

/// A port as Endpoints have it: without a name if that is empty.
fn port(port: &Port) -> Value {
    let mut object = json!(port);
    if let Some(object) = object.as_object_mut()
        && port.name.is_empty()
    {
        object.remove("name");
    }
    object
}
