//! Writes a pod's status when it is another than the one written last.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::context::PodContext;
use super::state::{PodState, Stage};
use super::{condition, status};
use crate::agent::Agent;
use crate::agent::pods::PodEntry;

/// What is known of the statuses that one worker wrote.
pub(super) struct Reporter {
    /// What was written last, hashed; `None` if that failed.
    written: Option<u64>,
    /// The pod had ended before this worker came: its status is history.
    silent: bool,
}

// === impl Reporter ===

impl Reporter {
    /// A reporter for a pod that begins, or has ended, in this state.
    pub(super) fn new(state: &PodState) -> Self {
        Self { written: None, silent: state.stage == Stage::Terminated }
    }

    /// Writes the status if it is news; answers its hash for `note`, or `None` if that failed.
    pub(super) fn report(
        &self,
        cx: &PodContext<'_>,
        state: &mut PodState,
        now: Timestamp,
    ) -> impl Future<Output = Option<u64>> + use<> {
        let status = status::derive(cx.pod, state, &cx.agent.config.host_ip.to_string(), now);
        state.transitions = condition::transitions(status.conditions.as_deref().unwrap_or_default());
        let patch = json!({"metadata": {"uid": cx.entry.uid}, "status": status});
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(patch.to_string());
        let unchanged = self.written == Some(hash) || self.silent || cx.entry.is_gone();
        let (agent, entry) = (Arc::clone(cx.agent), Arc::clone(cx.entry));
        async move { if unchanged || write_status(&agent, &entry, patch).await { Some(hash) } else { None } }
    }

    /// Notes what came of a report; whether it must be tried again.
    pub(super) fn note(&mut self, hash: Option<u64>) -> bool {
        self.written = hash;
        hash.is_none()
    }
}

/// Writes a status; false if it must be tried again.
pub(in crate::agent) async fn write_status(agent: &Agent, entry: &PodEntry, patch: serde_json::Value) -> bool {
    let api: Api<Pod> = Api::namespaced(agent.client.clone(), &entry.namespace);
    match api.patch_status(&entry.name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(pod) => {
            // The worker knows what it wrote; others ask the entry before the watch has told of it.
            entry.store(&pod);
            true
        }
        // Gone, or another pod has its name: there is nobody to tell.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => {
            tracing::debug!(pod = %entry.name, message = %status.message, "a status was not taken");
            true
        }
        Err(err) => {
            tracing::warn!(pod = %entry.name, %err, "could not write a status");
            false
        }
    }
}
