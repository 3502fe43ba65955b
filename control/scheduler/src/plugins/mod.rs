//! The plugins, one criterion a file. `plugin.rs` has the table.

pub(crate) mod node_affinity;
pub(crate) mod node_name;
pub(crate) mod node_ports;
pub(crate) mod node_resources;
pub(crate) mod node_unschedulable;
pub(crate) mod pod_affinity;
pub(crate) mod taint_toleration;
pub(crate) mod topology_spread;
