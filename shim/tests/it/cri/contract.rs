//! What a caller asks for in vain is refused by name, before anything is made.

use shim::cri::message::*;
use tonic::Code;

use super::Node;

async fn refused(node: &mut Node, sandbox: &str, config: ContainerConfig) -> String {
    let status = node.create(sandbox, config).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
    status.message().to_owned()
}

#[tokio::test]
async fn a_container_that_asks_for_too_much_is_refused() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("asks").await;
    let security = LinuxContainerSecurityContext { privileged: true, ..Default::default() };
    let linux = Some(LinuxContainerConfig { security_context: Some(security), ..Default::default() });
    let config = ContainerConfig { linux, ..node.config("hello") };
    let message = refused(&mut node, &sandbox, config).await;
    assert_eq!(message, "privileged is not supported: a program here is no Linux process");

    let envs = vec![KeyValue { key: "ODD".to_owned(), value: vec![0xff] }];
    let config = ContainerConfig { envs, ..node.config("hello") };
    let message = refused(&mut node, &sandbox, config).await;
    assert_eq!(message, "the value of environment variable `ODD` is not UTF-8");

    let mounts =
        vec![Mount { host_path: "relative".to_owned(), container_path: "/x".to_owned(), ..Default::default() }];
    let config = ContainerConfig { mounts, ..node.config("hello") };
    assert!(refused(&mut node, &sandbox, config).await.starts_with("a mount needs absolute paths"));
}

/// The agent in this process names Secrets so; a caller from outside must not get at them.
#[tokio::test]
async fn files_in_memory_are_out_of_a_sockets_reach() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("nosy").await;
    let host_path = "memory:/uid/token".to_owned();
    let mounts = vec![Mount { host_path, container_path: "/x".to_owned(), ..Default::default() }];
    let config = ContainerConfig { mounts, ..node.config("hello") };
    assert_eq!(refused(&mut node, &sandbox, config).await, "`memory:/uid/token` is no path of this host");
}

#[tokio::test]
async fn a_sandbox_that_asks_for_too_much_is_refused_and_takes_no_address() {
    let mut node = Node::start().await;
    let config = node.sandbox_config("asks");
    let run = |config: PodSandboxConfig, runtime_handler: &str| RunPodSandboxRequest {
        config: Some(config),
        runtime_handler: runtime_handler.to_owned(),
    };
    let status = node.pods.run_pod_sandbox(run(config.clone(), "runsc")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "no runtime for `runsc` is configured"));
    let sysctls = [("net.core.somaxconn".to_owned(), "1".to_owned())].into();
    let linux = Some(Box::new(LinuxPodSandboxConfig { sysctls, ..Default::default() }));
    let status = node.pods.run_pod_sandbox(run(PodSandboxConfig { linux, ..config.clone() }, "")).await.unwrap_err();
    assert_eq!(status.message(), "a sysctl is not supported: a sandbox is not a Linux namespace");
    let nameless = PodSandboxConfig { metadata: None, ..config };
    node.pods.run_pod_sandbox(run(nameless, "")).await.unwrap_err();
    let sandbox = node.sandbox("first").await;
    let status = PodSandboxStatusRequest { pod_sandbox_id: sandbox, verbose: true };
    let status = node.pods.pod_sandbox_status(status).await.unwrap().into_inner();
    assert_eq!(status.status.unwrap().network.unwrap().ip, "10.88.0.2");
    assert!(status.info["info"].contains("hostAddress"));
}

#[tokio::test]
async fn mounts_are_followed_to_their_place_and_told_as_they_were_given() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("mounts").await;
    let (real, link) = (node.path().join("real"), node.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let mount = |path: &std::path::Path| Mount {
        host_path: path.display().to_string(),
        container_path: "/data".to_owned(),
        readonly: true,
        recursive_read_only: true,
        ..Default::default()
    };
    let mounts = vec![mount(&link), mount(&node.path().join("made/for/it"))];
    let id = node.create(&sandbox, ContainerConfig { mounts: mounts.clone(), ..node.config("hello") }).await.unwrap();
    assert_eq!(node.status(&id).await.mounts, mounts);
    assert!(node.path().join("made/for/it").is_dir());
}
