//! Probes: HTTP and TCP against the pod's address, on their own clock; the worker hears only of changes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Pod, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::http::{Answer, REDIRECTS_MAX, Target};
use super::context::ContainerContext;
use super::record::Unhealthy;
use crate::agent::Agent;
use crate::agent::pods::PodEntry;
use crate::agent::recorder::EventType;

mod http;

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Whether it has started: the others wait for it.
    Startup,
    /// Whether it shall be restarted.
    Liveness,
    /// Whether it shall get traffic.
    Readiness,
}

/// A probe's verdict on a container has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which run of a container.
    pub(crate) run_id: String,
    /// What the probe is for.
    pub(crate) purpose: Purpose,
    /// The verdict.
    pub(crate) passed: bool,
    /// The probe's own grace period.
    pub(crate) grace_seconds: Option<i64>,
}

/// The probes of a pod's containers that run, by the index of the container. They end when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Probes(Vec<(usize, JoinSet<()>)>);

/// What counts towards a verdict.
struct Tally {
    successes: i32,
    failures: i32,
    verdict: Option<bool>,
}

// === impl Purpose ===

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }

    /// As pod status and events have it.
    pub(crate) fn sick(self, grace_seconds: Option<i64>) -> Unhealthy {
        let why = if self == Self::Startup { "failed startup probe" } else { "failed liveness probe" };
        Unhealthy { why, grace_seconds }
    }
}

// === impl Tally ===

impl Tally {
    /// Counts an outcome; answers the verdict if it has changed.
    fn count(&mut self, passed: bool, probe: &Probe) -> Option<bool> {
        (self.successes, self.failures) = if passed { (self.successes + 1, 0) } else { (0, self.failures + 1) };
        let verdict = match passed {
            true => self.successes >= probe.success_threshold.unwrap_or(1),
            false => self.failures >= probe.failure_threshold.unwrap_or(3),
        };
        (verdict && self.verdict != Some(passed)).then(|| {
            self.verdict = Some(passed);
            passed
        })
    }
}

/// One probe at work.
struct Prober {
    agent: Arc<Agent>,
    entry: Arc<PodEntry>,
    container: String,
    run_id: String,
    purpose: Purpose,
    probe: Probe,
    address: String,
    port: u16,
}

// === impl Probes ===

impl Probes {
    /// Starts those of a container that has just started.
    pub(super) fn start(&mut self, cx: ContainerContext<'_>, index: usize, run_id: &str, ip: &str) {
        let container = cx.container;
        let (started, wait) = watch::channel(container.startup_probe.is_none());
        let prober = |purpose, probe: &Option<Probe>| {
            let probe = probe.clone()?;
            Some(Prober {
                agent: Arc::clone(cx.pod.agent),
                entry: Arc::clone(cx.pod.entry),
                container: container.name.clone(),
                run_id: run_id.to_owned(),
                purpose,
                port: port(container, &probe)?,
                probe,
                address: ip.to_owned(),
            })
        };
        let mut tasks = JoinSet::new();
        if let Some(it) = prober(Purpose::Startup, &container.startup_probe) {
            tasks.spawn(it.run(wait.clone(), Some(started)));
        }
        for (purpose, probe) in
            [(Purpose::Liveness, &container.liveness_probe), (Purpose::Readiness, &container.readiness_probe)]
        {
            if let Some(it) = prober(purpose, probe) {
                tasks.spawn(it.run(wait.clone(), None));
            }
        }
        if !tasks.is_empty() {
            self.0.push((index, tasks));
        }
    }

    /// Ends those of one container.
    pub(super) fn end(&mut self, index: usize) {
        self.0.retain(|(it, _)| *it != index);
    }

    /// Ends them all.
    pub(super) fn end_all(&mut self) {
        self.0.clear();
    }
}

/// The number of a probe's port.
fn port(container: &Container, probe: &Probe) -> Option<u16> {
    let http = probe.http_get.as_ref().map(|it| &it.port);
    match http.or_else(|| probe.tcp_socket.as_ref().map(|it| &it.port))? {
        IntOrString::Int(port) => u16::try_from(*port).ok(),
        IntOrString::String(name) => {
            let found = container.ports.iter().flatten().find(|it| it.name.as_ref() == Some(name));
            found.and_then(|it| u16::try_from(it.container_port).ok()).or_else(|| name.parse().ok())
        }
    }
}

// === impl Prober ===

impl Prober {
    async fn run(self, mut gate: watch::Receiver<bool>, started: Option<watch::Sender<bool>>) {
        let seconds = |it: Option<i32>, default: u64| {
            Duration::from_secs(it.and_then(|it| u64::try_from(it).ok()).unwrap_or(default))
        };
        let period = seconds(self.probe.period_seconds, 10).max(Duration::from_secs(1));
        let timeout = seconds(self.probe.timeout_seconds, 1).max(Duration::from_secs(1));
        // Counted from the start of the container, whatever the startup probe takes.
        let delay = tokio::time::sleep(seconds(self.probe.initial_delay_seconds, 0));
        // The startup probe is what opens the gate for the others.
        if started.is_none() && gate.wait_for(|open| *open).await.is_err() {
            return;
        }
        delay.await;
        let mut tally = Tally { successes: 0, failures: 0, verdict: None };
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let outcome = match tokio::time::timeout(timeout, self.ask()).await {
                Ok(outcome) => outcome,
                Err(_) => Err(self.timed_out()),
            };
            if let Err(message) = &outcome {
                self.tell("Unhealthy", "failed", message);
            }
            if let Some(passed) = tally.count(outcome.is_ok(), &self.probe) {
                self.report(passed);
                if let Some(started) = started.as_ref().filter(|_| passed) {
                    // Nobody waits for it if there are no other probes.
                    let _ = started.send(true);
                    return;
                }
            }
        }
    }

    fn timed_out(&self) -> String {
        match &self.probe.http_get {
            Some(it) => format!(
                "Get \"{}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                Target::new(it, self.host(), self.port).url()
            ),
            None => format!("dial tcp {}:{}: i/o timeout", self.host(), self.port),
        }
    }

    fn tell(&self, reason: &str, what: &str, message: &str) {
        let pod: Pod = self.entry.pod();
        let message = format!("{} probe {what}: {message}", self.purpose.name());
        let path = format!("spec.containers{{{}}}", self.container);
        self.agent.recorder.pod(&pod, Some(path), EventType::Warning, reason, &message);
    }

    fn report(&self, passed: bool) {
        self.entry.findings.lock().push(Finding {
            run_id: self.run_id.clone(),
            purpose: self.purpose,
            passed,
            grace_seconds: self.probe.termination_grace_period_seconds,
        });
        self.entry.changed.notify_one();
    }

    fn host(&self) -> &str {
        let http = self.probe.http_get.as_ref().and_then(|it| it.host.as_deref());
        let host = http.or_else(|| self.probe.tcp_socket.as_ref().and_then(|it| it.host.as_deref()));
        host.filter(|it| !it.is_empty()).unwrap_or(&self.address)
    }

    async fn ask(&self) -> Result<(), String> {
        match &self.probe.http_get {
            None => self.connect(self.port).await.map(drop),
            Some(get) => self.ask_http(get).await,
        }
    }

    async fn ask_http(&self, get: &HTTPGetAction) -> Result<(), String> {
        let mut target = Target::new(get, self.host(), self.port);
        for _ in 0..REDIRECTS_MAX {
            let stream = self.connect(target.port).await.map_err(|err| format!("Get \"{}\": {err}", target.url()))?;
            let (location, body) = match http::get(get, &target, stream).await? {
                Answer::Passed => return Ok(()),
                Answer::Redirected { location, body } => (location, body),
            };
            let Some(next) = location.and_then(|it| target.follow(&it)) else {
                let message = format!("Probe terminated redirects, Response body: {body}");
                self.tell("ProbeWarning", "warning", &message);
                return Ok(());
            };
            target = next;
        }
        Err(format!("Get \"{}\": stopped after {REDIRECTS_MAX} redirects", target.url()))
    }

    async fn connect(&self, port: u16) -> Result<TcpStream, String> {
        let host = self.host();
        let connected = match host.parse() {
            Ok(ip) => {
                let address = SocketAddr::new(ip, port);
                TcpStream::connect(self.agent.config.network.pods.host_address(address)).await
            }
            Err(_) => TcpStream::connect((host, port)).await,
        };
        connected.map_err(|err| dial_error(host, port, &err))
    }
}

/// A failed connection in Go's words.
fn dial_error(host: &str, port: u16, err: &std::io::Error) -> String {
    let why = match err.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        _ => err.to_string(),
    };
    format!("dial tcp {host}:{port}: connect: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_enough_outcomes_in_a_row_and_is_told_once() {
        let probe = Probe { failure_threshold: Some(3), success_threshold: Some(2), ..Default::default() };
        let mut tally = Tally { successes: 0, failures: 0, verdict: None };
        let outcomes = [true, false, true, true, true, false, false, true, false, false, false, false];
        let told: Vec<Option<bool>> = outcomes.iter().map(|passed| tally.count(*passed, &probe)).collect();
        let (pass, fail) = (Some(true), Some(false));
        assert_eq!(told, [None, None, None, pass, None, None, None, None, None, None, fail, None]);
    }
}
