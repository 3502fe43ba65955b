//! Starts one container: image, configuration, creation, start, with the events and the waiting reasons of each.

use k8s_openapi::jiff::Timestamp;

use super::context::{ContainerContext, PodContext};
use super::exit::timestamp;
use super::image::Present;
use super::phase::Which;
use super::probe::Probes;
use super::record::{Blocked, End, Record, Run};
use super::state::{PodState, Sandbox};
use super::worker::RETRY;
use super::{config, image, restart, sandbox};
use crate::agent::recorder::EventType;
use crate::cri::message::{
    ContainerConfig, ContainerStatusRequest, CreateContainerRequest, RemoveContainerRequest, StartContainerRequest,
};

/// Why a container could not be started, as status and events tell it.
pub(super) struct Obstacle {
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) until: Timestamp,
}

/// Starts one container and its probes, or notes why not.
pub(super) async fn start(cx: PodContext<'_>, which: Which, state: &mut PodState, probes: &mut Probes) {
    let (Some(container), Sandbox::Ready { id, ip }) = (cx.container(which), state.sandbox.clone()) else {
        debug_assert!(false, "a container is started in a sandbox that is ready, and its pod names it");
        return;
    };
    let record = state.record(which);
    match try_start(container, record, &id, &ip).await {
        Ok(Some(run_id)) => {
            if let Which::Main(index) = which {
                record.started = container.container.startup_probe.is_none();
                record.ready = record.started && container.container.readiness_probe.is_none();
                probes.start(container, index, &run_id, &ip);
            }
        }
        Ok(None) => {}
        Err(Obstacle { reason, message, until }) => record.blocked = Some(Blocked { reason, message, until }),
    }
}

/// The id of the new run; `None` if it ended in starting.
async fn try_start(
    cx: ContainerContext<'_>,
    record: &mut Record,
    sandbox_id: &str,
    ip: &str,
) -> Result<Option<String>, Obstacle> {
    let Present { id: image, image_id } = image::ensure(cx, record).await?;
    let attempt = record.restarts + u32::from(record.run.is_some());
    let config = config::container(cx, attempt, &image, ip).await;
    let config = config.map_err(|message| fail(cx, "CreateContainerConfigError", message))?;
    let id = create(cx, sandbox_id, config).await.map_err(|message| fail(cx, "CreateContainerError", message))?;
    cx.tell(EventType::Normal, "Created", "Container created");
    let started = cx.pod.agent.cri.start_container(StartContainerRequest { container_id: id.clone() }).await;
    let failure = started.err().map(|err| err.to_string());
    note_run(cx, record, &id, image_id, failure.as_deref()).await;
    match failure {
        Some(message) => {
            cx.tell(EventType::Warning, "Failed", &format!("Error: {message}"));
            Ok(None)
        }
        None => {
            cx.tell(EventType::Normal, "Started", "Container started");
            Ok(Some(id))
        }
    }
}

/// Tells that a container cannot be made, and why.
fn fail(cx: ContainerContext<'_>, reason: &'static str, message: String) -> Obstacle {
    cx.tell(EventType::Warning, "Failed", &format!("Error: {message}"));
    Obstacle { reason, message, until: Timestamp::now() + RETRY }
}

async fn create(cx: ContainerContext<'_>, sandbox_id: &str, config: ContainerConfig) -> Result<String, String> {
    let req = CreateContainerRequest {
        pod_sandbox_id: sandbox_id.to_owned(),
        config: Some(config),
        sandbox_config: Some(sandbox::config(cx.pod)),
    };
    cx.pod.agent.cri.create_container(req).await.map(|it| it.container_id).map_err(|err| err.to_string())
}

/// Notes a run, which may have failed to start, and forgets the one before the one before.
async fn note_run(cx: ContainerContext<'_>, record: &mut Record, id: &str, image_id: String, failure: Option<&str>) {
    let cri = &cx.pod.agent.cri;
    let req = ContainerStatusRequest { container_id: id.to_owned(), verbose: false };
    let status = cri.container_status(req).await.ok().and_then(|it| it.status).unwrap_or_default();
    let ended = failure.map(|message| End {
        code: status.exit_code,
        reason: status.reason.clone(),
        message: message.to_owned(),
        finished_at: timestamp(status.finished_at),
    });
    let old = record.last.take();
    if record.run.is_some() {
        record.back_off = Some(restart::after_restart(record.back_off, Timestamp::now()));
    }
    let image = cx.container.image.clone().unwrap_or_default();
    let started_at = timestamp(status.started_at);
    record.begin(Run { id: id.to_owned(), image, image_id, started_at, ended });
    record.started = failure.is_none();
    let Some(old) = old else { return };
    if let Err(err) = cri.remove_container(RemoveContainerRequest { container_id: old.id }).await {
        tracing::warn!(pod = %cx.pod.entry.name, %err, "could not remove an old container");
    }
}
