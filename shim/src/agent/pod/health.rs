//! Decides from what probes found, and from what the pod asks for now, which containers that run are ready or must end.

use k8s_openapi::api::core::v1::Pod;

use super::probe::{Finding, Purpose};
use super::record::{Record, Unhealthy};
use super::state::PodState;

/// Notes what probes found about containers that still run.
pub(super) fn take_findings(pod: &Pod, state: &mut PodState, findings: Vec<Finding>) {
    for finding in findings {
        let same = |it: &&mut Record| it.run.as_ref().is_some_and(|run| run.id == finding.run_id);
        let Some(record) = state.main.iter_mut().find(same) else { continue };
        match (finding.purpose, finding.passed) {
            (Purpose::Startup, true) => record.started = true,
            (Purpose::Readiness, ready) => record.ready = ready,
            (Purpose::Startup | Purpose::Liveness, false) => {
                record.unhealthy = Some(finding.purpose.sick(finding.grace_seconds));
            }
            (Purpose::Liveness, true) => {}
        }
    }
    // Without a readiness probe a container is ready as soon as it has started.
    let spec = pod.spec.as_ref().map(|it| it.containers.as_slice()).unwrap_or_default();
    for (record, container) in state.main.iter_mut().zip(spec) {
        let passed = record.ready || container.readiness_probe.is_none();
        record.ready = passed && record.started;
    }
}

/// Notes which containers run an image that the pod does not ask for any more.
pub(super) fn note_changed_images(pod: &Pod, state: &mut PodState) {
    let spec = pod.spec.as_ref().map(|it| it.containers.as_slice()).unwrap_or_default();
    for (record, container) in state.main.iter_mut().zip(spec) {
        let asked = container.image.as_deref().unwrap_or_default();
        if record.run.as_ref().is_some_and(|run| run.ended.is_none() && run.image != asked) {
            record.unhealthy = Some(Unhealthy { why: "definition changed", grace_seconds: None });
        }
    }
}
