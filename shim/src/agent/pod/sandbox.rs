//! A pod's sandbox: its address and its name, from when it is made to when nothing of it is left.

use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::jiff::Timestamp;
use kube::Api;

use super::context::PodContext;
use super::state::Sandbox;
use super::worker::RETRY;
use crate::agent::Agent;
use crate::agent::pods::PodEntry;
use crate::agent::recorder::EventType;
use crate::cri::Error;
use crate::cri::message::{
    ListPodSandboxRequest, PodSandboxConfig, PodSandboxFilter, PodSandboxMetadata, PodSandboxStatusRequest,
    RemovePodSandboxRequest, RunPodSandboxRequest, StopPodSandboxRequest,
};

/// The label that names a sandbox's pod.
pub(in crate::agent) const UID_LABEL: &str = "io.kubernetes.pod.uid";
/// Longest name of a host.
const HOSTNAME_BYTES_MAX: usize = 63;

/// Makes the pod's sandbox, or tells why not.
pub(super) async fn run(cx: PodContext<'_>) -> Sandbox {
    match try_run(cx).await {
        Ok(sandbox) => sandbox,
        Err(err) => {
            cx.tell(EventType::Warning, "FailedCreatePodSandBox", &format!("Failed to create pod sandbox: {err}"));
            Sandbox::Wanted(Timestamp::now() + RETRY)
        }
    }
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("{}", said(.0))]
    Class(#[source] kube::Error),
    #[error(transparent)]
    Runtime(#[from] Error),
}

/// What the API server says is enough of its answer.
fn said(err: &kube::Error) -> String {
    match err {
        kube::Error::Api(status) => status.message.clone(),
        err => err.to_string(),
    }
}

async fn try_run(cx: PodContext<'_>) -> Result<Sandbox, RunError> {
    let runtime_handler = handler(cx).await.map_err(RunError::Class)?;
    let req = RunPodSandboxRequest { config: Some(config(cx)), runtime_handler };
    let id = cx.agent.cri.run_pod_sandbox(req).await?.pod_sandbox_id;
    let req = PodSandboxStatusRequest { pod_sandbox_id: id.clone(), verbose: false };
    let status = cx.agent.cri.pod_sandbox_status(req).await?.status.unwrap_or_default();
    Ok(Sandbox::Ready { id, ip: status.network.unwrap_or_default().ip })
}

/// The handler that the pod's RuntimeClass names; whether there is such a one is CRI's business. A pod without a class
/// has the default one.
async fn handler(cx: PodContext<'_>) -> Result<String, kube::Error> {
    let class = cx.pod.spec.as_ref().and_then(|it| it.runtime_class_name.as_deref()).filter(|it| !it.is_empty());
    let Some(class) = class else { return Ok(String::new()) };
    let classes: Api<RuntimeClass> = Api::all(cx.agent.client.clone());
    Ok(classes.get(class).await?.handler)
}

/// Ends the sandbox: its address is free. Its files in memory are of no use any more.
pub(super) async fn stop(cx: PodContext<'_>, sandbox: &Sandbox) {
    if let Sandbox::Ready { id, .. } = sandbox {
        let req = StopPodSandboxRequest { pod_sandbox_id: id.clone() };
        if let Err(err) = cx.agent.cri.stop_pod_sandbox(req).await {
            tracing::warn!(pod = %cx.entry.name, %err, "could not stop a sandbox");
        }
    }
    cx.agent.files.remove(&cx.entry.uid);
}

/// Forgets every sandbox that a pod has, with all that runs in it, and the pod's files in memory.
pub(in crate::agent) async fn remove_all(agent: &Agent, entry: &PodEntry) {
    let filter =
        PodSandboxFilter { label_selector: [(UID_LABEL.to_owned(), entry.uid.clone())].into(), ..Default::default() };
    let sandboxes = agent.cri.list_pod_sandbox(ListPodSandboxRequest { filter: Some(filter) }).await;
    for sandbox in sandboxes.map(|it| it.items).unwrap_or_default() {
        let removed = agent.cri.remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id: sandbox.id }).await;
        if let Err(err) = removed {
            tracing::warn!(pod = %entry.name, %err, "could not remove a sandbox");
        }
    }
    agent.files.remove(&entry.uid);
}

/// What CRI is told of a pod.
pub(super) fn config(cx: PodContext<'_>) -> PodSandboxConfig {
    let spec = cx.pod.spec.as_ref();
    let named = spec.and_then(|it| it.hostname_override.clone().or_else(|| it.hostname.clone()));
    let mut hostname = named.filter(|it| !it.is_empty()).unwrap_or_else(|| cx.entry.name.clone());
    hostname.truncate(hostname.floor_char_boundary(HOSTNAME_BYTES_MAX));
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: cx.entry.name.clone(),
            uid: cx.entry.uid.clone(),
            namespace: cx.entry.namespace.clone(),
            attempt: 0,
        }),
        hostname,
        log_directory: cx.agent.log_dir(cx.pod).display().to_string(),
        labels: [
            (UID_LABEL.to_owned(), cx.entry.uid.clone()),
            ("io.kubernetes.pod.name".to_owned(), cx.entry.name.clone()),
            ("io.kubernetes.pod.namespace".to_owned(), cx.entry.namespace.clone()),
        ]
        .into(),
        ..Default::default()
    }
}
