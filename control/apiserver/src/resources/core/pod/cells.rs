//! What `kubectl get pods` shows: how many containers are ready, and one word for how the pod is doing
//! (`printPod` in `pkg/printers/internalversion/printers.go`).

use serde_json::Value;

use crate::object::Fields;
use crate::registry::resource::Now;
use crate::resources::age;
use crate::resources::pod_template::container::is_sidecar;

const NONE: &str = "<none>";

/// The cells of a pod's row.
pub(super) fn cells(pod: &Value, now: Now) -> Vec<Value> {
    let summary = summarize(pod);
    let ready = format!("{}/{}", summary.ready, summary.total);
    let or_none = |text: &str| Value::from(if text.is_empty() { NONE } else { text });
    vec![
        pod.str_at("metadata.name").into(),
        ready.into(),
        summary.word.into(),
        summary.restarts.text(now).into(),
        age::of(pod, now),
        or_none(pod.list_at("status.podIPs").first().map_or("", |ip| ip.str_at("ip"))),
        or_none(pod.str_at("spec.nodeName")),
        or_none(pod.str_at("status.nominatedNodeName")),
        readiness_gates(pod).into(),
    ]
}

struct Summary {
    ready: usize,
    total: usize,
    word: String,
    restarts: Restarts,
}

#[derive(Clone, Debug, Default)]
struct Restarts {
    count: i64,
    /// When a container last ended; RFC 3339 in UTC sorts by time.
    last: String,
}

// === impl Restarts ===

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count += status.i64_at("restartCount").unwrap_or(0);
        let ended = status.str_at("lastState.terminated.finishedAt");
        if ended > self.last.as_str() {
            self.last = ended.to_owned();
        }
    }

    fn text(&self, now: Now) -> String {
        if self.count == 0 || self.last.is_empty() {
            return self.count.to_string();
        }
        format!("{} ({} ago)", self.count, age::since(&self.last, now))
    }
}

fn summarize(pod: &Value) -> Summary {
    let sidecars: Vec<&str> = pod
        .list_at("spec.initContainers")
        .iter()
        .filter(|container| is_sidecar(container))
        .map(|container| container.str_at("name"))
        .collect();
    let mut summary = Summary {
        ready: 0,
        total: pod.list_at("spec.containers").len() + sidecars.len(),
        word: first_word(pod),
        restarts: Restarts::default(),
    };
    let mut of_sidecars = Restarts::default();
    let initializing = initialize(pod, &sidecars, &mut summary, &mut of_sidecars);
    if !initializing || condition_is(pod, "Initialized", "True") {
        summary.restarts = of_sidecars;
        run(pod, &mut summary);
    }
    if pod.at("metadata.deletionTimestamp").is_some() {
        if pod.str_at("status.reason") == "NodeLost" {
            summary.word = "Unknown".to_owned();
        } else if !matches!(pod.str_at("status.phase"), "Succeeded" | "Failed") {
            summary.word = "Terminating".to_owned();
        }
    }
    summary
}

fn first_word(pod: &Value) -> String {
    let gated = pod
        .list_at("status.conditions")
        .iter()
        .any(|c| c.str_at("type") == "PodScheduled" && c.str_at("reason") == "SchedulingGated");
    match pod.str_at("status.reason") {
        _ if gated => "SchedulingGated",
        "" => pod.str_at("status.phase"),
        reason => reason,
    }
    .to_owned()
}

/// Looks at init containers up to the first that holds the others back, and answers whether there is one.
fn initialize(pod: &Value, sidecars: &[&str], summary: &mut Summary, of_sidecars: &mut Restarts) -> bool {
    let total = pod.list_at("spec.initContainers").len();
    for (i, status) in pod.list_at("status.initContainerStatuses").iter().enumerate() {
        summary.restarts.add(status);
        let sidecar = sidecars.contains(&status.str_at("name"));
        if sidecar {
            of_sidecars.add(status);
        }
        let ended = status.at("state.terminated");
        if ended.is_some_and(|end| end.i64_at("exitCode").unwrap_or(0) == 0) {
            continue;
        }
        if sidecar && status.bool_at("started") {
            summary.ready += usize::from(status.bool_at("ready"));
            continue;
        }
        let waits_for = status.str_at("state.waiting.reason");
        summary.word = match ended {
            Some(end) => format!("Init:{}", how_it_ended(end)),
            None if !matches!(waits_for, "" | "PodInitializing") => format!("Init:{waits_for}"),
            None => format!("Init:{i}/{total}"),
        };
        return true;
    }
    false
}

/// Looks at the containers; the first one that has something to say has the word.
fn run(pod: &Value, summary: &mut Summary) {
    let mut any_runs = false;
    for status in pod.list_at("status.containerStatuses").iter().rev() {
        summary.restarts.add(status);
        let waits_for = status.str_at("state.waiting.reason");
        if !waits_for.is_empty() {
            summary.word = waits_for.to_owned();
        } else if let Some(end) = status.at("state.terminated") {
            summary.word = how_it_ended(end);
        } else if status.bool_at("ready") && status.at("state.running").is_some() {
            any_runs = true;
            summary.ready += 1;
        }
    }
    if summary.word == "Completed" && any_runs {
        summary.word = if condition_is(pod, "Ready", "True") { "Running" } else { "NotReady" }.to_owned();
    }
}

fn how_it_ended(end: &Value) -> String {
    match (end.str_at("reason"), end.i64_at("signal").unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", end.i64_at("exitCode").unwrap_or(0)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn readiness_gates(pod: &Value) -> String {
    let gates = pod.list_at("spec.readinessGates");
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let open = gates.iter().filter(|gate| condition_is(pod, gate.str_at("conditionType"), "True")).count();
    format!("{open}/{}", gates.len())
}

fn condition_is(pod: &Value, kind: &str, status: &str) -> bool {
    pod.list_at("status.conditions").iter().any(|c| c.str_at("type") == kind && c.str_at("status") == status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn word(status: Value) -> String {
        summarize(&json!({"spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}, {"name": "j"}]},
            "status": status}))
        .word
    }

    #[test]
    fn one_word_says_how_a_pod_is_doing() {
        let init = |states: &[Value]| {
            let statuses: Vec<Value> = states.iter().map(|s| json!({"name": "i", "state": s})).collect();
            json!({"phase": "Pending", "initContainerStatuses": statuses})
        };
        let container =
            |state: Value| json!({"phase": "Running", "containerStatuses": [{"name": "c", "state": state}]});
        let done = json!({"terminated": {"exitCode": 0}});
        let rows = [
            (json!({"phase": "Pending"}), "Pending"),
            (json!({"phase": "Failed", "reason": "Evicted"}), "Evicted"),
            (init(&[done.clone(), json!({"running": {}})]), "Init:1/2"),
            (init(&[json!({"terminated": {"exitCode": 2}})]), "Init:ExitCode:2"),
            (init(&[json!({"waiting": {"reason": "ImagePullBackOff"}})]), "Init:ImagePullBackOff"),
            (container(json!({"waiting": {"reason": "CrashLoopBackOff"}})), "CrashLoopBackOff"),
            (container(json!({"terminated": {"exitCode": 137, "signal": 9}})), "Signal:9"),
            (container(json!({"terminated": {"exitCode": 0, "reason": "Completed"}})), "Completed"),
        ];
        for (status, expected) in rows {
            assert_eq!(word(status.clone()), expected, "{status}");
        }
    }

    #[test]
    fn restarts_tell_when_the_last_was() {
        let mut restarts = Restarts::default();
        let ended = json!({"restartCount": 2, "lastState": {"terminated": {"finishedAt": "1970-01-01T00:00:00Z"}}});
        restarts.add(&ended);
        let now = Now(time::OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(90));
        assert_eq!(restarts.text(now), "2 (90s ago)");
    }
}
