//! A pod's status, derived from the pod and what the agent remembers of it. kubectl's words come from here.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    EphemeralContainer, HostIP, Pod, PodIP, PodSpec, PodStatus, ResourceRequirements, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::condition;
use super::phase::Wish;
use super::quantity;
use super::record::{End, Record, Run};
use super::restart::{self, Policy, Verdict};
use super::state::{PodState, Stage};

/// Why an ephemeral container does not start.
pub(crate) const NO_EPHEMERAL: &str = "ephemeral containers are not supported by this node yet";
/// What stands before a container's id.
const ID_PREFIX: &str = "coracle://";

/// A pod's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not all of its containers have started.
    Pending,
    /// At least one runs or will again.
    Running,
    /// All ended well, for good.
    Succeeded,
    /// It ended, and not well.
    Failed,
}

// === impl Phase ===

impl Phase {
    /// As the API has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// The status of a pod that runs here or has.
pub(crate) fn derive(pod: &Pod, state: &PodState, host_ip: &str, now: Timestamp) -> PodStatus {
    let spec = pod.spec.clone().unwrap_or_default();
    let wish = Wish::of(pod, false);
    let inner = phase(wish.policy, state, now);
    let told = told(inner, state);
    // The address is told once a container was tried: before that nobody could be listening.
    let tried = state.containers().any(|(_, it)| it.run.is_some() || it.blocked.is_some());
    let ip = state.ip().filter(|_| tried);
    let mut main = containers(&spec, &spec.containers, &state.main, wish.policy, pod, state, now);
    main.sort_by(|a, b| a.name.cmp(&b.name));
    let init = spec.init_containers.clone().unwrap_or_default();
    let mut init = containers(&spec, &init, &state.init, wish.policy.of_init(), pod, state, now);
    for (status, record) in init.iter_mut().zip(&state.init) {
        // An init container is ready when it is done with.
        status.ready = record.succeeded();
    }
    PodStatus {
        allocated_resources: Some(requests_total(&spec)).filter(|it| !it.is_empty()),
        conditions: Some(condition::derive(pod, state, inner, now)),
        container_statuses: Some(main),
        ephemeral_container_statuses: Some(ephemeral(&spec)).filter(|it| !it.is_empty()),
        host_ip: Some(host_ip.to_owned()),
        host_ips: Some(vec![HostIP { ip: host_ip.to_owned() }]),
        init_container_statuses: Some(init).filter(|it| !it.is_empty()),
        message: state.cause.as_ref().map(|it| it.message.clone()),
        observed_generation: pod.metadata.generation,
        phase: Some(told.as_str().to_owned()),
        pod_ip: ip.map(str::to_owned),
        pod_ips: ip.map(|ip| vec![PodIP { ip: ip.to_owned() }]),
        reason: state.cause.as_ref().map(|it| it.reason.clone()),
        resources: Some(ResourceRequirements::default()),
        start_time: Some(Time(state.started_at)),
        ..Default::default()
    }
}

/// The status of a pod that the node refused.
pub(crate) fn refused(pod: &Pod, reason: &str, message: &str, now: Timestamp) -> PodStatus {
    PodStatus {
        message: Some(format!("Pod was rejected: {message}")),
        observed_generation: pod.metadata.generation,
        phase: Some(Phase::Failed.as_str().to_owned()),
        reason: Some(reason.to_owned()),
        start_time: Some(Time(now)),
        ..Default::default()
    }
}

/// A pod's phase, as if the end could be told at once.
pub(crate) fn phase(policy: Policy, state: &PodState, now: Timestamp) -> Phase {
    if state.cause.is_some() {
        return Phase::Failed;
    }
    let ending = state.stage != Stage::Sync;
    let init_failed = |it: &Record| it.ended().is_some_and(|end| end.code != 0 && !policy.of_init().restarts(end));
    if state.init.iter().any(init_failed) {
        return Phase::Failed;
    }
    if !state.init.iter().all(Record::succeeded) {
        return if state.stage == Stage::Terminated { Phase::Failed } else { Phase::Pending };
    }
    let unstarted = state.main.iter().any(|it| it.run.is_none());
    if unstarted {
        return if state.stage == Stage::Terminated { Phase::Failed } else { Phase::Pending };
    }
    let settled = |it: &Record| ending || restart::verdict(policy, it, now) == Verdict::Done;
    let all_ended = state.main.iter().all(|it| it.ended().is_some() && settled(it));
    match (all_ended, state.main.iter().all(Record::succeeded)) {
        (false, _) => Phase::Running,
        (true, true) => Phase::Succeeded,
        (true, false) => Phase::Failed,
    }
}

/// The end is told only when nothing runs any more and the sandbox is gone.
fn told(inner: Phase, state: &PodState) -> Phase {
    let began = state.init.iter().all(Record::succeeded);
    match (inner, state.stage, began) {
        (Phase::Succeeded | Phase::Failed, Stage::Sync | Stage::Terminating, true) => Phase::Running,
        (Phase::Succeeded | Phase::Failed, Stage::Sync | Stage::Terminating, false) => Phase::Pending,
        (inner, _, _) => inner,
    }
}

fn containers(
    spec: &PodSpec,
    containers: &[Container],
    records: &[Record],
    policy: Policy,
    pod: &Pod,
    state: &PodState,
    now: Timestamp,
) -> Vec<ContainerStatus> {
    let has_init = spec.init_containers.as_ref().is_some_and(|it| !it.is_empty());
    let default_reason = if has_init { "PodInitializing" } else { "ContainerCreating" };
    let row = |(container, record): (&Container, &Record)| {
        let state = container_state(pod, record, policy, state.stage, default_reason, now);
        container_status(container, record, state)
    };
    containers.iter().zip(records).map(row).collect()
}

fn container_status(
    container: &Container,
    record: &Record,
    (state, last): (ContainerState, Option<&Run>),
) -> ContainerStatus {
    let run = record.run.as_ref();
    let requests = container.resources.as_ref().and_then(|it| it.requests.clone());
    ContainerStatus {
        allocated_resources: run.and(requests).filter(|it| !it.is_empty()),
        container_id: run.map(|run| format!("{ID_PREFIX}{}", run.id)),
        image: container.image.clone().unwrap_or_default(),
        image_id: run.map(|run| run.image_id.clone()).unwrap_or_default(),
        last_state: Some(last.map(ended_state).unwrap_or_default()),
        name: container.name.clone(),
        ready: record.running() && record.ready,
        resources: run.map(|_| container.resources.clone().unwrap_or_default()),
        restart_count: i32::try_from(record.restarts).unwrap_or(i32::MAX),
        started: Some(record.running() && record.started),
        state: Some(state),
        volume_mounts: mounts(container),
        ..Default::default()
    }
}

/// Ephemeral containers, which this node does not run and says so.
fn ephemeral(spec: &PodSpec) -> Vec<ContainerStatus> {
    let row = |it: &EphemeralContainer| ContainerStatus {
        image: it.image.clone().unwrap_or_default(),
        name: it.name.clone(),
        state: Some(waiting("Unsupported", Some(NO_EPHEMERAL.to_owned()))),
        ..Default::default()
    };
    spec.ephemeral_containers.iter().flatten().map(row).collect()
}

/// What a container is doing, and which run is its last state.
fn container_state<'a>(
    pod: &Pod,
    record: &'a Record,
    policy: Policy,
    stage: Stage,
    default_reason: &str,
    now: Timestamp,
) -> (ContainerState, Option<&'a Run>) {
    let last = record.last.as_ref();
    let Some(run) = &record.run else {
        let blocked = record.blocked.as_ref();
        let reason = blocked.map_or(default_reason, |it| it.reason);
        return (waiting(reason, blocked.map(|it| it.message.clone())), last);
    };
    if run.ended.is_none() {
        let running = ContainerStateRunning { started_at: Some(Time(run.started_at)) };
        return (ContainerState { running: Some(running), ..Default::default() }, last);
    }
    let verdict = if stage == Stage::Sync { restart::verdict(policy, record, now) } else { Verdict::Done };
    match (verdict, &record.blocked) {
        (Verdict::BackOff { delay, .. }, _) => {
            (waiting("CrashLoopBackOff", Some(crash_loop_message(pod, &record.name, delay))), Some(run))
        }
        (Verdict::Retry(_) | Verdict::Start, Some(blocked)) => {
            (waiting(blocked.reason, Some(blocked.message.clone())), Some(run))
        }
        (Verdict::Retry(_) | Verdict::Start | Verdict::Running | Verdict::Done, _) => (ended_state(run), last),
    }
}

fn crash_loop_message(pod: &Pod, container: &str, delay: SignedDuration) -> String {
    format!("back-off {} restarting failed container={container} pod={}", go_duration(delay), full_name(pod))
}

/// `name_namespace(uid)`, as messages name a pod.
pub(crate) fn full_name(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    format!("{}_{}({})", text(&meta.name), text(&meta.namespace), text(&meta.uid))
}

/// Whole seconds as Go prints a duration: `10s`, `1m20s`, `5m0s`.
fn go_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..Default::default() }
}

fn ended_state(run: &Run) -> ContainerState {
    let terminated = run.ended.as_ref().map(|end| terminated(run, end));
    ContainerState { terminated, ..Default::default() }
}

fn terminated(run: &Run, end: &End) -> ContainerStateTerminated {
    ContainerStateTerminated {
        container_id: Some(format!("{ID_PREFIX}{}", run.id)),
        exit_code: end.code,
        finished_at: Some(Time(end.finished_at)),
        message: Some(end.message.clone()).filter(|it| !it.is_empty()),
        reason: Some(end.reason.clone()),
        started_at: Some(Time(run.started_at)),
        ..Default::default()
    }
}

fn mounts(container: &Container) -> Option<Vec<VolumeMountStatus>> {
    let rows = container.volume_mounts.as_ref()?.iter().map(|mount| {
        let read_only = mount.read_only.filter(|it| *it);
        VolumeMountStatus {
            mount_path: mount.mount_path.clone(),
            name: mount.name.clone(),
            read_only,
            recursive_read_only: read_only.map(|_| "Disabled".to_owned()),
            ..Default::default()
        }
    });
    Some(rows.collect()).filter(|it: &Vec<_>| !it.is_empty())
}

/// What a pod's containers ask for together.
fn requests_total(spec: &PodSpec) -> BTreeMap<String, Quantity> {
    let asked = |it: &Container| it.resources.as_ref().and_then(|it| it.requests.clone()).unwrap_or_default();
    let mut total: BTreeMap<String, Quantity> = BTreeMap::new();
    for (name, quantity) in spec.containers.iter().flat_map(asked) {
        let sum = match total.get(&name) {
            None => quantity,
            Some(before) => sum(before, &quantity),
        };
        total.insert(name, sum);
    }
    total
}

fn sum(a: &Quantity, b: &Quantity) -> Quantity {
    let millis = quantity::millis(a) + quantity::millis(b);
    Quantity(if millis % 1000 == 0 { (millis / 1000).to_string() } else { format!("{millis}m") })
}

/// The id in a container's `containerID`, if it is ours.
pub(crate) fn container_id(text: &str) -> Option<&str> {
    text.strip_prefix(ID_PREFIX)
}
