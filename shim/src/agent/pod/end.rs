//! Ends a pod: one sick container, all of them, and at last its files and its object.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{DeleteParams, Preconditions};

use super::life::Sandbox;
use super::phase::{self, Which, Wish};
use super::restart::Policy;
use super::worker::{After, RETRY, UID_LABEL, Worker};
use crate::agent::recorder::Kind;
use crate::cri::message::{
    ListPodSandboxRequest, PodSandboxFilter, RemovePodSandboxRequest, StopContainerRequest, StopPodSandboxRequest,
};

/// A hundred years: a calendar must hold the end of a grace period.
const GRACE_SECONDS_MAX: i64 = 100 * 365 * 24 * 3600;

// === impl Worker ===

impl Worker {
    /// Ends one container that must not run any more.
    pub(super) async fn kill(&mut self, pod: &Pod, which: Which, grace: i64) {
        let policy = Wish::of(pod, false).policy;
        let record = self.record(which);
        let (Some(run), Some(sick)) = (record.run.clone(), record.unhealthy) else { return };
        let message = match policy {
            Policy::Never => format!("Stopping container {}", record.name),
            Policy::Always | Policy::OnFailure => {
                format!("Container {} {}, will be restarted", record.name, sick.why)
            }
        };
        self.tell(pod, which, Kind::Normal, "Killing", &message);
        let req = StopContainerRequest { container_id: run.id, timeout: grace };
        if let Err(err) = self.agent.cri.stop_container(req).await {
            tracing::warn!(pod = %self.entry.name, %err, "could not stop a container");
        }
    }

    /// Ends all containers, then the sandbox. A shorter grace period that comes meanwhile counts.
    pub(super) async fn stop(&mut self, pod: &Pod) {
        self.probes.clear();
        let running: Vec<(Which, String)> = self.running();
        for (which, _) in &running {
            let name = self.record(*which).name.clone();
            self.tell(pod, *which, Kind::Normal, "Killing", &format!("Stopping container {name}"));
        }
        let began = Timestamp::now();
        loop {
            let wish = Wish::of(&self.entry.pod(), self.entry.is_gone());
            let end = began + SignedDuration::from_secs(phase::grace(&wish).min(GRACE_SECONDS_MAX));
            let left = end.duration_since(Timestamp::now()).as_millis();
            let timeout = i64::try_from((left + 999).max(0) / 1000).unwrap_or(0);
            let stops = running.iter().map(|(_, id)| {
                self.agent.cri.stop_container(StopContainerRequest { container_id: id.clone(), timeout })
            });
            tokio::select! {
                _ = futures::future::join_all(stops) => break,
                () = self.entry.changed.notified() => {}
            }
        }
        self.observe(pod).await;
        if let Sandbox::Ready { id, .. } = &self.life.sandbox {
            let req = StopPodSandboxRequest { pod_sandbox_id: id.clone() };
            if let Err(err) = self.agent.cri.stop_pod_sandbox(req).await {
                tracing::warn!(pod = %self.entry.name, %err, "could not stop a sandbox");
            }
        }
        self.agent.files.remove(&self.entry.uid);
        self.life.stopped();
    }

    /// Forgets all of the pod, here and at the API server.
    pub(super) async fn delete(&mut self, pod: &Pod) -> After {
        let filter = PodSandboxFilter {
            label_selector: [(UID_LABEL.to_owned(), self.entry.uid.clone())].into(),
            ..Default::default()
        };
        let sandboxes = self.agent.cri.list_pod_sandbox(ListPodSandboxRequest { filter: Some(filter) }).await;
        for sandbox in sandboxes.map(|it| it.items).unwrap_or_default() {
            let removed =
                self.agent.cri.remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id: sandbox.id }).await;
            if let Err(err) = removed {
                tracing::warn!(pod = %self.entry.name, %err, "could not remove a sandbox");
            }
        }
        self.agent.files.remove(&self.entry.uid);
        for dir in [self.agent.log_dir(pod), self.agent.pod_dir(&self.entry.uid)] {
            // Not there is as good as removed, and what stays is removed at the next start.
            let _ = tokio::fs::remove_dir_all(dir).await;
        }
        if self.entry.is_gone() || self.delete_object().await {
            return After::Done;
        }
        After::Wait(Some(Timestamp::now() + RETRY))
    }

    async fn delete_object(&self) -> bool {
        let api: Api<Pod> = Api::namespaced(self.agent.client.clone(), &self.entry.namespace);
        let preconditions = Preconditions { uid: Some(self.entry.uid.clone()), resource_version: None };
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        match api.delete(&self.entry.name, &params).await {
            Ok(_) => true,
            // Gone, or another pod has its name.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => true,
            Err(err) => {
                tracing::warn!(pod = %self.entry.name, %err, "could not delete a pod");
                false
            }
        }
    }

    /// What of it runs.
    fn running(&self) -> Vec<(Which, String)> {
        let init = self.life.init.iter().enumerate().map(|(index, it)| (Which::Init(index), it));
        let main = self.life.main.iter().enumerate().map(|(index, it)| (Which::Main(index), it));
        let running = init.chain(main).filter(|(_, it)| it.running());
        running.filter_map(|(which, it)| Some((which, it.run.as_ref()?.id.clone()))).collect()
    }
}
