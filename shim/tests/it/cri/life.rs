//! From a sandbox to its removal: what each call promises of the next.

use std::fs;
use std::time::Duration;

use futures::StreamExt as _;
use shim::cri::message::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;

use super::Node;

#[tokio::test]
async fn a_container_is_told_of_from_its_making_to_its_removal() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("whole").await;
    let id = node.create(&sandbox, node.config("hello")).await.unwrap();
    let status = node.status(&id).await;
    assert_eq!(status.state(), ContainerState::ContainerCreated);
    assert!(status.created_at > 1_000_000_000_000_000_000, "nanoseconds: {}", status.created_at);
    assert_eq!((status.started_at, status.finished_at), (0, 0));
    assert_eq!(status.metadata.unwrap().attempt, 3);
    assert_eq!(status.annotations["io.kubernetes.container.restartCount"], "3");
    assert!(status.log_path.ends_with("logs/whole/c/3.log"), "{}", status.log_path);
    assert_eq!(status.user.unwrap().linux.unwrap().uid, 65532);
    assert_eq!(status.stop_signal, i32::from(Signal::Sigterm));

    node.begin(&id).await;
    let status = node.until(&id, ContainerState::ContainerExited).await;
    assert_eq!((status.exit_code, status.reason.as_str()), (0, "Completed"));
    assert!(status.started_at >= status.created_at && status.finished_at >= status.started_at);
    // Told to have ended means that its log is whole.
    assert!(fs::read_to_string(&status.log_path).unwrap().ends_with(" stdout F hello\n"));

    let again = node.pods.start_container(StartContainerRequest { container_id: id.clone() }).await;
    assert_eq!(again.unwrap_err().code(), Code::FailedPrecondition);
    node.pods.remove_container(RemoveContainerRequest { container_id: id.clone() }).await.unwrap();
    // Whoever calls from outside owns the log.
    assert!(fs::exists(&status.log_path).unwrap());
    let gone = node.pods.container_status(ContainerStatusRequest { container_id: id, verbose: true }).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn stops_and_removals_can_be_said_twice_and_of_strangers() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("twice").await;
    let id = node.run(&sandbox, "sleeps").await;
    for container in [id.as_str(), id.as_str(), "stranger", ""] {
        let req = StopContainerRequest { container_id: container.to_owned(), timeout: 0 };
        node.pods.stop_container(req).await.unwrap();
    }
    let status = node.status(&id).await;
    assert_eq!(
        (status.state(), status.exit_code, status.reason.as_str()),
        (ContainerState::ContainerExited, 137, "Error")
    );
    for container in [id.as_str(), id.as_str(), "stranger", "../sandboxes/x"] {
        let req = RemoveContainerRequest { container_id: container.to_owned() };
        node.pods.remove_container(req).await.unwrap();
    }
    for sandbox in [sandbox.as_str(), sandbox.as_str(), "stranger"] {
        node.pods.stop_pod_sandbox(StopPodSandboxRequest { pod_sandbox_id: sandbox.to_owned() }).await.unwrap();
    }
    let status = PodSandboxStatusRequest { pod_sandbox_id: sandbox.clone(), verbose: false };
    let stopped = node.pods.pod_sandbox_status(status.clone()).await.unwrap().into_inner().status.unwrap();
    assert_eq!(stopped.state(), PodSandboxState::SandboxNotready);
    assert_eq!(stopped.network.unwrap().ip, "");
    let late = node.create(&sandbox, node.config("hello")).await;
    assert_eq!(late.unwrap_err().code(), Code::FailedPrecondition);
    for sandbox in [sandbox.as_str(), sandbox.as_str(), "stranger"] {
        node.pods.remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id: sandbox.to_owned() }).await.unwrap();
    }
    assert_eq!(node.pods.pod_sandbox_status(status).await.unwrap_err().code(), Code::NotFound);
}

/// A command cannot hear that it is asked to end, so no time is spent on waiting for it.
#[tokio::test]
async fn a_command_that_is_asked_to_end_ends_as_sigterm_ends_a_process() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("asked").await;
    let id = node.run(&sandbox, "sleeps").await;
    let began = std::time::Instant::now();
    node.pods.stop_container(StopContainerRequest { container_id: id.clone(), timeout: 600 }).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let status = node.status(&id).await;
    assert_eq!((status.exit_code, status.reason.as_str()), (143, "Error"));
}

#[tokio::test]
async fn a_sandbox_that_runs_is_removed_by_force_and_leaves_no_record() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("forced").await;
    let id = node.run(&sandbox, "sleeps").await;
    node.pods.remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id: sandbox }).await.unwrap();
    let gone = node.pods.container_status(ContainerStatusRequest { container_id: id, verbose: false }).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    for kind in ["sandboxes", "containers"] {
        assert_eq!(fs::read_dir(node.path().join("cri").join(kind)).unwrap().count(), 0, "{kind}");
    }
}

#[tokio::test]
async fn a_container_that_does_not_start_has_ended_with_128() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("broken").await;
    fs::write(node.path().join("broken.wasm"), wat::parse_str("(module (import \"x\" \"y\" (func)))").unwrap())
        .unwrap();
    node.runtime.images().import("example.local/broken:1", &node.path().join("broken.wasm")).unwrap();
    let id = node.create(&sandbox, node.config("broken")).await.unwrap();
    node.pods.start_container(StartContainerRequest { container_id: id.clone() }).await.unwrap_err();
    let status = node.status(&id).await;
    assert_eq!(
        (status.state(), status.exit_code, status.reason.as_str()),
        (ContainerState::ContainerExited, 128, "StartError")
    );
    assert!(!status.message.is_empty());
}

/// A kubelet gives up after its time; what it finds then must be something it can remove.
#[tokio::test]
async fn a_start_that_nobody_waits_for_has_failed() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("given-up").await;
    // It needs seconds to compile.
    node.runtime.images().import("example.local/actor:1", &crate::node::actor()).unwrap();
    let id = node.create(&sandbox, node.config("actor")).await.unwrap();
    let mut req = tonic::Request::new(StartContainerRequest { container_id: id.clone() });
    req.metadata_mut().insert("grpc-timeout", "50m".parse().unwrap());
    node.pods.start_container(req).await.unwrap_err();
    let status = node.until(&id, ContainerState::ContainerExited).await;
    assert_eq!((status.exit_code, status.reason.as_str()), (128, "StartError"));
    assert_eq!(status.message, "the start was given up");
    node.pods.remove_container(RemoveContainerRequest { container_id: id }).await.unwrap();
}

#[tokio::test]
async fn events_tell_each_step_with_the_statuses_of_the_sandbox() {
    let mut node = Node::start().await;
    let mut events = node.pods.get_container_events(GetEventsRequest {}).await.unwrap().into_inner();
    let sandbox = node.sandbox("told").await;
    let id = node.run(&sandbox, "hello").await;
    node.until(&id, ContainerState::ContainerExited).await;
    node.pods.remove_container(RemoveContainerRequest { container_id: id.clone() }).await.unwrap();
    for wanted in [
        ContainerEventType::ContainerCreatedEvent,
        ContainerEventType::ContainerStartedEvent,
        ContainerEventType::ContainerStoppedEvent,
        ContainerEventType::ContainerDeletedEvent,
    ] {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!((event.container_event_type(), event.container_id.as_str()), (wanted, id.as_str()));
        assert_eq!(event.pod_sandbox_status.unwrap().id, sandbox);
        assert_eq!(event.containers_statuses.len(), 1);
    }
}

#[tokio::test]
async fn a_log_is_begun_anew_only_while_its_program_runs() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("log").await;
    let id = node.run(&sandbox, "sleeps").await;
    let path = node.status(&id).await.log_path;
    fs::rename(&path, format!("{path}.moved")).unwrap();
    node.pods.reopen_container_log(ReopenContainerLogRequest { container_id: id.clone() }).await.unwrap();
    assert!(fs::exists(&path).unwrap());

    node.pods.stop_container(StopContainerRequest { container_id: id.clone(), timeout: 0 }).await.unwrap();
    fs::remove_file(&path).unwrap();
    let late = node.pods.reopen_container_log(ReopenContainerLogRequest { container_id: id }).await;
    assert_eq!(late.unwrap_err().code(), Code::FailedPrecondition);
    assert!(!fs::exists(&path).unwrap());
    let stranger = node.pods.reopen_container_log(ReopenContainerLogRequest { container_id: "x".to_owned() }).await;
    assert_eq!(stranger.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_container_without_a_log_runs_all_the_same() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("silent").await;
    let silent = ContainerConfig { log_path: String::new(), ..node.config("hello") };
    let id = node.create(&sandbox, silent).await.unwrap();
    node.begin(&id).await;
    let status = node.until(&id, ContainerState::ContainerExited).await;
    assert_eq!((status.exit_code, status.log_path.as_str()), (0, ""));
    node.pods.remove_container(RemoveContainerRequest { container_id: id }).await.unwrap();
}

#[tokio::test]
async fn a_host_port_leads_to_the_sandbox_until_it_is_stopped() {
    let mut node = Node::start().await;
    // Free for a moment ago, which is as much as a test can know.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mapping = PortMapping {
        container_port: 8080,
        host_port: free.port().into(),
        host_ip: "127.0.0.1".to_owned(),
        ..Default::default()
    };
    let config = PodSandboxConfig { port_mappings: vec![mapping], ..node.sandbox_config("ports") };
    let req = RunPodSandboxRequest { config: Some(config), ..Default::default() };
    let sandbox = node.pods.run_pod_sandbox(req.clone()).await.unwrap().into_inner().pod_sandbox_id;
    let taken = node.pods.run_pod_sandbox(req).await.unwrap_err();
    assert!(taken.message().starts_with(&format!("host port {free} cannot be opened")), "{}", taken.message());

    // The test answers on the pod's address in its program's place.
    let program = node.runtime.host_address("10.88.0.2:8080".parse().unwrap());
    let program = TcpListener::bind(program).await.unwrap();
    let mut client = TcpStream::connect(free).await.unwrap();
    let (mut server, _) = program.accept().await.unwrap();
    client.write_all(b"ping").await.unwrap();
    let mut heard = [0; 4];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ping");

    node.pods.stop_pod_sandbox(StopPodSandboxRequest { pod_sandbox_id: sandbox }).await.unwrap();
    assert_eq!(server.read(&mut heard).await.unwrap_or(0), 0);
    let mut refused = false;
    for _ in 0..200 {
        refused = TcpStream::connect(free).await.is_err();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(refused, "nobody listens any more");
}
