//! Pods as stories: each file of `testdata/pod` gives a pod, tells what happens to it, and shows after each event the
//! next step and the status. `UPDATE_EXPECT=1 cargo test -p coracle-node` rewrites what is shown.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::{env, fs};

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::phase::{self, Step, Which, Wish};
use super::record::{Blocked, End, Record, Run, Unhealthy};
use super::state::{Mounted, PodState, Sandbox, Volumes};
use super::{condition, restart, status};

/// One story under way.
struct Story {
    pod: Pod,
    gone: bool,
    state: PodState,
    now: Timestamp,
}

impl Story {
    fn given(spec: &str) -> Self {
        let spec: serde_json::Value = serde_json::from_str(spec).unwrap();
        let meta = json!({"name": "p", "namespace": "ns", "uid": "u", "generation": 1});
        let pod: Pod = serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap();
        let state = PodState::new(&pod, Timestamp::UNIX_EPOCH);
        Self { pod, gone: false, state, now: Timestamp::UNIX_EPOCH }
    }

    /// `SECONDS EVENT…`
    fn when(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        self.now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(words[0].trim_end_matches('s').parse().unwrap());
        match words[1..] {
            ["passes"] => {}
            ["mounted"] => self.state.volumes = Volumes::Mounted(Mounted::default()),
            ["unmounted"] => self.state.volumes = Volumes::Wanted(self.now + SignedDuration::from_secs(10)),
            ["stale"] => {
                self.state.volumes = Volumes::Mounted(Mounted { stale_at: Some(self.now), ..Mounted::default() })
            }
            ["renews", at] => {
                let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(at.trim_end_matches('s').parse().unwrap());
                self.state.volumes = Volumes::Mounted(Mounted { renew_at: Some(at), ..Mounted::default() });
            }
            ["sandbox", ip] => self.state.sandbox = Sandbox::Ready { id: "s".to_owned(), ip: ip.to_owned() },
            ["started", name] => self.start(name),
            ["ready", name] => self.record(name).ready = true,
            ["unready", name] => self.record(name).ready = false,
            ["sick", name, ref grace @ ..] => {
                let grace_seconds = grace.first().map(|it| it.parse().unwrap());
                self.record(name).unhealthy = Some(Unhealthy { why: "failed liveness probe", grace_seconds });
            }
            ["ended", name, code, reason, ref message @ ..] => self.end(name, code, reason, &message.join(" ")),
            ["blocked", name, reason, ref message @ ..] => self.block(name, reason, &message.join(" ")),
            ["deleted", grace] => {
                self.pod.metadata.generation = Some(2);
                self.pod.metadata.deletion_timestamp = Some(Time(self.now));
                self.pod.metadata.deletion_grace_period_seconds = Some(grace.parse().unwrap());
            }
            ["gone"] => self.gone = true,
            ["stopped"] => self.state.stopped(),
            _ => panic!("what is `{line}`?"),
        }
    }

    fn record(&mut self, name: &str) -> &mut Record {
        self.state.records_mut().find(|it| it.name == name).unwrap()
    }

    fn start(&mut self, name: &str) {
        let now = self.now;
        let record = self.record(name);
        if record.run.is_some() {
            record.back_off = Some(restart::after_restart(record.back_off, now));
        }
        let id = format!("{name}-{}", record.restarts);
        record.begin(Run { id, image: "i".to_owned(), image_id: "sha256:i".to_owned(), started_at: now, ended: None });
        (record.started, record.ready) = (true, true);
    }

    fn end(&mut self, name: &str, code: &str, reason: &str, message: &str) {
        let finished_at = self.now;
        self.record(name).run.as_mut().unwrap().ended = Some(End {
            code: code.parse().unwrap(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            finished_at,
        });
    }

    fn block(&mut self, name: &str, reason: &str, message: &str) {
        let until = self.now + SignedDuration::from_secs(10);
        let reason = String::leak(reason.to_owned());
        self.record(name).blocked = Some(Blocked { reason, message: message.to_owned(), until });
    }

    fn then(&mut self) -> String {
        let step = phase::next(&Wish::of(&self.pod, self.gone), &mut self.state, self.now);
        let status = status::derive(&self.pod, &self.state, "192.0.2.1", self.now);
        self.state.transitions = condition::transitions(status.conditions.as_ref().unwrap());
        let mut text = format!("next: {}\n", self.show_step(&step));
        show_status(&mut text, &status);
        text
    }

    fn show_step(&self, step: &Step) -> String {
        let name = |which: &Which| match which {
            Which::Init(index) => &self.state.init[*index].name,
            Which::Main(index) => &self.state.main[*index].name,
        };
        match step {
            Step::Start(which) => format!("start {}", name(which)),
            Step::Kill(which, grace) => format!("kill {} within {grace}s", name(which)),
            Step::Stop(grace) => format!("stop within {grace}s"),
            Step::Wait(None) => "wait".to_owned(),
            Step::Wait(Some(until)) => format!("wait until {}s", until.as_second()),
            Step::Mount | Step::Refresh | Step::RunSandbox | Step::Delete | Step::Rest => {
                format!("{step:?}").to_lowercase()
            }
        }
    }
}

fn show_status(text: &mut String, status: &PodStatus) {
    let shown = |it: &Option<String>| it.clone().unwrap_or_default();
    writeln!(
        text,
        "{} ip={} {} {}",
        shown(&status.phase),
        shown(&status.pod_ip),
        shown(&status.reason),
        shown(&status.message)
    )
    .unwrap();
    for it in status.conditions.iter().flatten() {
        let since = it.last_transition_time.as_ref().unwrap().0.as_second();
        writeln!(text, "  {}={} since {since}s {} {}", it.type_, it.status, shown(&it.reason), shown(&it.message))
            .unwrap();
    }
    let lists = [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    for it in lists.into_iter().flatten().flatten() {
        writeln!(text, "  {}", show_container(it)).unwrap();
    }
}

fn show_container(it: &ContainerStatus) -> String {
    let flags = format!("ready={} started={} restarts={}", it.ready, it.started.unwrap_or_default(), it.restart_count);
    let last = show_state(&it.last_state.clone().unwrap_or_default());
    format!("{}: {} last={last} {flags}", it.name, show_state(it.state.as_ref().unwrap()))
}

fn show_state(state: &ContainerState) -> String {
    match (&state.waiting, &state.running, &state.terminated) {
        (Some(it), ..) => {
            format!("waiting({} {})", it.reason.as_deref().unwrap_or(""), it.message.as_deref().unwrap_or(""))
        }
        (_, Some(_), _) => "running".to_owned(),
        (_, _, Some(it)) => {
            let message = it.message.as_deref().unwrap_or("");
            format!("terminated({} {} {message})", it.exit_code, it.reason.as_deref().unwrap_or(""))
        }
        (None, None, None) => "none".to_owned(),
    }
}

/// The file again, with what is shown as it is now.
fn replay(text: &str) -> String {
    let mut out = String::new();
    let mut story = None;
    for line in text.lines() {
        if line.starts_with('#') || line.is_empty() {
            writeln!(out, "{line}").unwrap();
        } else if let Some(spec) = line.strip_prefix("> given ") {
            let mut new = Story::given(spec);
            write!(out, "{line}\n{}", new.then()).unwrap();
            story = Some(new);
        } else if let Some(event) = line.strip_prefix("> ") {
            let story: &mut Story = story.as_mut().unwrap();
            story.when(event);
            write!(out, "{line}\n{}", story.then()).unwrap();
        }
    }
    // No blanks at the ends of lines, so that editors leave the files alone.
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn pods_live_as_their_stories_tell() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/pod");
    let mut stories = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let expected = fs::read_to_string(&path).unwrap();
        let actual = replay(&expected);
        if env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, &actual).unwrap();
        } else {
            assert_eq!(actual, expected, "{}", path.display());
        }
        stories += 1;
    }
    assert!(stories > 0, "testdata/pod has no stories");
}
