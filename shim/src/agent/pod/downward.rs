//! The downward API: what a pod may know of itself, as text.

use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::quantity;

/// What of the node and the sandbox a pod may know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The node's address.
    pub(crate) host_ip: String,
    /// The pod's address, once it has one.
    pub(crate) pod_ip: Option<String>,
    /// Thousandths of a core that pods can have here.
    pub(crate) cpu_millis: i128,
    /// Bytes of memory that pods can have here.
    pub(crate) memory_bytes: i128,
}

/// The value of a field of a pod.
///
/// # Errors
/// There is no such field, in the words that the pod's status shows.
pub(crate) fn field(pod: &Pod, facts: &Facts, path: &str) -> Result<String, String> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    if let Some((map, key)) = path.strip_suffix("']").and_then(|it| it.split_once("['")) {
        let map = match map {
            "metadata.labels" => meta.labels.as_ref(),
            "metadata.annotations" => meta.annotations.as_ref(),
            _ => return Err(format!("unsupported fieldPath: {path}")),
        };
        return Ok(map.and_then(|it| it.get(key)).cloned().unwrap_or_default());
    }
    let value = match path {
        "metadata.name" => meta.name.clone(),
        "metadata.namespace" => meta.namespace.clone(),
        "metadata.uid" => meta.uid.clone(),
        "metadata.labels" => Some(lines(meta.labels.iter().flatten())),
        "metadata.annotations" => Some(lines(meta.annotations.iter().flatten())),
        "spec.nodeName" => spec.and_then(|it| it.node_name.clone()),
        "spec.serviceAccountName" => spec.and_then(|it| it.service_account_name.clone()),
        "status.hostIP" | "status.hostIPs" => Some(facts.host_ip.clone()),
        "status.podIP" | "status.podIPs" => facts.pod_ip.clone(),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    };
    Ok(value.unwrap_or_default())
}

/// The value of a resource of a container, rounded up to whole divisors.
///
/// # Errors
/// There is no such resource, in the words that the pod's status shows.
pub(crate) fn resource(
    container: &Container,
    facts: &Facts,
    selector: &ResourceFieldSelector,
) -> Result<String, String> {
    let resources = container.resources.clone().unwrap_or_default();
    let (map, name) = match selector.resource.split_once('.') {
        Some(("limits", name)) => (resources.limits, name),
        Some(("requests", name)) => (resources.requests, name),
        _ => return Err(format!("unsupported container resource : {}", selector.resource)),
    };
    let asked = map.and_then(|it| it.get(name).cloned());
    let is_limit = selector.resource.starts_with("limits.");
    // A limit that is not set is all that the node has; a request that is not set is nothing.
    let millis = match (asked, name, is_limit) {
        (Some(asked), ..) => quantity::millis(&asked),
        (None, "cpu", true) => facts.cpu_millis,
        (None, "memory", true) => facts.memory_bytes * 1000,
        (None, "cpu" | "memory", false) | (None, "ephemeral-storage", _) => 0,
        (None, ..) => return Err(format!("unsupported container resource : {}", selector.resource)),
    };
    let divisor = selector.divisor.as_ref().map(quantity::millis).filter(|it| *it > 0);
    Ok(quantity::div_up(millis, divisor.unwrap_or(quantity::millis(&Quantity("1".to_owned())))).to_string())
}

fn lines<'a>(map: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    map.map(|(key, value)| format!("{key}={}", quoted(value))).collect::<Vec<_>>().join("\n")
}

/// As Go's `%q` writes text.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for it in text.chars() {
        match it {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            it => out.push(it),
        }
    }
    out.push('"');
    out
}
