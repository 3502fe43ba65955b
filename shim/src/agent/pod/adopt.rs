//! The state of a pod that this node ran before the agent started: programs die with the agent, so what ran has ended.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use k8s_openapi::jiff::Timestamp;

use super::condition;
use super::record::{End, Record, Run};
use super::state::{Cause, PodState, Stage};
use super::status;

/// What a program ended with that was running when the agent stopped.
const LOST_CODE: i32 = 137;
const LOST_REASON: &str = "RuntimeRestarted";

/// A pod's state, from what its status says.
pub(crate) fn adopt(pod: &Pod, now: Timestamp) -> PodState {
    let mut state = PodState::new(pod, now);
    let Some(status) = &pod.status else { return state };
    if let Some(started_at) = &status.start_time {
        state.started_at = started_at.0;
    }
    state.transitions = condition::transitions(status.conditions.as_deref().unwrap_or_default());
    let reported = status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    for it in reported {
        if let Some(record) = state.records_mut().find(|record| record.name == it.name) {
            fill(record, it, now);
        }
    }
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        state.stage = Stage::Terminated;
        state.sandbox = super::state::Sandbox::Stopped { ip: status.pod_ip.clone() };
        state.cause =
            status.reason.clone().map(|reason| Cause { reason, message: status.message.clone().unwrap_or_default() });
    }
    state
}

fn fill(record: &mut Record, reported: &ContainerStatus, now: Timestamp) {
    record.restarts = u32::try_from(reported.restart_count).unwrap_or(0);
    let current = reported.state.as_ref().and_then(|it| ended_run(it, reported, now));
    let last = reported.last_state.as_ref().and_then(|it| ended_run(it, reported, now));
    // One that waits for its restart has its latest run in the last state.
    (record.run, record.last) = if current.is_some() { (current, last) } else { (last, None) };
}

fn ended_run(state: &ContainerState, reported: &ContainerStatus, now: Timestamp) -> Option<Run> {
    let id =
        |text: &Option<String>| text.as_deref().and_then(status::container_id).map(str::to_owned).unwrap_or_default();
    let (image, image_id) = (reported.image.clone(), reported.image_id.clone());
    if let Some(running) = &state.running {
        let started_at = running.started_at.as_ref().map_or(Timestamp::UNIX_EPOCH, |it| it.0);
        let ended = End {
            code: LOST_CODE,
            reason: LOST_REASON.to_owned(),
            message: "the node's agent was restarted".to_owned(),
            finished_at: now,
        };
        return Some(Run { id: id(&reported.container_id), image, image_id, started_at, ended: Some(ended) });
    }
    let ended: &ContainerStateTerminated = state.terminated.as_ref()?;
    Some(Run {
        id: id(&ended.container_id),
        image,
        image_id,
        started_at: ended.started_at.as_ref().map_or(Timestamp::UNIX_EPOCH, |it| it.0),
        ended: Some(End {
            code: ended.exit_code,
            reason: ended.reason.clone().unwrap_or_default(),
            message: ended.message.clone().unwrap_or_default(),
            finished_at: ended.finished_at.as_ref().map_or(now, |it| it.0),
        }),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::super::phase::{Step, Which, Wish, next};
    use super::super::state::{Mounted, Volumes};
    use super::*;

    fn pod(policy: &str, status: serde_json::Value) -> Pod {
        let spec = json!({"restartPolicy": policy, "containers": [{"name": "c"}]});
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec, "status": status})).unwrap()
    }

    fn running() -> serde_json::Value {
        json!({"phase": "Running", "startTime": "1970-01-01T00:00:05Z", "containerStatuses": [{"name": "c", "image": "i",
            "imageID": "sha256:i", "ready": true, "restartCount": 2, "containerID": "coracle://x",
            "state": {"running": {"startedAt": "1970-01-01T00:00:06Z"}}}]})
    }

    #[test]
    fn what_ran_has_ended_and_starts_again_with_one_more_restart() {
        let pod = pod("Always", running());
        let mut state = adopt(&pod, Timestamp::UNIX_EPOCH);
        assert_eq!(state.main[0].ended().unwrap().code, 137);
        state.volumes = Volumes::Mounted(Mounted::default());
        state.sandbox = super::super::state::Sandbox::Ready { id: "s".to_owned(), ip: "10.0.0.2".to_owned() };
        let step = next(&Wish::of(&pod, false), &mut state, Timestamp::UNIX_EPOCH);
        assert_eq!(step, Step::Start(Which::Main(0)));
        state.main[0].begin(Run {
            id: "y".to_owned(),
            image: "i".to_owned(),
            image_id: String::new(),
            started_at: Timestamp::UNIX_EPOCH,
            ended: None,
        });
        assert_eq!(state.main[0].restarts, 3);
    }

    #[test]
    fn what_must_not_restart_has_failed() {
        let pod = pod("Never", running());
        let mut state = adopt(&pod, Timestamp::UNIX_EPOCH);
        let step = next(&Wish::of(&pod, false), &mut state, Timestamp::UNIX_EPOCH);
        assert!(matches!(step, Step::Stop(_)));
        assert_eq!(status::phase(Wish::of(&pod, false).policy, &state, Timestamp::UNIX_EPOCH), status::Phase::Failed);
    }

    #[test]
    fn a_pod_that_had_ended_stays_so() {
        let mut state = adopt(&pod("Never", json!({"phase": "Succeeded"})), Timestamp::UNIX_EPOCH);
        assert_eq!(next(&Wish::of(&pod("Never", json!({})), false), &mut state, Timestamp::UNIX_EPOCH), Step::Rest);
    }
}
