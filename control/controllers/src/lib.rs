//! The controllers that make the world match the API. They know the API and nothing else, and run against any Kubernetes.
//!
//! # Flow
//! Every controller is a folder of the same shape: `mod.rs` observes through shared caches and the API, `plan.rs`
//! decides as a pure function, `mod.rs` applies the plan and reports events. One driver (`controller.rs`) runs them all.

mod api;
mod cache;
mod clock;
mod controller;
mod events;
mod kinds;
mod meta;
mod queue;
mod selector;
mod view;
mod watch;

#[cfg(test)]
#[path = "../../testing/transcript.rs"]
mod transcript;

mod conditions;
mod owner;
mod pod_control;
mod pod_template;
mod serde_null;
mod template_hash;
mod workload;

mod context;
mod cronjob;
mod daemonset;
mod deployment;
mod discovery;
mod endpoint;
mod endpoint_slice;
mod endpoints;
mod garbage;
mod job;
mod namespace;
mod node_ipam;
mod node_lifecycle;
mod node_ttl;
mod pod_gc;
mod replicaset;
mod root_ca;
mod service_account;
mod storage_protection;
mod taint_eviction;

use tokio_util::sync::CancellationToken;
use tracing::info;

pub use api::Error;

use context::Context;

/// What the controllers are told from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// The certificate that clients in pods verify the API server with, in PEM; published to every namespace.
    pub ca_pem: String,
    /// The addresses of all pods, from which each node gets a part.
    pub cluster_cidr: String,
    /// Which controllers run, by the names in [`names`].
    pub enabled: Vec<&'static str>,
}

/// A controller by its name, as upstream's `--controllers` has it.
struct Row {
    name: &'static str,
    start: fn(&mut Context),
}

const CONTROLLERS: &[Row] = &[
    Row { name: "namespace", start: namespace::start },
    Row { name: "serviceaccount", start: service_account::start },
    Row { name: "garbage-collector", start: garbage::start },
    Row { name: "pod-garbage-collector", start: pod_gc::start },
    Row { name: "node-ipam", start: node_ipam::start },
    Row { name: "node-lifecycle", start: node_lifecycle::start },
    Row { name: "taint-eviction", start: taint_eviction::start },
    Row { name: "ttl", start: node_ttl::start },
    Row { name: "root-ca-certificate-publisher", start: root_ca::start },
    Row { name: "persistentvolumeclaim-protection", start: storage_protection::start_claims },
    Row { name: "persistentvolume-protection", start: storage_protection::start_volumes },
    Row { name: "replicaset", start: replicaset::start },
    Row { name: "replicationcontroller", start: replicaset::start_plain },
    Row { name: "deployment", start: deployment::start },
    Row { name: "daemonset", start: daemonset::start },
    Row { name: "job", start: job::start },
    Row { name: "cronjob", start: cronjob::start },
    Row { name: "endpoints", start: endpoints::start },
    Row { name: "endpointslice", start: endpoint_slice::start },
];

/// The names of all controllers.
pub fn names() -> Vec<&'static str> {
    CONTROLLERS.iter().map(|row| row.name).collect()
}

/// Runs the enabled controllers until `shutdown`.
pub async fn run_all(client: kube::Client, config: Config, shutdown: CancellationToken) {
    let mut context = Context::new(client, config, shutdown);
    for row in CONTROLLERS {
        if context.config.enabled.contains(&row.name) {
            (row.start)(&mut context);
            info!(controller = row.name, "started");
        }
    }
    context.join().await;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_controller_has_a_name_of_its_own() {
        let names = super::names();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
