//! Where Services lead: watches Services and EndpointSlices and keeps one table for programs, the host's proxy and
//! containers' environments.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt as _};
use parking_lot::Mutex;
use runtime::{Runtime, ServiceTable};
use tokio::sync::watch;

use super::Agent;
use super::pod::env::ServiceLink;
use super::proxy::TableSender;

/// Events that are taken in before the table is made anew.
const BATCH_MAX: usize = 256;
/// The label that names a slice's Service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";
/// Objects in one page of a list.
const LIST_PAGE: u32 = 100;

/// Namespace and name.
type Key = (String, String);

/// The Services of the cluster.
#[derive(Debug)]
pub(crate) struct Services {
    state: Mutex<State>,
    listed: watch::Sender<(bool, bool)>,
}

/// What of them is kept.
#[derive(Debug, Default)]
pub(super) struct State {
    services: BTreeMap<Key, ServiceView>,
    slices: BTreeMap<Key, SliceView>,
}

/// What of a Service is kept.
#[derive(Debug, PartialEq, Eq)]
struct ServiceView {
    /// Its cluster address; none if it is headless or leads outside.
    ip: Option<IpAddr>,
    ports: Vec<Port>,
}

/// What of an EndpointSlice is kept.
#[derive(Debug, PartialEq, Eq)]
struct SliceView {
    service: Key,
    ports: Vec<Port>,
    /// Addresses that take traffic, and their host names.
    endpoints: Vec<(IpAddr, Option<String>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Port {
    name: String,
    number: u16,
    protocol: String,
}

/// What was heard of.
#[expect(clippy::large_enum_variant, reason = "each lives for a moment, in a batch that is bounded")]
enum News {
    Service(Event<Service>),
    Slice(Event<EndpointSlice>),
}

// === impl Services ===

impl Default for Services {
    fn default() -> Self {
        Self { state: Mutex::default(), listed: watch::Sender::new((false, false)) }
    }
}

impl Services {
    /// Waits until all Services have been heard of once.
    pub(crate) async fn ready(&self) {
        // The sender is this very struct: it is not dropped meanwhile.
        let _ = self.listed.subscribe().wait_for(|(services, slices)| *services && *slices).await;
    }

    /// What a container's environment tells of: the API server, and with `all` the Services of its namespace.
    pub(crate) fn links(&self, namespace: &str, all: bool) -> Vec<ServiceLink> {
        let state = self.state.lock();
        let wanted = |(of, name): &Key| {
            let kubernetes = of == "default" && name == "kubernetes";
            // Upstream: one's own `kubernetes` does not hide the API server's.
            kubernetes || (all && of == namespace && name != "kubernetes")
        };
        let link = |(key, service): (&Key, &ServiceView)| {
            Some(ServiceLink {
                name: key.1.clone(),
                ip: service.ip?.to_string(),
                ports: service.ports.iter().map(|it| (it.name.clone(), it.number, it.protocol.clone())).collect(),
            })
        };
        state.services.iter().filter(|(key, _)| wanted(key)).filter_map(link).collect()
    }

    /// Takes in what was heard; what is not in a whole list is dropped when the list is done.
    fn take(&self, news: News, before: &mut Before) {
        let mut state = self.state.lock();
        match news {
            News::Service(event) => {
                if take(&mut state.services, &mut before.services, event, service_view) {
                    self.listed.send_modify(|it| it.0 = true);
                }
            }
            News::Slice(event) => {
                if take(&mut state.slices, &mut before.slices, event, slice_view) {
                    self.listed.send_modify(|it| it.1 = true);
                }
            }
        }
    }
}

/// The keys that a list under way has not confirmed.
#[derive(Default)]
struct Before {
    services: BTreeSet<Key>,
    slices: BTreeSet<Key>,
}

/// Takes in one event; whether a list is done.
fn take<K: Resource, V>(
    kept: &mut BTreeMap<Key, V>,
    before: &mut BTreeSet<Key>,
    event: Event<K>,
    view: fn(&K) -> Option<V>,
) -> bool {
    let key = |it: &K| (it.namespace().unwrap_or_default(), it.name_any());
    match event {
        Event::Init => *before = kept.keys().cloned().collect(),
        Event::InitApply(it) | Event::Apply(it) => {
            before.remove(&key(&it));
            match view(&it) {
                Some(view) => drop(kept.insert(key(&it), view)),
                None => drop(kept.remove(&key(&it))),
            }
        }
        Event::Delete(it) => drop(kept.remove(&key(&it))),
        Event::InitDone => {
            for gone in std::mem::take(before) {
                kept.remove(&gone);
            }
            return true;
        }
    }
    false
}

/// Watches, and tells the runtime and the proxy of each new table.
pub(crate) async fn run(agent: Arc<Agent>, runtime: Arc<Runtime>, proxy: TableSender) {
    let config = || watcher::Config::default().page_size(LIST_PAGE);
    let services: Api<Service> = Api::all(agent.client.clone());
    let slices: Api<EndpointSlice> = Api::all(agent.client.clone());
    let services = watcher(services, config()).default_backoff().map(|it| it.map(News::Service));
    let slices = watcher(slices, config()).default_backoff().map(|it| it.map(News::Slice));
    let mut batches = std::pin::pin!(stream::select(services, slices).ready_chunks(BATCH_MAX));
    let mut before = Before::default();
    while let Some(batch) = batches.next().await {
        for news in batch {
            match news {
                Ok(news) => agent.services.take(news, &mut before),
                Err(err) => tracing::warn!(%err, "lost the watch of Services"),
            }
        }
        let table = table(&agent.services.state.lock());
        // The proxy may have ended, when the agent does.
        let _ = proxy.send(table.tcp.clone());
        runtime.set_services(table);
    }
}

/// Where every Service and every name leads.
fn table(state: &State) -> ServiceTable {
    let mut slices: HashMap<&Key, Vec<&SliceView>> = HashMap::new();
    for slice in state.slices.values() {
        slices.entry(&slice.service).or_default().push(slice);
    }
    let mut table = ServiceTable::default();
    for (key, service) in &state.services {
        let slices = slices.get(key).map(Vec::as_slice).unwrap_or_default();
        add_names(&mut table, key, service, slices);
        let Some(ip) = service.ip else { continue };
        for port in &service.ports {
            let to = match port.protocol.as_str() {
                "TCP" => &mut table.tcp,
                "UDP" => &mut table.udp,
                _ => continue,
            };
            to.insert(SocketAddr::new(ip, port.number), endpoints(slices, port).into());
        }
    }
    table
}

/// The addresses behind a port.
fn endpoints(slices: &[&SliceView], port: &Port) -> Vec<SocketAddr> {
    let matching = |slice: &&SliceView| {
        let found = slice.ports.iter().find(|it| it.name == port.name && it.protocol == port.protocol);
        found.map(|it| it.number)
    };
    let behind = slices.iter().filter_map(|slice| Some((slice, matching(slice)?)));
    behind.flat_map(|(slice, number)| slice.endpoints.iter().map(move |(ip, _)| SocketAddr::new(*ip, number))).collect()
}

fn add_names(table: &mut ServiceTable, (namespace, name): &Key, service: &ServiceView, slices: &[&SliceView]) {
    let full = format!("{name}.{namespace}");
    let all = slices.iter().flat_map(|it| &it.endpoints);
    for (ip, hostname) in all.clone() {
        if let Some(hostname) = hostname {
            table.names.insert(format!("{hostname}.{full}"), [*ip].into());
        }
    }
    let addresses: BTreeSet<IpAddr> = match service.ip {
        Some(ip) => [ip].into(),
        None => all.map(|(ip, _)| *ip).collect(),
    };
    table.names.insert(full, addresses.into_iter().collect());
}

fn service_view(service: &Service) -> Option<ServiceView> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        return None;
    }
    let ports = spec.ports.iter().flatten().filter_map(|it| {
        Some(Port {
            name: it.name.clone().unwrap_or_default(),
            number: u16::try_from(it.port).ok()?,
            protocol: it.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
        })
    });
    Some(ServiceView { ip: spec.cluster_ip.as_deref().and_then(|it| it.parse().ok()), ports: ports.collect() })
}

fn slice_view(slice: &EndpointSlice) -> Option<SliceView> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_LABEL)?.clone();
    let ports = slice.ports.iter().flatten().filter_map(|it| {
        Some(Port {
            name: it.name.clone().unwrap_or_default(),
            number: u16::try_from(it.port?).ok()?,
            protocol: it.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
        })
    });
    // An unknown readiness counts as ready, says the API.
    let takes =
        slice.endpoints.iter().flatten().filter(|it| it.conditions.as_ref().and_then(|it| it.ready) != Some(false));
    let endpoints = takes.flat_map(|it| {
        let address = |text: &String| Some((text.parse().ok()?, it.hostname.clone()));
        it.addresses.iter().filter_map(address).collect::<Vec<_>>()
    });
    Some(SliceView {
        service: (slice.metadata.namespace.clone().unwrap_or_default(), name),
        ports: ports.collect(),
        endpoints: endpoints.collect(),
    })
}

#[cfg(test)]
mod tests;
