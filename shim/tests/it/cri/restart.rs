//! What a restart of the runtime forgets: no id, no exit code, no restart count, no log.

use std::fs;

use shim::cri::message::*;

use super::Node;

#[tokio::test]
async fn after_a_restart_what_ran_has_ended_and_what_had_ended_is_as_it_was() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("before").await;
    let failed = node.run(&sandbox, "fails").await;
    let before = node.until(&failed, ContainerState::ContainerExited).await;
    let (ran, waited) =
        (node.run(&sandbox, "sleeps").await, node.create(&sandbox, node.config("hello")).await.unwrap());
    let running = node.status(&ran).await;
    fs::write(node.path().join("cri/containers/torn"), "x").unwrap();
    fs::write(node.path().join("cri/sandboxes/torn.new"), "x").unwrap();

    let mut node = node.restart().await;
    assert_eq!(node.status(&failed).await, before);
    for (id, started_at) in [(&ran, running.started_at), (&waited, 0)] {
        let status = node.status(id).await;
        assert_eq!(status.state(), ContainerState::ContainerExited);
        assert_eq!((status.exit_code, status.reason.as_str()), (137, "RuntimeRestarted"));
        assert_eq!((status.started_at, status.metadata.unwrap().attempt), (started_at, 3));
        assert_eq!(status.annotations["io.kubernetes.container.restartCount"], "3");
        assert!(status.finished_at > running.started_at);
    }
    let status = PodSandboxStatusRequest { pod_sandbox_id: sandbox.clone(), verbose: false };
    let status = node.pods.pod_sandbox_status(status).await.unwrap().into_inner();
    assert_eq!(status.containers_statuses.len(), 3);
    let told = status.status.unwrap();
    assert_eq!((told.state(), told.metadata.unwrap().attempt), (PodSandboxState::SandboxNotready, 2));
    assert_eq!(told.labels["app"], "before");

    // How it was lost is decided once.
    let lost = node.status(&ran).await;
    let mut node = node.restart().await;
    assert_eq!(node.status(&ran).await, lost);
    node.pods.remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id: sandbox }).await.unwrap();
    let listed = node.pods.list_containers(ListContainersRequest::default()).await.unwrap().into_inner();
    assert!(listed.containers.is_empty());
}
