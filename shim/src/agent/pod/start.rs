//! Starts one container: image, configuration, creation, start, with the events and the waiting reasons of each.

use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::life::{Blocked, End, Run, Sandbox};
use super::observe::timestamp;
use super::phase::Which;
use super::source::Names;
use super::worker::{RETRY, UID_LABEL, Worker};
use super::{env, probe, quantity, restart};
use crate::agent::recorder::Kind;
use crate::cri::message::{
    ContainerConfig, ContainerMetadata, ContainerStatusRequest, CreateContainerRequest, ImageSpec, KeyValue,
    LinuxContainerConfig, LinuxContainerResources, Mount, PodSandboxConfig, PodSandboxMetadata,
    PodSandboxStatusRequest, RemoveContainerRequest, RunPodSandboxRequest, StartContainerRequest,
};

/// The period that CPU quotas count for, in microseconds.
const CPU_PERIOD: i64 = 100_000;
/// Longest name of a host.
const HOSTNAME_BYTES_MAX: usize = 63;

/// Why a container could not be started, as status and events tell it.
pub(super) struct Obstacle {
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) until: Timestamp,
}

// === impl Worker ===

impl Worker {
    /// Makes the pod's sandbox.
    pub(super) async fn run_sandbox(&mut self, pod: &Pod) {
        let req = RunPodSandboxRequest { config: Some(self.sandbox_config(pod)), runtime_handler: String::new() };
        let made = async {
            let id = self.agent.cri.run_pod_sandbox(req).await?.pod_sandbox_id;
            let req = PodSandboxStatusRequest { pod_sandbox_id: id.clone(), verbose: false };
            let status = self.agent.cri.pod_sandbox_status(req).await?.status.unwrap_or_default();
            Ok::<_, crate::cri::Error>((id, status.network.unwrap_or_default().ip))
        };
        match made.await {
            Ok((id, ip)) => self.life.sandbox = Sandbox::Ready { id, ip },
            Err(err) => {
                let message = format!("Failed to create pod sandbox: {err}");
                self.agent.recorder.pod(pod, None, Kind::Warning, "FailedCreatePodSandBox", &message);
                self.life.sandbox = Sandbox::Wanted(Timestamp::now() + RETRY);
            }
        }
    }

    /// Starts one container, or notes why not.
    pub(super) async fn start(&mut self, pod: &Pod, which: Which) {
        let Some(container) = container(pod, which).cloned() else { return };
        if let Err(obstacle) = self.try_start(pod, which, &container).await {
            let Obstacle { reason, message, until } = obstacle;
            self.record(which).blocked = Some(Blocked { reason, message, until });
        }
    }

    async fn try_start(&mut self, pod: &Pod, which: Which, container: &Container) -> Result<(), Obstacle> {
        let image_id = self.image(pod, which, container).await?;
        let config = match self.container_config(pod, which, container, &image_id).await {
            Ok(config) => config,
            Err(message) => return Err(self.fail(pod, which, "CreateContainerConfigError", message)),
        };
        let id = match self.create(pod, config).await {
            Ok(id) => id,
            Err(message) => return Err(self.fail(pod, which, "CreateContainerError", message)),
        };
        self.tell(pod, which, Kind::Normal, "Created", "Container created");
        let started = self.agent.cri.start_container(StartContainerRequest { container_id: id.clone() }).await;
        let message = started.err().map(|err| err.to_string());
        let image = container.image.clone().unwrap_or_default();
        self.note_run(which, &id, (image, image_id), message.as_deref()).await;
        match message {
            Some(message) => self.tell(pod, which, Kind::Warning, "Failed", &format!("Error: {message}")),
            None => {
                self.tell(pod, which, Kind::Normal, "Started", "Container started");
                self.start_probes(which, container, &id);
            }
        }
        Ok(())
    }

    /// Tells that a container cannot be made, and why.
    fn fail(&mut self, pod: &Pod, which: Which, reason: &'static str, message: String) -> Obstacle {
        self.tell(pod, which, Kind::Warning, "Failed", &format!("Error: {message}"));
        Obstacle { reason, message, until: Timestamp::now() + RETRY }
    }

    async fn create(&self, pod: &Pod, config: ContainerConfig) -> Result<String, String> {
        let Sandbox::Ready { id, .. } = &self.life.sandbox else { return Err("the sandbox is not ready".to_owned()) };
        let req = CreateContainerRequest {
            pod_sandbox_id: id.clone(),
            config: Some(config),
            sandbox_config: Some(self.sandbox_config(pod)),
        };
        self.agent.cri.create_container(req).await.map(|it| it.container_id).map_err(|err| err.to_string())
    }

    /// Notes a run, which may have failed to start, and forgets the one before the one before.
    async fn note_run(&mut self, which: Which, id: &str, image: (String, String), failure: Option<&str>) {
        let now = Timestamp::now();
        let req = ContainerStatusRequest { container_id: id.to_owned(), verbose: false };
        let status = self.agent.cri.container_status(req).await.ok().and_then(|it| it.status).unwrap_or_default();
        let ended = failure.map(|message| End {
            code: status.exit_code,
            reason: status.reason.clone(),
            message: message.to_owned(),
            finished_at: timestamp(status.finished_at),
        });
        let record = self.record(which);
        let old = record.last.take();
        if record.run.is_some() {
            record.back_off = Some(restart::after_restart(record.back_off, now));
        }
        let started_at = timestamp(status.started_at);
        let (image, image_id) = image;
        record.begin(Run { id: id.to_owned(), image, image_id, started_at, ended });
        record.started = failure.is_none();
        let Some(old) = old else { return };
        if let Err(err) = self.agent.cri.remove_container(RemoveContainerRequest { container_id: old.id }).await {
            tracing::warn!(pod = %self.entry.name, %err, "could not remove an old container");
        }
    }

    fn start_probes(&mut self, which: Which, container: &Container, run_id: &str) {
        let Which::Main(index) = which else { return };
        let ip = self.life.ip().unwrap_or_default().to_owned();
        let record = self.record(which);
        record.started = container.startup_probe.is_none();
        record.ready = record.started && container.readiness_probe.is_none();
        let probes = probe::start(&self.agent, &self.entry, container, run_id, &ip);
        if !probes.is_empty() {
            self.probes.push((index, probes));
        }
    }

    /// What CRI is told of a container.
    async fn container_config(
        &mut self,
        pod: &Pod,
        which: Which,
        container: &Container,
        image_id: &str,
    ) -> Result<ContainerConfig, String> {
        let names = Names::of_env(container);
        let sources = names.fetch(&self.agent.client, &self.entry.namespace).await.map_err(|err| err.to_string())?;
        let links = pod.spec.as_ref().and_then(|it| it.enable_service_links).unwrap_or(true);
        let services = self.agent.services.links(&self.entry.namespace, links);
        let facts = self.agent.facts(self.life.ip());
        let env = env::build(pod, container, &sources, &services, &facts)?;
        let expand = |words: &Option<Vec<String>>| words.iter().flatten().map(|it| env.expand(it)).collect();
        let record = self.record(which);
        let attempt = record.restarts + u32::from(record.run.is_some());
        let mut mounts = self.container_mounts(pod, container).await?;
        mounts.extend(self.termination_mount(container, attempt).await?);
        Ok(ContainerConfig {
            metadata: Some(ContainerMetadata { name: container.name.clone(), attempt }),
            image: Some(ImageSpec {
                image: image_id.to_owned(),
                user_specified_image: container.image.clone().unwrap_or_default(),
                ..Default::default()
            }),
            command: expand(&container.command),
            args: expand(&container.args),
            envs: env.0.iter().map(|(key, value)| KeyValue { key: key.clone(), value: value.clone().into() }).collect(),
            mounts,
            labels: [
                (UID_LABEL.to_owned(), self.entry.uid.clone()),
                ("io.kubernetes.container.name".to_owned(), container.name.clone()),
            ]
            .into(),
            annotations: ports_annotation(container).into_iter().collect(),
            log_path: format!("{}/{attempt}.log", container.name),
            linux: Some(LinuxContainerConfig { resources: Some(resources(container)), security_context: None }),
            ..Default::default()
        })
    }

    /// An empty file where the program can leave its last words.
    async fn termination_mount(&self, container: &Container, attempt: u32) -> Result<Option<Mount>, String> {
        let path = container.termination_message_path.clone().unwrap_or_default();
        if path.is_empty() {
            return Ok(None);
        }
        let dir = self.agent.pod_dir(&self.entry.uid).join("containers").join(&container.name);
        let file = dir.join(attempt.to_string());
        let made = async {
            tokio::fs::create_dir_all(&dir).await?;
            tokio::fs::write(&file, b"").await
        };
        made.await.map_err(|err| format!("make the termination message's file: {err}"))?;
        Ok(Some(Mount { container_path: path, host_path: file.display().to_string(), ..Default::default() }))
    }

    fn sandbox_config(&self, pod: &Pod) -> PodSandboxConfig {
        let spec = pod.spec.as_ref();
        let named = spec.and_then(|it| it.hostname_override.clone().or_else(|| it.hostname.clone()));
        let mut hostname = named.filter(|it| !it.is_empty()).unwrap_or_else(|| self.entry.name.clone());
        hostname.truncate(hostname.floor_char_boundary(HOSTNAME_BYTES_MAX));
        PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: self.entry.name.clone(),
                uid: self.entry.uid.clone(),
                namespace: self.entry.namespace.clone(),
                attempt: 0,
            }),
            hostname,
            log_directory: self.agent.log_dir(pod).display().to_string(),
            labels: [
                (UID_LABEL.to_owned(), self.entry.uid.clone()),
                ("io.kubernetes.pod.name".to_owned(), self.entry.name.clone()),
                ("io.kubernetes.pod.namespace".to_owned(), self.entry.namespace.clone()),
            ]
            .into(),
            ..Default::default()
        }
    }
}

fn container(pod: &Pod, which: Which) -> Option<&Container> {
    let spec = pod.spec.as_ref()?;
    match which {
        Which::Init(index) => spec.init_containers.as_ref()?.get(index),
        Which::Main(index) => spec.containers.get(index),
    }
}

/// The kubelet's annotation of a container's ports, if it has any.
fn ports_annotation(container: &Container) -> Option<(String, String)> {
    let row = |it: &ContainerPort| json!({"name": it.name, "containerPort": it.container_port, "protocol": it.protocol.as_deref().unwrap_or("TCP")});
    let ports: Vec<_> = container.ports.iter().flatten().map(row).collect();
    let json = serde_json::Value::from(ports);
    (json != json!([])).then(|| (crate::cri::PORTS_ANNOTATION.to_owned(), json.to_string()))
}

/// Limits and shares as CRI has them.
fn resources(container: &Container) -> LinuxContainerResources {
    let resources = container.resources.clone().unwrap_or_default();
    let (limits, requests) = (resources.limits.unwrap_or_default(), resources.requests.unwrap_or_default());
    let number = |it: i128| i64::try_from(it).unwrap_or(i64::MAX);
    let cpu_limit = limits.get("cpu").map_or(0, quantity::millis);
    let cpu_request = requests.get("cpu").or_else(|| limits.get("cpu")).map_or(0, quantity::millis);
    LinuxContainerResources {
        cpu_period: CPU_PERIOD,
        cpu_quota: number(cpu_limit * i128::from(CPU_PERIOD) / 1000),
        cpu_shares: number((cpu_request * 1024 / 1000).max(2)),
        memory_limit_in_bytes: number(limits.get("memory").map_or(0, quantity::units)),
        ..Default::default()
    }
}
