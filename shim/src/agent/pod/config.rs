//! What CRI is told of a container: its command, environment, mounts, ports and limits.

use k8s_openapi::api::core::v1::{Container, ContainerPort};
use serde_json::json;

use super::context::ContainerContext;
use super::sandbox::UID_LABEL;
use super::source::Names;
use super::{env, mount, quantity};
use crate::cri::message::{
    ContainerConfig, ContainerMetadata, ImageSpec, KeyValue, LinuxContainerConfig, LinuxContainerResources, Mount,
};

/// The label that names a container.
pub(in crate::agent) const CONTAINER_LABEL: &str = "io.kubernetes.container.name";
/// The period that CPU quotas count for, in microseconds.
const CPU_PERIOD: i64 = 100_000;

/// What CRI is told of a container that runs for the `attempt`th time after the first.
///
/// # Errors
/// Something that it needs is not there, in the words that the pod's status shows.
pub(super) async fn container(
    cx: ContainerContext<'_>,
    attempt: u32,
    image_id: &str,
    ip: &str,
) -> Result<ContainerConfig, String> {
    let container = cx.container;
    let env = environment(cx, ip).await?;
    let expand = |words: &Option<Vec<String>>| words.iter().flatten().map(|it| env.expand(it)).collect();
    let mut mounts = mount::of_container(cx).await?;
    mounts.extend(termination_message(cx, attempt).await?);
    Ok(ContainerConfig {
        metadata: Some(ContainerMetadata { name: container.name.clone(), attempt }),
        image: Some(ImageSpec {
            image: image_id.to_owned(),
            user_specified_image: container.image.clone().unwrap_or_default(),
            ..Default::default()
        }),
        command: expand(&container.command),
        args: expand(&container.args),
        envs: env.0.iter().map(|(key, value)| KeyValue { key: key.clone(), value: value.clone().into() }).collect(),
        mounts,
        labels: [
            (UID_LABEL.to_owned(), cx.pod.entry.uid.clone()),
            (CONTAINER_LABEL.to_owned(), container.name.clone()),
        ]
        .into(),
        annotations: ports_annotation(container).into_iter().collect(),
        log_path: format!("{}/{attempt}.log", container.name),
        stdin: container.stdin.unwrap_or_default(),
        stdin_once: container.stdin_once.unwrap_or_default(),
        tty: container.tty.unwrap_or_default(),
        linux: Some(LinuxContainerConfig { resources: Some(resources(container)), security_context: None }),
        ..Default::default()
    })
}

async fn environment(cx: ContainerContext<'_>, ip: &str) -> Result<env::Environment, String> {
    let (agent, namespace) = (cx.pod.agent, &cx.pod.entry.namespace);
    let sources = Names::of_env(cx.container).fetch(&agent.client, namespace).await.map_err(|err| err.to_string())?;
    let links = cx.pod.pod.spec.as_ref().and_then(|it| it.enable_service_links).unwrap_or(true);
    let services = agent.services.links(namespace, links);
    env::build(cx.pod.pod, cx.container, &sources, &services, &agent.facts(Some(ip)))
}

/// An empty file where the program can leave its last words.
async fn termination_message(cx: ContainerContext<'_>, attempt: u32) -> Result<Option<Mount>, String> {
    let path = cx.container.termination_message_path.clone().unwrap_or_default();
    if path.is_empty() {
        return Ok(None);
    }
    let dir = cx.pod.agent.pod_dir(&cx.pod.entry.uid).join("containers").join(&cx.container.name);
    let file = dir.join(attempt.to_string());
    let made = async {
        tokio::fs::create_dir_all(&dir).await?;
        tokio::fs::write(&file, b"").await
    };
    made.await.map_err(|err| format!("make the termination message's file: {err}"))?;
    Ok(Some(Mount { container_path: path, host_path: file.display().to_string(), ..Default::default() }))
}

/// The kubelet's annotation of a container's ports, if it has any.
fn ports_annotation(container: &Container) -> Option<(String, String)> {
    let row = |it: &ContainerPort| json!({"name": it.name, "containerPort": it.container_port, "protocol": it.protocol.as_deref().unwrap_or("TCP")});
    let ports: Vec<_> = container.ports.iter().flatten().map(row).collect();
    let json = serde_json::Value::from(ports);
    (json != json!([])).then(|| (crate::cri::PORTS_ANNOTATION.to_owned(), json.to_string()))
}

/// Limits and shares as CRI has them.
fn resources(container: &Container) -> LinuxContainerResources {
    let resources = container.resources.clone().unwrap_or_default();
    let (limits, requests) = (resources.limits.unwrap_or_default(), resources.requests.unwrap_or_default());
    let number = |it: i128| i64::try_from(it).unwrap_or(i64::MAX);
    let cpu_limit = limits.get("cpu").map_or(0, quantity::millis);
    let cpu_request = requests.get("cpu").or_else(|| limits.get("cpu")).map_or(0, quantity::millis);
    LinuxContainerResources {
        cpu_period: CPU_PERIOD,
        cpu_quota: number(cpu_limit * i128::from(CPU_PERIOD) / 1000),
        cpu_shares: number((cpu_request * 1024 / 1000).max(2)),
        memory_limit_in_bytes: number(limits.get("memory").map_or(0, quantity::units)),
        ..Default::default()
    }
}
