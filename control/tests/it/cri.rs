//! What a kill of `coracle cri` may cost: the programs that ran, and nothing that is known of any.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use shim::cri::client::{self, Client};
use shim::cri::message::{
    ContainerConfig, ContainerMetadata, ContainerState, ContainerStatus, ContainerStatusRequest,
    CreateContainerRequest, ImageSpec, ListContainersRequest, PodSandboxConfig, PodSandboxMetadata, PodSandboxState,
    PodSandboxStatusRequest, RemovePodSandboxRequest, RunPodSandboxRequest, StartContainerRequest,
};
use tokio::process::{Child, Command};

use crate::cluster::until;
use crate::deploy;

/// Containers, ten to a sandbox.
const CONTAINERS: u32 = 50;
const CONTAINERS_IN_SANDBOX: u32 = 10;
const IMAGE: &str = "example.local/hello-command:v1";

/// A running `coracle cri`.
struct Runtime {
    client: Client,
    child: Child,
}

impl Runtime {
    async fn start(folder: &Path) -> Self {
        let (socket, root) = (folder.join("run/cri.sock"), folder.join("root"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("cri.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_coracle"))
            .args(["cri", "--pod-network", "loopback", "--socket"])
            .arg(&socket)
            .arg("--root")
            .arg(&root)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let client = until("CRI is served", || async { Ok(client::connect(&socket).await.ok()) }).await.unwrap();
        Self { client, child }
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    async fn status(&mut self, id: &str) -> ContainerStatus {
        let req = ContainerStatusRequest { container_id: id.to_owned(), verbose: false };
        self.client.pods.container_status(req).await.unwrap().into_inner().status.unwrap()
    }
}

#[tokio::test]
async fn a_kill_with_fifty_containers_loses_only_what_ran() {
    let folder = tempfile::tempdir().unwrap();
    import(folder.path()).await;
    let mut runtime = Runtime::start(folder.path()).await;
    let (mut sandboxes, mut before) = (Vec::new(), Vec::new());
    for number in 0..CONTAINERS {
        if number % CONTAINERS_IN_SANDBOX == 0 {
            sandboxes.push(sandbox(&mut runtime, folder.path(), number).await);
        }
        before.push(container(&mut runtime, sandboxes.last().unwrap(), number).await);
    }
    let before = settled(&mut runtime, &before).await;
    runtime.kill().await;

    let mut runtime = Runtime::start(folder.path()).await;
    let listed = runtime.client.pods.list_containers(ListContainersRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.containers.len(), before.len());
    for old in &before {
        let new = runtime.status(&old.id).await;
        let lost = old.state() == ContainerState::ContainerRunning;
        let (exit_code, reason) = if lost { (137, "RuntimeRestarted") } else { (old.exit_code, old.reason.as_str()) };
        assert_eq!(new.state(), ContainerState::ContainerExited);
        assert_eq!((new.exit_code, new.reason.as_str()), (exit_code, reason));
        let told =
            |it: &ContainerStatus| (it.metadata.clone(), it.annotations.clone(), it.started_at, it.image_id.clone());
        assert_eq!(told(&new), told(old));
        assert!(!std::fs::read_to_string(&new.log_path).unwrap().is_empty(), "{}", new.log_path);
    }
    for sandbox in &sandboxes {
        let req = PodSandboxStatusRequest { pod_sandbox_id: sandbox.clone(), verbose: false };
        let status = runtime.client.pods.pod_sandbox_status(req).await.unwrap().into_inner();
        assert_eq!(status.status.unwrap().state(), PodSandboxState::SandboxNotready);
        let req = RemovePodSandboxRequest { pod_sandbox_id: sandbox.clone() };
        runtime.client.pods.remove_pod_sandbox(req).await.unwrap();
    }
    let listed = runtime.client.pods.list_containers(ListContainersRequest::default()).await.unwrap().into_inner();
    assert!(listed.containers.is_empty());
    runtime.kill().await;
    let mut runtime = Runtime::start(folder.path()).await;
    let listed = runtime.client.pods.list_containers(ListContainersRequest::default()).await.unwrap().into_inner();
    assert!(listed.containers.is_empty(), "what was removed stays so");
}

async fn import(folder: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_coracle"))
        .args(["image", "import", "--data-dir"])
        .arg(folder.join("root"))
        .arg(deploy::guest("hello-command"))
        .arg(IMAGE)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn sandbox(runtime: &mut Runtime, folder: &Path, number: u32) -> String {
    let name = format!("pod-{number}");
    let logs: PathBuf = folder.join("logs").join(&name);
    let metadata =
        PodSandboxMetadata { name: name.clone(), uid: name.clone(), namespace: "ns".to_owned(), attempt: number };
    let config = PodSandboxConfig {
        metadata: Some(metadata),
        hostname: name,
        log_directory: logs.display().to_string(),
        ..PodSandboxConfig::default()
    };
    let req = RunPodSandboxRequest { config: Some(config), ..RunPodSandboxRequest::default() };
    runtime.client.pods.run_pod_sandbox(req).await.unwrap().into_inner().pod_sandbox_id
}

/// Every third runs for ever, every third ends well, and every third fails.
async fn container(runtime: &mut Runtime, sandbox: &str, number: u32) -> String {
    let args: &[&str] = match number % 3 {
        0 => &["hello-command"],
        1 => &["hello-command", "0", "1"],
        _ => &["hello-command", "0", "1", "/absent"],
    };
    let config = ContainerConfig {
        metadata: Some(ContainerMetadata { name: format!("c{number}"), attempt: number }),
        image: Some(ImageSpec { image: IMAGE.to_owned(), ..ImageSpec::default() }),
        command: args.iter().map(|it| (*it).to_owned()).collect(),
        log_path: format!("c{number}/{number}.log"),
        annotations: [("io.kubernetes.container.restartCount".to_owned(), number.to_string())].into(),
        ..ContainerConfig::default()
    };
    let req = CreateContainerRequest { pod_sandbox_id: sandbox.to_owned(), config: Some(config), sandbox_config: None };
    let id = runtime.client.pods.create_container(req).await.unwrap().into_inner().container_id;
    let req = StartContainerRequest { container_id: id.clone() };
    runtime.client.pods.start_container(req).await.unwrap();
    id
}

/// How they are once all that end have ended, and all that run have printed.
async fn settled(runtime: &mut Runtime, ids: &[String]) -> Vec<ContainerStatus> {
    let mut statuses = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let client = runtime.client.clone();
        let status = until("a container has come to rest", || async {
            let mut pods = client.pods.clone();
            let req = ContainerStatusRequest { container_id: id.clone(), verbose: false };
            let status = pods.container_status(req).await?.into_inner().status.unwrap();
            let printed = std::fs::read_to_string(&status.log_path).unwrap_or_default().contains('\n');
            let wanted =
                if number % 3 == 0 { ContainerState::ContainerRunning } else { ContainerState::ContainerExited };
            Ok((status.state() == wanted && printed).then_some(status))
        });
        statuses.push(status.await.unwrap());
    }
    let codes: Vec<bool> = statuses.iter().map(|it| it.exit_code == 0).collect();
    assert!(codes.iter().enumerate().all(|(number, well)| *well == (number % 3 != 2)), "{codes:?}");
    statuses
}

/// How often it is killed while containers are made, and after how many milliseconds.
const KILLS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_never_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    import(folder.path()).await;
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..KILLS {
        let mut runtime = Runtime::start(folder.path()).await;
        let listed = runtime.client.pods.list_containers(ListContainersRequest::default()).await.unwrap().into_inner();
        let known: Vec<String> = listed.containers.into_iter().map(|it| it.id).collect();
        let forgotten: Vec<&String> = acknowledged.iter().filter(|id| !known.contains(id)).collect();
        assert!(forgotten.is_empty(), "round {round}: {forgotten:?}");

        let sandbox = sandbox(&mut runtime, folder.path(), u32::try_from(round).unwrap()).await;
        let client = runtime.client.clone();
        let maker = tokio::spawn(make_until_killed(client, sandbox));
        tokio::time::sleep(std::time::Duration::from_millis(30 + 23 * round)).await;
        runtime.kill().await;
        acknowledged.extend(maker.await.unwrap());
    }
    assert!(acknowledged.len() > 10, "only {} containers were made", acknowledged.len());
}

/// Makes containers until the first error; answers with the acknowledged ones.
async fn make_until_killed(mut client: Client, sandbox: String) -> Vec<String> {
    let mut made = Vec::new();
    for number in 0.. {
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata { name: format!("c{number}"), attempt: 0 }),
            image: Some(ImageSpec { image: IMAGE.to_owned(), ..ImageSpec::default() }),
            ..ContainerConfig::default()
        };
        let req =
            CreateContainerRequest { pod_sandbox_id: sandbox.clone(), config: Some(config), sandbox_config: None };
        match client.pods.create_container(req).await {
            Ok(response) => made.push(response.into_inner().container_id),
            Err(_) => break,
        }
    }
    made
}
