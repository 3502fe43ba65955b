//! NodePorts: Keeps pods that want the same port of the node apart.

use crate::{
    plugin::{Candidate, Plugin, Rejection},
    snapshot::NodeState,
    view::Port,
};

pub(crate) const PLUGIN: Plugin = Plugin { filter: Some(filter), score: None };

fn filter(pod: &Candidate<'_>, node: &NodeState) -> Result<(), Rejection> {
    match pod.host_ports().any(|port| node.ports.iter().any(|taken| conflict(port, taken))) {
        false => Ok(()),
        true => Err(Rejection::for_now("node(s) didn't have free ports for the requested pod ports")),
    }
}

fn conflict(a: &Port, b: &Port) -> bool {
    let protocol = |port: &Port| if port.protocol.is_empty() { "TCP".into() } else { port.protocol.clone() };
    let is_any = |port: &Port| port.host_ip.is_empty() || port.host_ip.as_ref() == "0.0.0.0";
    a.host_port == b.host_port && protocol(a) == protocol(b) && (is_any(a) || is_any(b) || a.host_ip == b.host_ip)
}
