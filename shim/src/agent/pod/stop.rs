//! Ends a pod: one sick container, all of them, and at last its files and its object.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{DeleteParams, Preconditions};

use super::context::PodContext;
use super::phase::{self, Which, Wish};
use super::probe::Probes;
use super::record::Record;
use super::restart::Policy;
use super::state::PodState;
use super::{exit, sandbox};
use crate::agent::recorder::EventType;
use crate::cri::message::StopContainerRequest;

/// A hundred years: a calendar must hold the end of a grace period.
const GRACE_SECONDS_MAX: i64 = 100 * 365 * 24 * 3600;

/// Ends one container that must not run any more.
pub(super) async fn kill(cx: PodContext<'_>, which: Which, record: &Record, grace: i64) {
    let (Some(container), Some(run), Some(sick)) = (cx.container(which), &record.run, record.unhealthy) else { return };
    let message = match Wish::of(cx.pod, false).policy {
        Policy::Never => format!("Stopping container {}", record.name),
        Policy::Always | Policy::OnFailure => format!("Container {} {}, will be restarted", record.name, sick.why),
    };
    container.tell(EventType::Normal, "Killing", &message);
    let req = StopContainerRequest { container_id: run.id.clone(), timeout: grace };
    if let Err(err) = cx.agent.cri.stop_container(req).await {
        tracing::warn!(pod = %cx.entry.name, %err, "could not stop a container");
    }
}

/// Ends all containers, then the sandbox.
pub(super) async fn stop(cx: PodContext<'_>, state: &mut PodState, probes: &mut Probes) {
    probes.end_all();
    let running = state.running();
    for container in running.iter().filter_map(|(which, _)| cx.container(*which)) {
        container.tell(EventType::Normal, "Killing", &format!("Stopping container {}", container.container.name));
    }
    stop_containers(cx, running.into_iter().map(|(_, run_id)| run_id).collect()).await;
    exit::look(cx, state, probes).await;
    sandbox::stop(cx, &state.sandbox).await;
    state.stopped();
}

/// Ends containers within the pod's grace period. A shorter one that comes meanwhile counts.
async fn stop_containers(cx: PodContext<'_>, run_ids: Vec<String>) {
    let began = Timestamp::now();
    loop {
        let wish = Wish::of(&cx.entry.pod(), cx.entry.is_gone());
        let end = began + SignedDuration::from_secs(phase::grace(&wish).min(GRACE_SECONDS_MAX));
        let left = end.duration_since(Timestamp::now()).as_millis();
        let timeout = i64::try_from((left + 999).max(0) / 1000).unwrap_or(0);
        let stops = run_ids
            .iter()
            .map(|id| cx.agent.cri.stop_container(StopContainerRequest { container_id: id.clone(), timeout }));
        tokio::select! {
            _ = futures::future::join_all(stops) => return,
            () = cx.entry.changed.notified() => {}
        }
    }
}

/// Forgets all of the pod, here and at the API server; whether that is done.
pub(super) async fn delete(cx: PodContext<'_>) -> bool {
    sandbox::remove_all(cx.agent, cx.entry).await;
    for dir in [cx.agent.log_dir(cx.pod), cx.agent.pod_dir(&cx.entry.uid)] {
        // Not there is as good as removed, and what stays is removed at the next start.
        let _ = tokio::fs::remove_dir_all(dir).await;
    }
    cx.entry.is_gone() || delete_object(cx).await
}

async fn delete_object(cx: PodContext<'_>) -> bool {
    let api: Api<Pod> = Api::namespaced(cx.agent.client.clone(), &cx.entry.namespace);
    let preconditions = Preconditions { uid: Some(cx.entry.uid.clone()), resource_version: None };
    let params =
        DeleteParams { grace_period_seconds: Some(0), preconditions: Some(preconditions), ..DeleteParams::default() };
    match api.delete(&cx.entry.name, &params).await {
        Ok(_) => true,
        // Gone, or another pod has its name.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => true,
        Err(err) => {
            tracing::warn!(pod = %cx.entry.name, %err, "could not delete a pod");
            false
        }
    }
}
