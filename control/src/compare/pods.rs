//! Makes pods through CRI, with the same calls and the same words whoever serves them, and takes the time.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt};
use shim::cri::client::Client;
use shim::cri::message::{
    ContainerConfig, ContainerMetadata, ContainerState, ContainerStatusRequest, CreateContainerRequest, ImageSpec,
    LinuxContainerConfig, LinuxContainerSecurityContext, LinuxPodSandboxConfig, LinuxSandboxSecurityContext,
    ListPodSandboxRequest, NamespaceMode, NamespaceOption, PodSandboxConfig, PodSandboxMetadata,
    PodSandboxStatusRequest, RemovePodSandboxRequest, RunPodSandboxRequest, StartContainerRequest,
    StopPodSandboxRequest,
};

use super::image::PROGRAM;
use super::report::Workload;
use super::stack::Stack;
use crate::admin;

/// How long a pod may take before the comparison gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a log is looked at: no finer than tokio's clock.
const LOOK_PERIOD: Duration = Duration::from_millis(1);
/// How many pods are removed at once.
const REMOVALS_AT_ONCE: usize = 4;
/// The file of a pod's log in its directory.
const LOG: &str = "program.log";
/// The first port of the pods; below those that the system gives to clients.
const PORT_FIRST: u16 = 21_000;

/// Makes pods on one stack.
pub(crate) struct Pods<'a> {
    stack: &'a Stack,
    client: Client,
    workload: Workload,
    logs: PathBuf,
    cgroup_parent: String,
}

/// How long one pod took, in microseconds from the first call.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The pod.
    pub pod: String,
    /// Until its status said running.
    pub running_us: u64,
    /// Until its first words were in its log.
    pub ready_us: u64,
    /// Each call alone.
    pub calls_us: BTreeMap<&'static str, u64>,
}

// === impl Pods ===

impl<'a> Pods<'a> {
    /// Pods of `stack`, whose daemon `client` is, that run `workload`; their control groups are made below `cgroup_parent`.
    pub(crate) fn new(stack: &'a Stack, client: Client, workload: Workload, cgroup_parent: String) -> Self {
        Self { stack, client, workload, logs: stack.folder.join("logs"), cgroup_parent }
    }

    /// Makes pod `number`, and waits until it has spoken.
    ///
    /// # Errors
    /// With the call that failed.
    pub(crate) async fn make(&mut self, number: u16) -> Result<Start> {
        let made = tokio::time::timeout(PATIENCE, self.make_patiently(number)).await;
        made.with_context(|| format!("pod {number} did not run after {} s", PATIENCE.as_secs()))?
    }

    async fn make_patiently(&mut self, number: u16) -> Result<Start> {
        let sandbox = self.sandbox(number);
        let container = self.container(number);
        let log = Path::new(&sandbox.log_directory).join(LOG);
        // As the kubelet does.
        std::fs::create_dir_all(&sandbox.log_directory).context("make the log's directory")?;
        let mut calls_us = BTreeMap::new();
        let started = Instant::now();

        let req = RunPodSandboxRequest { config: Some(sandbox.clone()), runtime_handler: String::new() };
        let pod = self.client.pods.run_pod_sandbox(req).await.context("RunPodSandbox")?.into_inner().pod_sandbox_id;
        let sandbox_us = micros(started);
        calls_us.insert("RunPodSandbox", sandbox_us);

        let (pod_sandbox_id, config) = (pod.clone(), Some(container));
        let req = CreateContainerRequest { pod_sandbox_id, config, sandbox_config: Some(sandbox) };
        let created = self.client.pods.create_container(req).await.context("CreateContainer")?;
        let container_id = created.into_inner().container_id;
        let created_us = micros(started);
        calls_us.insert("CreateContainer", created_us - sandbox_us);

        let req = StartContainerRequest { container_id: container_id.clone() };
        self.client.pods.start_container(req).await.context("StartContainer")?;
        calls_us.insert("StartContainer", micros(started) - created_us);
        self.expect_running(container_id).await?;
        let running_us = micros(started);

        while std::fs::metadata(&log).map_or(0, |it| it.len()) == 0 {
            tokio::time::sleep(LOOK_PERIOD).await;
        }
        Ok(Start { pod, running_us, ready_us: micros(started), calls_us })
    }

    async fn expect_running(&mut self, container_id: String) -> Result<()> {
        let req = ContainerStatusRequest { container_id, verbose: false };
        let status = self.client.pods.container_status(req).await.context("ContainerStatus")?.into_inner().status;
        let status = status.context("the container has a status")?;
        if status.state() != ContainerState::ContainerRunning {
            bail!("the container does not run: {} {} {}", status.state().as_str_name(), status.reason, status.message);
        }
        Ok(())
    }

    /// Where this host reaches pod `number`, which CRI calls `pod`.
    ///
    /// # Errors
    /// When the runtime does not say.
    pub(crate) async fn address(&mut self, pod: &str, number: u16) -> Result<SocketAddr> {
        let port = PORT_FIRST + number;
        if self.stack.network == NamespaceMode::Node {
            return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        let req = PodSandboxStatusRequest { pod_sandbox_id: pod.to_owned(), verbose: false };
        let status = self.client.pods.pod_sandbox_status(req).await.context("PodSandboxStatus")?.into_inner().status;
        let network = status.and_then(|it| it.network).context("the pod has a network")?;
        let inside = SocketAddr::new(network.ip.parse().context("read the pod's address")?, port);
        let root = super::coracle::root(&self.stack.folder);
        let outside = admin::ask_address(&root, inside).await?.context("the runtime says where a pod is")?;
        outside.parse().context("read the pod's address on this host")
    }

    /// Removes all pods, and their logs.
    ///
    /// # Errors
    /// With the call that failed.
    pub(crate) async fn remove_all(&mut self) -> Result<()> {
        let listed = self.client.pods.list_pod_sandbox(ListPodSandboxRequest::default()).await;
        let listed = listed.context("ListPodSandbox")?.into_inner().items;
        let removals = listed.into_iter().map(|pod| remove(self.client.clone(), pod.id));
        let removals: Vec<()> =
            futures::stream::iter(removals).buffer_unordered(REMOVALS_AT_ONCE).try_collect().await?;
        drop(removals);
        match std::fs::remove_dir_all(&self.logs) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("remove the logs"),
            _ => Ok(()),
        }
    }

    fn sandbox(&self, number: u16) -> PodSandboxConfig {
        let name = format!("pod-{number}");
        let security = LinuxSandboxSecurityContext { namespace_options: Some(self.namespaces()), ..Default::default() };
        PodSandboxConfig {
            log_directory: self.logs.join(&name).display().to_string(),
            metadata: Some(PodSandboxMetadata {
                uid: name.clone(),
                namespace: "compare".to_owned(),
                attempt: 0,
                name: name.clone(),
            }),
            // As the kubelet does: who has the host's network has its name, too.
            hostname: if self.stack.network == NamespaceMode::Node { String::new() } else { name },
            linux: Some(Box::new(LinuxPodSandboxConfig {
                cgroup_parent: self.cgroup_parent.clone(),
                security_context: Some(security),
                ..Default::default()
            })),
            ..Default::default()
        }
    }

    fn container(&self, number: u16) -> ContainerConfig {
        let args = match self.workload {
            Workload::Hello => vec!["hello".to_owned(), self.listens(number).to_string()],
            Workload::Sleep => vec!["sleep".to_owned()],
        };
        let security =
            LinuxContainerSecurityContext { namespace_options: Some(self.namespaces()), ..Default::default() };
        ContainerConfig {
            metadata: Some(ContainerMetadata { name: "program".to_owned(), attempt: 0 }),
            image: Some(ImageSpec { image: self.stack.image.clone(), ..Default::default() }),
            command: vec![format!("/{PROGRAM}")],
            args,
            log_path: LOG.to_owned(),
            linux: Some(LinuxContainerConfig { security_context: Some(security), ..Default::default() }),
            ..Default::default()
        }
    }

    /// Where the program of pod `number` listens, as it sees itself: on all of the pod's own addresses, but not on the host's.
    fn listens(&self, number: u16) -> SocketAddr {
        let host = self.stack.network == NamespaceMode::Node;
        SocketAddr::from((if host { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED }, PORT_FIRST + number))
    }

    /// As a kubelet asks: processes for each container, all else for the pod, and the network as the stack has it.
    fn namespaces(&self) -> NamespaceOption {
        let (network, pid) = (self.stack.network.into(), NamespaceMode::Container.into());
        NamespaceOption { network, pid, ..Default::default() }
    }
}

async fn remove(mut client: Client, pod: String) -> Result<()> {
    let req = StopPodSandboxRequest { pod_sandbox_id: pod.clone() };
    client.pods.stop_pod_sandbox(req).await.context("StopPodSandbox")?;
    let req = RemovePodSandboxRequest { pod_sandbox_id: pod };
    client.pods.remove_pod_sandbox(req).await.context("RemovePodSandbox").map(drop)
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
