//! A kubelet of Kubernetes 1.37.2, call by call: what it asks in which order when it starts and when it runs a pod, as it
//! was written down between one and this runtime, and what it cannot do without in each answer.

use std::collections::HashMap;

use shim::cri::message::security_profile::ProfileType;
use shim::cri::message::*;

use super::Node;

/// Version, ImageFsInfo, RuntimeConfig three times, Version, Status: in this order, before anything else.
#[tokio::test]
async fn a_kubelet_finds_what_it_starts_with() {
    let mut node = Node::start().await;
    for asked in ["", "0.1.0"] {
        let req = VersionRequest { version: asked.to_owned() };
        let version = node.pods.version(req).await.unwrap().into_inner();
        assert_eq!((version.version.as_str(), version.runtime_api_version.as_str()), ("0.1.0", "v1"));
        assert_eq!(version.runtime_name, "coracle");
        assert_eq!(version.runtime_version.split('.').count(), 3);
    }
    for _ in 0..3 {
        let config = node.pods.runtime_config(RuntimeConfigRequest {}).await.unwrap().into_inner();
        assert_eq!(config.linux.unwrap().cgroup_driver(), CgroupDriver::Cgroupfs);
    }
    let status = node.pods.status(StatusRequest { verbose: false }).await.unwrap().into_inner();
    let conditions = status.status.unwrap().conditions;
    let holds: Vec<(&str, bool)> = conditions.iter().map(|it| (it.r#type.as_str(), it.status)).collect();
    assert_eq!(holds, [("RuntimeReady", true), ("NetworkReady", true)]);
    assert!(status.info.is_empty());
    let status = node.pods.status(StatusRequest { verbose: true }).await.unwrap().into_inner();
    assert_eq!(status.info["config"], r#"{"test":true}"#);
}

/// The kubelet copies them into the Node.
#[tokio::test]
async fn handlers_and_features_are_what_a_node_may_claim() {
    let mut node = Node::start().await;
    let status = node.pods.status(StatusRequest { verbose: false }).await.unwrap().into_inner();
    let names: Vec<&str> = status.runtime_handlers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["", "coracle"]);
    for handler in &status.runtime_handlers {
        let features = handler.features.as_ref().unwrap();
        assert_eq!((features.recursive_read_only_mounts, features.user_namespaces), (true, false));
    }
    let features = status.features.unwrap();
    assert!(!features.supplemental_groups_policy && !features.user_namespaces_host_network);
    // Each that is told is taken, and comes back.
    for handler in names {
        let config = node.sandbox_config(&format!("by-{handler}"));
        let req = RunPodSandboxRequest { config: Some(config), runtime_handler: handler.to_owned() };
        let pod_sandbox_id = node.pods.run_pod_sandbox(req).await.unwrap().into_inner().pod_sandbox_id;
        let req = PodSandboxStatusRequest { pod_sandbox_id, verbose: false };
        let told = node.pods.pod_sandbox_status(req).await.unwrap().into_inner().status.unwrap();
        assert_eq!(told.runtime_handler, handler);
    }
}

/// A pointer that is missing here is followed all the same, and the kubelet panics.
#[tokio::test]
async fn the_file_systems_of_images_are_real_and_measured() {
    let mut node = Node::start().await;
    let info = node.images.image_fs_info(ImageFsInfoRequest {}).await.unwrap().into_inner();
    assert_eq!((info.image_filesystems.len(), info.container_filesystems.len()), (1, 1));
    let images = &info.image_filesystems[0];
    assert!(images.timestamp > 0);
    assert!(images.used_bytes.unwrap().value > 0 && images.inodes_used.unwrap().value > 0);
    let place = images.fs_id.as_ref().unwrap();
    assert!(std::fs::metadata(&place.mountpoint).unwrap().is_dir());
    let containers = &info.container_filesystems[0];
    assert!(containers.used_bytes.is_some() && containers.inodes_used.is_some());
    assert_eq!(containers.fs_id.as_ref(), Some(place));
}

/// Whatever the cluster gives the node, and nothing at all: the kubelet only wants to be heard.
#[tokio::test]
async fn a_network_that_is_announced_is_taken_note_of() {
    let mut node = Node::start().await;
    for pod_cidr in ["10.88.0.0/24", "10.1.0.0/24", "10.88.0.0/24,fd00::/64", ""] {
        let network_config = Some(NetworkConfig { pod_cidr: pod_cidr.to_owned() });
        let req = UpdateRuntimeConfigRequest { runtime_config: Some(RuntimeConfig { network_config }) };
        node.pods.update_runtime_config(req).await.unwrap();
    }
    node.pods.update_runtime_config(UpdateRuntimeConfigRequest::default()).await.unwrap();
}

/// With empty filters, as the kubelet sends them before there is any pod.
#[tokio::test]
async fn an_empty_node_lists_nothing_and_measures_nothing() {
    let mut node = Node::start().await;
    let req = ListContainersRequest { filter: Some(ContainerFilter::default()) };
    assert!(node.pods.list_containers(req).await.unwrap().into_inner().containers.is_empty());
    let req = ListPodSandboxRequest { filter: Some(PodSandboxFilter::default()) };
    assert!(node.pods.list_pod_sandbox(req).await.unwrap().into_inner().items.is_empty());
    let req = ListContainerStatsRequest { filter: Some(ContainerStatsFilter::default()) };
    assert!(node.pods.list_container_stats(req).await.unwrap().into_inner().stats.is_empty());
    let req = ListPodSandboxStatsRequest { filter: Some(PodSandboxStatsFilter::default()) };
    assert!(node.pods.list_pod_sandbox_stats(req).await.unwrap().into_inner().stats.is_empty());
}

fn namespaces() -> NamespaceOption {
    let userns_options = Some(UserNamespace { mode: NamespaceMode::Node.into(), ..Default::default() });
    NamespaceOption { pid: NamespaceMode::Container.into(), userns_options, ..Default::default() }
}

fn seccomp() -> Option<SecurityProfile> {
    Some(SecurityProfile { profile_type: ProfileType::RuntimeDefault.into(), ..Default::default() })
}

fn limits() -> LinuxContainerResources {
    LinuxContainerResources {
        cpu_period: 100_000,
        cpu_quota: 10_000,
        cpu_shares: 10,
        memory_limit_in_bytes: 32 << 20,
        ..Default::default()
    }
}

fn labels(name: &str) -> HashMap<String, String> {
    ["name", "namespace", "uid"].map(|it| (format!("io.kubernetes.pod.{it}"), name.to_owned())).into()
}

/// What the kubelet makes of a pod that Pod Security calls restricted.
fn sandbox(node: &Node) -> PodSandboxConfig {
    let security_context =
        LinuxSandboxSecurityContext { namespace_options: Some(namespaces()), seccomp: seccomp(), ..Default::default() };
    let linux = LinuxPodSandboxConfig {
        security_context: Some(security_context),
        overhead: Some(LinuxContainerResources::default()),
        resources: Some(limits()),
        ..Default::default()
    };
    PodSandboxConfig {
        dns_config: Some(DnsConfig {
            servers: vec!["10.96.0.10".to_owned()],
            searches: vec!["ns.svc.cluster.local".to_owned()],
            options: vec!["ndots:5".to_owned()],
        }),
        // A port without a host port is only a note.
        port_mappings: vec![PortMapping { container_port: 80, ..Default::default() }],
        labels: labels("pod"),
        linux: Some(Box::new(linux)),
        ..node.sandbox_config("pod")
    }
}

fn container(node: &Node, image: &Image) -> ContainerConfig {
    let page = |size: &str| HugepageLimit { page_size: size.to_owned(), limit: 0 };
    let security_context = LinuxContainerSecurityContext {
        capabilities: Some(Capability { drop_capabilities: vec!["ALL".to_owned()], ..Default::default() }),
        namespace_options: Some(namespaces()),
        run_as_user: image.uid,
        no_new_privs: true,
        masked_paths: vec!["/proc/kcore".to_owned(), "/sys/firmware".to_owned()],
        readonly_paths: vec!["/proc/sys".to_owned()],
        seccomp: seccomp(),
        ..Default::default()
    };
    let resources = LinuxContainerResources {
        oom_score_adj: 999,
        hugepage_limits: vec![page("2MB"), page("1GB")],
        memory_swap_limit_in_bytes: 32 << 20,
        ..limits()
    };
    let linux = LinuxContainerConfig { resources: Some(resources), security_context: Some(security_context) };
    let mount = |at: &str| {
        let host = node.path().join(at.trim_start_matches('/').replace('/', "-"));
        std::fs::write(&host, "").unwrap();
        let host_path = host.display().to_string();
        Mount { container_path: at.to_owned(), host_path, ..Default::default() }
    };
    ContainerConfig {
        // The pull answered the id; the pod's own word stands beside it.
        image: Some(ImageSpec {
            image: image.id.clone(),
            user_specified_image: "example.local/sleeps:1".to_owned(),
            ..Default::default()
        }),
        mounts: vec![mount("/etc/hosts"), mount("/dev/termination-log")],
        labels: [labels("pod"), [("io.kubernetes.container.name".to_owned(), "c".to_owned())].into()]
            .into_iter()
            .flatten()
            .collect(),
        linux: Some(linux),
        ..node.config("sleeps")
    }
}

#[tokio::test]
async fn a_restricted_pod_runs_as_a_kubelet_sends_it() {
    let mut node = Node::start().await;
    let config = sandbox(&node);
    let req = RunPodSandboxRequest { config: Some(config.clone()), runtime_handler: String::new() };
    let pod_sandbox_id = node.pods.run_pod_sandbox(req).await.unwrap().into_inner().pod_sandbox_id;
    let spec = Some(ImageSpec { image: "example.local/sleeps:1".to_owned(), ..Default::default() });
    let image = node.images.image_status(ImageStatusRequest { image: spec, verbose: false }).await.unwrap();
    let image = image.into_inner().image.unwrap();
    // Without one the image would be root's, and `runAsNonRoot` fail.
    assert_eq!(image.uid.unwrap().value, 65532);
    let asked = container(&node, &image);
    let req = CreateContainerRequest {
        pod_sandbox_id: pod_sandbox_id.clone(),
        config: Some(asked.clone()),
        sandbox_config: Some(config),
    };
    let id = node.pods.create_container(req).await.unwrap().into_inner().container_id;
    node.begin(&id).await;

    let label_selector = [("io.kubernetes.pod.uid".to_owned(), "pod".to_owned())].into();
    let filter = Some(PodSandboxFilter { label_selector, ..Default::default() });
    let listed = node.pods.list_pod_sandbox(ListPodSandboxRequest { filter }).await.unwrap().into_inner().items;
    assert_eq!(listed.iter().map(|it| &it.id).collect::<Vec<_>>(), [&pod_sandbox_id]);
    let req = PodSandboxStatusRequest { pod_sandbox_id: pod_sandbox_id.clone(), verbose: false };
    let told = node.pods.pod_sandbox_status(req).await.unwrap().into_inner().status.unwrap();
    assert!(told.created_at > 0 && told.metadata.is_some());
    assert!(told.network.unwrap().ip.parse::<std::net::IpAddr>().is_ok());
    // Another answer, and the kubelet makes the sandbox anew.
    assert_eq!(told.linux.unwrap().namespaces.unwrap().options.unwrap().network, i32::from(NamespaceMode::Pod));

    let status = node.status(&id).await;
    assert_eq!(status.state(), ContainerState::ContainerRunning);
    assert_eq!((status.image_ref.as_str(), status.image_id.as_str()), (image.id.as_str(), image.id.as_str()));
    assert_eq!(status.image.unwrap().image, "example.local/sleeps:1");
    // The termination message is read where its mount says.
    assert_eq!((status.mounts, status.annotations, status.labels), (asked.mounts, asked.annotations, asked.labels));
    let stats = node.pods.list_container_stats(ListContainerStatsRequest::default()).await.unwrap().into_inner().stats;
    let attributes = stats[0].attributes.as_ref().unwrap();
    assert_eq!(attributes.metadata.as_ref().unwrap().name, "c");
    assert!(stats[0].cpu.is_some() && stats[0].memory.is_some());

    node.pods.stop_container(StopContainerRequest { container_id: id.clone(), timeout: 2 }).await.unwrap();
    node.pods.stop_pod_sandbox(StopPodSandboxRequest { pod_sandbox_id: pod_sandbox_id.clone() }).await.unwrap();
    node.pods.remove_container(RemoveContainerRequest { container_id: id }).await.unwrap();
    node.pods.remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id }).await.unwrap();
}
