//! A pod's conditions, in the order in which the kubelet writes them.

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::record::Record;
use super::state::{PodState, Sandbox, Transition};
use super::status::Phase;

/// One condition without its times.
struct Verdict {
    holds: bool,
    reason: &'static str,
    message: String,
}

/// The conditions that the node owns; others are kept.
const OWNED: [&str; 5] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// All conditions of a pod.
pub(crate) fn derive(pod: &Pod, state: &PodState, phase: Phase, now: Timestamp) -> Vec<PodCondition> {
    let containers_ready = containers_ready(state, phase);
    let verdicts =
        [sandbox_ready(state), initialized(state, phase), ready(pod, &containers_ready), containers_ready, holds("")];
    let before = pod.status.as_ref().and_then(|it| it.conditions.as_ref());
    let foreign = before.into_iter().flatten().filter(|it| !OWNED.contains(&it.type_.as_str())).cloned();
    let owned = OWNED.iter().zip(verdicts).map(|(name, verdict)| condition(pod, state, name, verdict, now));
    // As a strategic merge would leave them: those that others added stand first.
    foreign.chain(owned).collect()
}

/// When conditions changed last, to be remembered.
pub(crate) fn transitions(conditions: &[PodCondition]) -> Vec<Transition> {
    let row = |it: &PodCondition| {
        let at = it.last_transition_time.as_ref()?.0;
        Some(Transition { condition: it.type_.clone(), status: it.status.clone(), at })
    };
    conditions.iter().filter_map(row).collect()
}

fn condition(pod: &Pod, state: &PodState, name: &str, verdict: Verdict, now: Timestamp) -> PodCondition {
    let status = if verdict.holds { "True" } else { "False" };
    let same = state.transitions.iter().find(|it| it.condition == name && it.status == status);
    PodCondition {
        last_probe_time: None,
        last_transition_time: Some(Time(same.map_or(now, |it| it.at))),
        message: Some(verdict.message).filter(|it| !it.is_empty()),
        observed_generation: pod.metadata.generation,
        reason: Some(verdict.reason.to_owned()).filter(|it| !it.is_empty()),
        status: status.to_owned(),
        type_: name.to_owned(),
    }
}

fn holds(reason: &'static str) -> Verdict {
    Verdict { holds: true, reason, message: String::new() }
}

fn fails(reason: &'static str, message: String) -> Verdict {
    Verdict { holds: false, reason, message }
}

fn sandbox_ready(state: &PodState) -> Verdict {
    match &state.sandbox {
        Sandbox::Wanted(_) => fails("PodSandboxNotReady", "no pod sandbox exists".to_owned()),
        Sandbox::Ready { .. } => holds(""),
        Sandbox::Stopped { .. } => fails("PodSandboxNotReady", "pod sandbox is not ready".to_owned()),
    }
}

fn initialized(state: &PodState, phase: Phase) -> Verdict {
    if phase == Phase::Succeeded {
        return holds("PodCompleted");
    }
    let incomplete = names(&state.init, |it| !it.succeeded());
    if incomplete.is_empty() {
        return holds("");
    }
    fails("ContainersNotInitialized", format!("containers with incomplete status: [{}]", incomplete.join(" ")))
}

fn containers_ready(state: &PodState, phase: Phase) -> Verdict {
    match phase {
        Phase::Succeeded => return fails("PodCompleted", String::new()),
        Phase::Failed => return fails("PodFailed", String::new()),
        Phase::Pending | Phase::Running => {}
    }
    let unready = names(&state.main, |it| !(it.running() && it.ready));
    if unready.is_empty() {
        return holds("");
    }
    fails("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" ")))
}

/// Ready is ContainersReady and all of the pod's own gates.
fn ready(pod: &Pod, containers_ready: &Verdict) -> Verdict {
    if !containers_ready.holds {
        return fails(containers_ready.reason, containers_ready.message.clone());
    }
    let gates = pod.spec.as_ref().and_then(|it| it.readiness_gates.as_ref());
    let conditions = pod.status.as_ref().and_then(|it| it.conditions.as_ref());
    let unmet = |gate: &str| {
        let found = conditions.into_iter().flatten().find(|it| it.type_ == gate);
        match found {
            None => Some(format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.")),
            Some(it) if it.status != "True" => {
                Some(format!("the status of pod readiness gate \"{gate}\" is not \"True\", but {}", it.status))
            }
            Some(_) => None,
        }
    };
    let unmet: Vec<String> = gates.into_iter().flatten().filter_map(|it| unmet(&it.condition_type)).collect();
    if unmet.is_empty() { holds("") } else { fails("ReadinessGatesNotReady", unmet.join(", ")) }
}

fn names(records: &[Record], unmet: impl Fn(&Record) -> bool) -> Vec<&str> {
    records.iter().filter(|it| unmet(it)).map(|it| it.name.as_str()).collect()
}
