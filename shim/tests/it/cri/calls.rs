//! The calls about the node, lists, limits, measures and images.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use shim::cri::message::*;
use shim::cri::socket;
use tonic::Code;

use super::Node;

#[tokio::test]
async fn lists_are_filtered_and_streams_say_the_same() {
    let mut node = Node::start().await;
    let (first, second) = (node.sandbox("first").await, node.sandbox("second").await);
    let sleeps = node.run(&first, "sleeps").await;
    let created = node.create(&second, node.config("hello")).await.unwrap();

    let label = |name: &str| [("app".to_owned(), name.to_owned())].into();
    let filter = Some(PodSandboxFilter { label_selector: label("second"), ..Default::default() });
    let listed = node.pods.list_pod_sandbox(ListPodSandboxRequest { filter: filter.clone() }).await.unwrap();
    assert_eq!(listed.into_inner().items.iter().map(|it| &it.id).collect::<Vec<_>>(), [&second]);
    let mut parts = node.pods.stream_pod_sandboxes(StreamPodSandboxesRequest { filter }).await.unwrap().into_inner();
    assert_eq!(parts.next().await.unwrap().unwrap().pod_sandboxes[0].id, second);
    assert!(parts.next().await.is_none());

    let running = Some(ContainerStateValue { state: ContainerState::ContainerRunning.into() });
    let filter = Some(ContainerFilter { state: running, ..Default::default() });
    let listed = node.pods.list_containers(ListContainersRequest { filter }).await.unwrap().into_inner();
    assert_eq!(listed.containers.iter().map(|it| &it.id).collect::<Vec<_>>(), [&sleeps]);
    let filter = Some(ContainerFilter { id: created[..13].to_owned(), ..Default::default() });
    let mut parts = node.pods.stream_containers(StreamContainersRequest { filter }).await.unwrap().into_inner();
    assert_eq!(parts.next().await.unwrap().unwrap().containers[0].id, created);
    let mut all = node.images.stream_images(StreamImagesRequest::default()).await.unwrap().into_inner();
    assert_eq!(all.next().await.unwrap().unwrap().images.len(), 3);
}

#[tokio::test]
async fn limits_change_while_it_runs_and_the_status_says_so() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("limits").await;
    let id = node.run(&sandbox, "sleeps").await;
    let linux = LinuxContainerResources {
        cpu_period: 100_000,
        cpu_quota: 25_000,
        cpu_shares: 256,
        memory_limit_in_bytes: 8 << 20,
        ..Default::default()
    };
    let update = |linux: LinuxContainerResources, id: &str| UpdateContainerResourcesRequest {
        container_id: id.to_owned(),
        linux: Some(linux),
        ..Default::default()
    };
    node.pods.update_container_resources(update(linux.clone(), &id)).await.unwrap();
    let more = LinuxContainerResources { memory_limit_in_bytes: 16 << 20, ..Default::default() };
    node.pods.update_container_resources(update(more, &id)).await.unwrap();
    let wanted = LinuxContainerResources { memory_limit_in_bytes: 16 << 20, ..linux.clone() };
    assert_eq!(node.status(&id).await.resources.unwrap().linux.unwrap(), wanted);
    let stats = ContainerStatsRequest { container_id: id.clone() };
    let stats = node.pods.container_stats(stats).await.unwrap().into_inner().stats.unwrap();
    let memory = stats.memory.unwrap();
    assert_eq!(memory.available_bytes.unwrap().value, (16 << 20) - memory.usage_bytes.unwrap().value);

    let stranger = node.pods.update_container_resources(update(linux, "stranger")).await;
    assert_eq!(stranger.unwrap_err().code(), Code::NotFound);
    let cpuset = LinuxContainerResources { cpuset_cpus: "0".to_owned(), ..Default::default() };
    let refused = node.pods.update_container_resources(update(cpuset, &id)).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::InvalidArgument, "a cpuset is not supported: programs here have no cgroup")
    );

    let pod = UpdatePodSandboxResourcesRequest { pod_sandbox_id: sandbox, ..Default::default() };
    node.pods.update_pod_sandbox_resources(pod).await.unwrap();
}

#[tokio::test]
async fn what_runs_is_measured_and_a_sandbox_is_the_sum() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("measured").await;
    let ids = [node.run(&sandbox, "sleeps").await, node.run(&sandbox, "sleeps").await];
    let stats = node.pods.list_container_stats(ListContainerStatsRequest::default()).await.unwrap().into_inner().stats;
    assert_eq!(stats.len(), 2);
    for stats in &stats {
        assert_eq!(stats.attributes.as_ref().unwrap().metadata.as_ref().unwrap().name, "c");
        assert!(stats.memory.as_ref().unwrap().working_set_bytes.unwrap().value >= 64 << 10);
        assert!(stats.writable_layer.as_ref().unwrap().used_bytes.is_some());
    }
    let of_pod = PodSandboxStatsRequest { pod_sandbox_id: sandbox.clone() };
    let pod = node.pods.pod_sandbox_stats(of_pod).await.unwrap().into_inner().stats.unwrap().linux.unwrap();
    let sum: u64 = stats.iter().map(|it| it.memory.as_ref().unwrap().working_set_bytes.unwrap().value).sum();
    assert_eq!(pod.memory.unwrap().working_set_bytes.unwrap().value, sum);
    assert_eq!(pod.process.unwrap().process_count.unwrap().value, 2);
    assert_eq!(pod.containers.len(), 2);

    let mut parts =
        node.pods.stream_pod_sandbox_stats(StreamPodSandboxStatsRequest::default()).await.unwrap().into_inner();
    assert_eq!(parts.next().await.unwrap().unwrap().pod_sandbox_stats.len(), 1);
    let mut parts =
        node.pods.stream_container_stats(StreamContainerStatsRequest::default()).await.unwrap().into_inner();
    assert_eq!(parts.next().await.unwrap().unwrap().container_stats.len(), 2);

    for container_id in ids {
        node.pods.stop_container(StopContainerRequest { container_id, timeout: 0 }).await.unwrap();
    }
    let stats = node.pods.list_container_stats(ListContainerStatsRequest::default()).await.unwrap().into_inner().stats;
    assert!(stats.is_empty());
}

#[tokio::test]
async fn every_metric_has_a_descriptor_with_as_many_labels() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("metrics").await;
    node.run(&sandbox, "sleeps").await;
    let descriptors = node.pods.list_metric_descriptors(ListMetricDescriptorsRequest {}).await.unwrap().into_inner();
    let metrics = node.pods.list_pod_sandbox_metrics(ListPodSandboxMetricsRequest {}).await.unwrap().into_inner();
    let container = &metrics.pod_metrics[0].container_metrics[0];
    assert!(container.metrics.iter().any(|it| it.name == "container_memory_working_set_bytes"));
    for metric in &container.metrics {
        let described = descriptors.descriptors.iter().find(|it| it.name == metric.name).unwrap();
        assert_eq!(described.label_keys.len(), metric.label_values.len());
    }
    let mut parts = node.pods.stream_pod_sandbox_metrics(StreamPodSandboxMetricsRequest {}).await.unwrap().into_inner();
    assert_eq!(parts.next().await.unwrap().unwrap().pod_sandbox_metrics.len(), 1);
}

#[tokio::test]
async fn an_image_has_one_id_everywhere() {
    let mut node = Node::start().await;
    let image = |image: &str| Some(ImageSpec { image: image.to_owned(), ..Default::default() });
    let named = image("example.local/sleeps:1");
    let id = node.images.image_status(ImageStatusRequest { image: named.clone(), verbose: false }).await.unwrap();
    let found = id.into_inner().image.unwrap();
    assert!(found.size > 0 && found.uid.unwrap().value == 65532);
    let pulled = node.images.pull_image(PullImageRequest { image: named, ..Default::default() }).await.unwrap();
    assert_eq!(pulled.into_inner().image_ref, found.id);

    let sandbox = node.sandbox("image").await;
    let spec = Some(ImageSpec {
        image: found.id.clone(),
        user_specified_image: "example.local/sleeps:1".to_owned(),
        ..Default::default()
    });
    let container = node.create(&sandbox, ContainerConfig { image: spec, ..node.config("sleeps") }).await.unwrap();
    let status = node.status(&container).await;
    assert_eq!((&status.image_id, &status.image_ref), (&found.id, &found.id));
    assert_eq!(status.image.unwrap().image, "example.local/sleeps:1");

    let absent = ImageStatusRequest { image: image("example.local/absent:1"), verbose: false };
    assert!(node.images.image_status(absent).await.unwrap().into_inner().image.is_none());
    for _ in 0..2 {
        node.images.remove_image(RemoveImageRequest { image: image("example.local/absent:1") }).await.unwrap();
    }
    let missing = node.create(&sandbox, node.config("absent")).await;
    assert_eq!(missing.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let mut node = Node::start().await;
    let exec = node.pods.exec_sync(ExecSyncRequest::default()).await.unwrap_err();
    assert_eq!((exec.code(), exec.message()), (Code::NotFound, "container `` not found"));
    let checkpoint = node.pods.checkpoint_container(CheckpointContainerRequest::default()).await.unwrap_err();
    assert_eq!(checkpoint.code(), Code::Unimplemented);
    assert!(checkpoint.message().starts_with("checkpoint"));
}

#[tokio::test]
async fn a_deadline_ends_a_call() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("late").await;
    let id = node.run(&sandbox, "sleeps").await;
    let cmd = vec!["sleeps".to_owned()];
    let mut req = tonic::Request::new(ExecSyncRequest { container_id: id.clone(), cmd, timeout: 0 });
    req.metadata_mut().insert("grpc-timeout", "100m".parse().unwrap());
    let began = Instant::now();
    // The client minds the same deadline, so which of the two speaks first is open.
    node.pods.exec_sync(req).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(30));
    node.pods.stop_container(StopContainerRequest { container_id: id.clone(), timeout: 0 }).await.unwrap();
    assert_eq!(node.status(&id).await.exit_code, 137);
}

#[tokio::test]
async fn a_socket_is_private_and_taken_over_only_from_the_dead() {
    let node = Node::start().await;
    assert_eq!(std::fs::metadata(&node.socket).unwrap().permissions().mode() & 0o777, 0o600);
    let taken = socket::bind(&node.socket).unwrap_err().to_string();
    assert!(taken.starts_with("another process listens on"), "{taken}");
    let file = node.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(socket::bind(&file).unwrap_err().to_string().ends_with("is there and is not a socket"));

    let path = node.socket.clone();
    let dir = tempfile::tempdir().unwrap();
    let moved = dir.path().join("cri.sock");
    std::fs::rename(&path, &moved).unwrap();
    node.stop_serving().await.unwrap();
    drop(socket::bind(&moved).unwrap());
    drop(socket::bind(&moved).unwrap());
}
