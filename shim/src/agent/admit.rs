//! Decides whether this node takes a pod: what a pod may ask for is a table; a pod that asks for more is refused with
//! a reason, a message and an event, and never runs as something else than it says.

use std::collections::BTreeMap;
use std::iter::Sum;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Probe, Volume, VolumeProjection};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::affinity;
use super::pod::quantity;

/// Why a pod is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// One word.
    pub(crate) reason: String,
    /// A sentence.
    pub(crate) message: String,
}

/// What a pod asks of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    /// Thousandths of a core.
    pub(crate) cpu_millis: i128,
    /// Bytes.
    pub(crate) memory_bytes: i128,
    /// Itself.
    pub(crate) pods: i128,
}

/// A field that this node cannot honor.
struct Rule {
    field: &'static str,
    asked: fn(&PodSpec) -> bool,
    why: &'static str,
}

const NO_NAMESPACES: &str = "pods share one process and have no Linux namespaces";
const NO_KERNEL: &str = "a program sees no kernel";
const LATER: &str = "not supported yet";

/// Everything that is refused. To support a field, delete its row.
const RULES: &[Rule] = &[
    Rule { field: "spec.hostNetwork", asked: |it| it.host_network == Some(true), why: NO_NAMESPACES },
    Rule { field: "spec.hostPID", asked: |it| it.host_pid == Some(true), why: NO_NAMESPACES },
    Rule { field: "spec.hostIPC", asked: |it| it.host_ipc == Some(true), why: NO_NAMESPACES },
    Rule {
        field: "spec.shareProcessNamespace",
        asked: |it| it.share_process_namespace == Some(true),
        why: NO_NAMESPACES,
    },
    Rule { field: "spec.os.name", asked: |it| it.os.as_ref().is_some_and(|os| os.name != "linux"), why: NO_KERNEL },
    Rule { field: "spec.resources", asked: |it| it.resources.is_some(), why: LATER },
    Rule { field: "spec.resourceClaims", asked: |it| any(it.resource_claims.as_ref()), why: LATER },
    Rule { field: "spec.hostAliases", asked: |it| any(it.host_aliases.as_ref()), why: LATER },
    Rule { field: "spec.dnsConfig", asked: |it| it.dns_config.is_some(), why: LATER },
    Rule { field: "spec.dnsPolicy", asked: |it| it.dns_policy.as_deref() == Some("None"), why: LATER },
    Rule { field: "spec.setHostnameAsFQDN", asked: |it| it.set_hostname_as_fqdn == Some(true), why: LATER },
    Rule { field: "spec.securityContext", asked: asks_pod_security, why: NO_KERNEL },
    Rule { field: "spec.volumes", asked: |it| it.volumes.iter().flatten().any(volume_unsupported), why: LATER },
    Rule { field: "spec.initContainers[].restartPolicy", asked: asks_sidecar, why: LATER },
    Rule {
        field: "spec.containers[].restartPolicy",
        asked: |it| it.containers.iter().any(|it| it.restart_policy.is_some()),
        why: LATER,
    },
    Rule {
        field: "spec.containers[].restartPolicyRules",
        asked: |it| each(it, |it| any(it.restart_policy_rules.as_ref())),
        why: LATER,
    },
    Rule { field: "spec.containers[].securityContext", asked: |it| each(it, asks_security), why: NO_KERNEL },
    Rule { field: "spec.containers[].lifecycle", asked: |it| each(it, |it| it.lifecycle.is_some()), why: LATER },
    Rule { field: "spec.containers[].livenessProbe", asked: |it| each(it, |it| hard(&it.liveness_probe)), why: LATER },
    Rule {
        field: "spec.containers[].readinessProbe",
        asked: |it| each(it, |it| hard(&it.readiness_probe)),
        why: LATER,
    },
    Rule { field: "spec.containers[].startupProbe", asked: |it| each(it, |it| hard(&it.startup_probe)), why: LATER },
    Rule { field: "spec.containers[].workingDir", asked: |it| each(it, asks_working_dir), why: LATER },
    Rule {
        field: "spec.containers[].volumeDevices",
        asked: |it| each(it, |it| any(it.volume_devices.as_ref())),
        why: NO_KERNEL,
    },
    Rule { field: "spec.containers[].volumeMounts[]", asked: |it| each(it, asks_mount), why: LATER },
    Rule { field: "spec.containers[].ports[].hostPort", asked: |it| each(it, asks_host_port), why: LATER },
    Rule { field: "spec.containers[].env[].valueFrom.fileKeyRef", asked: |it| each(it, asks_env_file), why: LATER },
    Rule { field: "spec.containers[].resources", asked: |it| each(it, asks_resources), why: LATER },
];

/// Whether this node takes a pod, beside what it has taken already.
///
/// # Errors
/// It does not, and why.
pub(crate) fn admit(
    pod: &Pod,
    node_name: &str,
    labels: &BTreeMap<String, String>,
    used: Requests,
    allocatable: Requests,
) -> Result<(), Refusal> {
    let spec = pod.spec.as_ref().ok_or_else(|| refusal("Unsupported", "the pod has no spec".to_owned()))?;
    if let Some(rule) = RULES.iter().find(|it| (it.asked)(spec)) {
        return Err(refusal("Unsupported", format!("{} is refused by this node: {}", rule.field, rule.why)));
    }
    if !affinity::matches(spec, node_name, labels) {
        let message = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
        return Err(refusal("NodeAffinity", message.to_owned()));
    }
    let asked = Requests::of(pod);
    let rows = [
        ("pods", asked.pods, used.pods, allocatable.pods),
        ("cpu", asked.cpu_millis, used.cpu_millis, allocatable.cpu_millis),
        ("memory", asked.memory_bytes, used.memory_bytes, allocatable.memory_bytes),
    ];
    match rows.into_iter().find(|(_, asked, used, capacity)| *asked > 0 && asked + used > *capacity) {
        None => Ok(()),
        Some((name, asked, used, capacity)) => Err(refusal(
            &format!("OutOf{name}"),
            format!("Node didn't have enough resource: {name}, requested: {asked}, used: {used}, capacity: {capacity}"),
        )),
    }
}

fn refusal(reason: &str, message: String) -> Refusal {
    Refusal { reason: reason.to_owned(), message }
}

// === impl Requests ===

impl Requests {
    /// What a pod asks for: its containers together, or its greediest init container if that is more, and what its
    /// RuntimeClass adds.
    pub(crate) fn of(pod: &Pod) -> Self {
        let Some(spec) = &pod.spec else { return Self { pods: 1, ..Self::default() } };
        let main: Self = spec.containers.iter().map(Self::of_container).sum();
        let init = spec.init_containers.iter().flatten().map(Self::of_container);
        let most = init.fold(main, |a, b| Self {
            cpu_millis: a.cpu_millis.max(b.cpu_millis),
            memory_bytes: a.memory_bytes.max(b.memory_bytes),
            pods: 0,
        });
        [most, Self::of_amounts(spec.overhead.as_ref()), Self { pods: 1, ..Self::default() }].into_iter().sum()
    }

    fn of_container(container: &Container) -> Self {
        Self::of_amounts(container.resources.as_ref().and_then(|it| it.requests.as_ref()))
    }

    fn of_amounts(amounts: Option<&BTreeMap<String, Quantity>>) -> Self {
        let amount = |name| amounts.and_then(|it| it.get(name));
        Self {
            cpu_millis: amount("cpu").map_or(0, quantity::millis),
            memory_bytes: amount("memory").map_or(0, quantity::units),
            pods: 0,
        }
    }
}

impl Sum for Requests {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |a, b| Self {
            cpu_millis: a.cpu_millis + b.cpu_millis,
            memory_bytes: a.memory_bytes + b.memory_bytes,
            pods: a.pods + b.pods,
        })
    }
}

fn any<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|it| !it.is_empty())
}

fn some(text: Option<&String>) -> bool {
    text.is_some_and(|it| !it.is_empty())
}

/// Whether a container or init container asks for it.
fn each(spec: &PodSpec, asked: fn(&Container) -> bool) -> bool {
    spec.containers.iter().chain(spec.init_containers.iter().flatten()).any(asked)
}

fn asks_pod_security(spec: &PodSpec) -> bool {
    spec.security_context.as_ref().is_some_and(|it| {
        any(it.sysctls.as_ref())
            || it.se_linux_options.is_some()
            || it.windows_options.is_some()
            || it.seccomp_profile.as_ref().is_some_and(|it| it.type_ == "Localhost")
            || it.app_armor_profile.as_ref().is_some_and(|it| it.type_ == "Localhost")
    })
}

/// What would give a program more than it has; what takes away is true of every program.
fn asks_security(container: &Container) -> bool {
    container.security_context.as_ref().is_some_and(|it| {
        it.privileged == Some(true)
            || it.capabilities.as_ref().is_some_and(|it| any(it.add.as_ref()))
            || it.proc_mount.as_deref().is_some_and(|it| it != "Default")
            || it.se_linux_options.is_some()
            || it.windows_options.is_some()
            || it.seccomp_profile.as_ref().is_some_and(|it| it.type_ == "Localhost")
            || it.app_armor_profile.as_ref().is_some_and(|it| it.type_ == "Localhost")
    })
}

fn asks_sidecar(spec: &PodSpec) -> bool {
    let init = spec.init_containers.iter().flatten();
    init.clone().any(|it| it.restart_policy.is_some())
        || init.clone().any(|it| it.readiness_probe.is_some() || it.liveness_probe.is_some())
}

/// Probes that the agent cannot make: those that run a program in the pod, gRPC, and HTTP over TLS.
fn hard(probe: &Option<Probe>) -> bool {
    probe.as_ref().is_some_and(|it| {
        let tls = it.http_get.as_ref().and_then(|it| it.scheme.as_deref()) == Some("HTTPS");
        it.exec.is_some() || it.grpc.is_some() || tls
    })
}

fn asks_working_dir(container: &Container) -> bool {
    container.working_dir.as_deref().is_some_and(|it| !it.is_empty() && it != "/")
}

fn asks_mount(container: &Container) -> bool {
    container
        .volume_mounts
        .iter()
        .flatten()
        .any(|it| some(it.sub_path_expr.as_ref()) || it.mount_propagation.as_deref().is_some_and(|it| it != "None"))
}

fn asks_host_port(container: &Container) -> bool {
    container.ports.iter().flatten().any(|it| it.host_port.is_some_and(|it| it != 0))
}

fn asks_env_file(container: &Container) -> bool {
    let from = container.env.iter().flatten().filter_map(|it| it.value_from.as_ref());
    from.into_iter().any(|it| it.file_key_ref.is_some())
}

fn asks_resources(container: &Container) -> bool {
    container.resources.as_ref().is_some_and(|it| {
        let bounded = |name: &String| name == "ephemeral-storage" || name.starts_with("hugepages-");
        any(it.claims.as_ref()) || it.limits.iter().flat_map(|it| it.keys()).any(bounded)
    })
}

fn volume_unsupported(volume: &Volume) -> bool {
    if let Some(it) = &volume.empty_dir {
        return it.size_limit.is_some() || some(it.medium.as_ref());
    }
    if let Some(it) = &volume.projected {
        let unsupported = |it: &VolumeProjection| it.cluster_trust_bundle.is_some() || it.pod_certificate.is_some();
        return it.sources.iter().flatten().any(unsupported);
    }
    volume.config_map.is_none() && volume.secret.is_none() && volume.downward_api.is_none()
}

#[cfg(test)]
mod tests;
