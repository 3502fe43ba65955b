//! Decides which slices a Service needs, changing as few of those that exist as possible.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    clock::Time,
    endpoint::{self, Port},
    kinds,
    meta::{LAST_CHANGE_TRIGGER_TIME, Meta},
    owner,
    view::{pod::Pod, service::Service},
};

/// A slice holds at most so many endpoints, as upstream's default has it.
const ENDPOINTS_MAX: usize = 100;
pub(super) const MANAGER_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
pub(super) const MANAGER: &str = "endpointslice-controller.k8s.io";
pub(super) const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// What there is of a Service.
pub(super) struct Observed<'a> {
    pub(super) service: &'a Service,
    /// The pods that it selects.
    pub(super) pods: &'a [Arc<Pod>],
    /// The zone of each node that is known; empty if it has none.
    pub(super) zones: &'a BTreeMap<Box<str>, Box<str>>,
    /// The slices that we have made for it.
    pub(super) slices: Vec<Slice>,
    /// When the change happened that we are here for.
    pub(super) trigger: Option<Time>,
}

/// A slice as it is stored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Slice {
    pub(super) metadata: Meta,
    #[serde(skip)]
    labels: BTreeMap<String, String>,
    address_type: String,
    #[serde(deserialize_with = "crate::serde_null::as_default")]
    endpoints: Vec<Value>,
    #[serde(deserialize_with = "crate::serde_null::as_default")]
    ports: Vec<Value>,
}

/// What to write.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: Vec<Value>,
    /// The names of slices, and what they become.
    pub(super) update: Vec<(String, Value)>,
    pub(super) delete: Vec<String>,
}

/// One endpoint as a slice lists it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    addresses: [&'a str; 1],
    conditions: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    node_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    zone: &'a str,
    target_ref: Value,
}

/// Decides about all address families of the Service.
pub(super) fn plan(observed: &Observed<'_>) -> Plan {
    let mut plan = Plan::default();
    for family in families(observed.service) {
        let slices = observed.slices.iter().filter(|slice| slice.address_type == family);
        plan_family(observed, &family, slices.cloned().collect(), &mut plan);
    }
    let families: BTreeSet<_> = families(observed.service).into_iter().collect();
    let strange = observed.slices.iter().filter(|slice| !families.contains(&slice.address_type));
    plan.delete.extend(strange.map(|slice| slice.metadata.name.to_string()));
    plan
}

fn families(service: &Service) -> Vec<String> {
    match service.spec.ip_families.as_ref() {
        [] => vec!["IPv4".to_owned()],
        families => families.iter().map(|family| family.to_string()).collect(),
    }
}

fn plan_family(observed: &Observed<'_>, family: &str, slices: Vec<Slice>, plan: &mut Plan) {
    let mut wanted = endpoints(observed, family);
    if wanted.is_empty() {
        // A Service without endpoints has one empty slice, which says that somebody has looked.
        wanted.insert(Vec::new(), Vec::new());
    }
    let mut by_ports: BTreeMap<String, Vec<Slice>> = BTreeMap::new();
    for slice in slices {
        by_ports.entry(json!(slice.ports).to_string()).or_default().push(slice);
    }
    let (mut changed, mut fresh) = (Vec::new(), VecDeque::new());
    for (ports, endpoints) in wanted {
        let ports: Vec<Value> = ports.iter().map(|port| json!(port)).collect();
        let existing = by_ports.remove(&json!(ports).to_string()).unwrap_or_default();
        let (kept, unplaced) = keep(existing, endpoints);
        fill(kept, unplaced, &ports, family, &mut changed, &mut fresh);
    }
    let labels = labels(observed.service);
    let mut spare: Vec<Slice> = by_ports.into_values().flatten().collect();
    for (before, slice) in changed {
        match slice {
            slice if slice.endpoints.is_empty() && !slice.ports.is_empty() => spare.push(before),
            slice if before.endpoints != slice.endpoints || before.labels != labels => {
                plan.update.push((before.metadata.name.to_string(), object(observed, &slice, Some(&before))));
            }
            _ => {}
        }
    }
    // A slice that would go is better used again: its watchers then see one change instead of two.
    for before in spare {
        match fresh.pop_front() {
            Some(slice) => {
                plan.update.push((before.metadata.name.to_string(), object(observed, &slice, Some(&before))))
            }
            None => plan.delete.push(before.metadata.name.to_string()),
        }
    }
    plan.create.extend(fresh.iter().map(|slice| object(observed, slice, None)));
}

/// The endpoints that are wanted, by the ports that they answer at.
fn endpoints(observed: &Observed<'_>, family: &str) -> BTreeMap<Vec<Port>, Vec<Value>> {
    let service = observed.service;
    let publishes = service.spec.publish_not_ready_addresses;
    let mut wanted: BTreeMap<Vec<Port>, Vec<Value>> = BTreeMap::new();
    for pod in observed.pods.iter().filter(|pod| !pod.is_terminal()) {
        let zone = observed.zones.get(&pod.spec.node_name);
        let (Some(address), true) = (endpoint::address(pod, family), zone.is_some() || publishes) else { continue };
        let (serving, terminating) = (pod.is_ready(), pod.metadata.is_deleting());
        let ready = publishes || serving && !terminating;
        let endpoint = Endpoint {
            addresses: [address],
            conditions: json!({"ready": ready, "serving": serving, "terminating": terminating}),
            hostname: endpoint::hostname(service, pod),
            node_name: &pod.spec.node_name,
            zone: zone.map_or("", AsRef::as_ref),
            target_ref: endpoint::target(pod),
        };
        wanted.entry(endpoint::ports(service, pod)).or_default().push(json!(endpoint));
    }
    wanted
}

/// Keeps in each slice the endpoints that are still wanted, as they are now. Answers also with those that are in none.
fn keep(slices: Vec<Slice>, wanted: Vec<Value>) -> (Vec<(Slice, Slice)>, Vec<Value>) {
    let uid = |endpoint: &Value| endpoint["targetRef"]["uid"].to_string();
    let mut unplaced: BTreeMap<String, (usize, Value)> =
        wanted.into_iter().enumerate().map(|(at, endpoint)| (uid(&endpoint), (at, endpoint))).collect();
    let kept = slices.into_iter().map(|before| {
        let mut slice = before.clone();
        let still = before.endpoints.iter().filter_map(|endpoint| unplaced.remove(&uid(endpoint)));
        slice.endpoints = still.map(|(_, endpoint)| endpoint).collect();
        (before, slice)
    });
    let kept: Vec<_> = kept.collect();
    let mut unplaced: Vec<_> = unplaced.into_values().collect();
    unplaced.sort_by_key(|(at, _)| *at);
    (kept, unplaced.into_iter().map(|(_, endpoint)| endpoint).collect())
}

/// Puts what is in no slice where there is room: first into slices that change anyway, then into new ones.
fn fill(
    mut kept: Vec<(Slice, Slice)>,
    mut unplaced: Vec<Value>,
    ports: &[Value],
    family: &str,
    changed: &mut Vec<(Slice, Slice)>,
    fresh: &mut VecDeque<Slice>,
) {
    kept.sort_by_key(|(before, slice)| (before.endpoints == slice.endpoints, std::cmp::Reverse(slice.endpoints.len())));
    for (_, slice) in &mut kept {
        let room = ENDPOINTS_MAX.saturating_sub(slice.endpoints.len()).min(unplaced.len());
        slice.endpoints.extend(unplaced.drain(..room));
    }
    let is_new_placeholder = kept.is_empty() && ports.is_empty() && unplaced.is_empty();
    changed.append(&mut kept);
    let new = |endpoints: &[Value]| Slice {
        address_type: family.to_owned(),
        endpoints: endpoints.to_vec(),
        ports: ports.to_vec(),
        ..Slice::default()
    };
    fresh.extend(unplaced.chunks(ENDPOINTS_MAX).map(new));
    if is_new_placeholder {
        fresh.push_back(new(&[]));
    }
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    endpoint::labels(service, &[(SERVICE_LABEL, &service.metadata.name), (MANAGER_LABEL, MANAGER)])
}

/// The whole slice, to be created, or to take the place of `before`.
fn object(observed: &Observed<'_>, slice: &Slice, before: Option<&Slice>) -> Value {
    let service = &observed.service.metadata;
    let mut metadata = json!({
        "generateName": format!("{}-", service.name),
        "namespace": service.namespace,
        "labels": labels(observed.service),
        "ownerReferences": [owner::reference(&kinds::SERVICES, service)],
    });
    if let Some(trigger) = observed.trigger {
        metadata["annotations"] = json!({LAST_CHANGE_TRIGGER_TIME: trigger});
    }
    if let Some(before) = before {
        metadata["name"] = json!(before.metadata.name);
        metadata["resourceVersion"] = before.metadata.resource_version.to_string().into();
    }
    let (endpoints, ports) = (&slice.endpoints, &slice.ports);
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": slice.address_type,
        "endpoints": (!endpoints.is_empty()).then_some(endpoints),
        "ports": (!ports.is_empty()).then_some(ports),
    })
}

// === impl Slice ===

impl Slice {
    /// Takes over the labels, which the metadata holds in another form.
    pub(super) fn read(mut self) -> Self {
        let labels = self.metadata.labels.iter();
        self.labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        self
    }
}
