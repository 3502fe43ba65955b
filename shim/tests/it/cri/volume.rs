//! Images as volumes, and paths that would have to be hidden.

use shim::cri::message::*;
use tonic::Code;

use super::Node;

/// An image of a module and a file.
fn import(node: &Node) -> String {
    let source = node.path().join("tools");
    std::fs::create_dir_all(source.join("etc")).unwrap();
    std::fs::write(source.join("etc/motd"), "hello").unwrap();
    std::fs::write(source.join("tool"), wat::parse_str("(module (func (export \"_start\")))").unwrap()).unwrap();
    node.runtime.images().import("example.local/tools:1", &source).unwrap().id
}

fn volume(path: &str) -> Mount {
    let image = ImageSpec { image: "example.local/tools:1".to_owned(), ..Default::default() };
    Mount {
        container_path: "/volume".to_owned(),
        readonly: true,
        image: Some(Box::new(image)),
        image_sub_path: path.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn an_image_can_be_a_volume_and_the_status_says_which() {
    let mut node = Node::start().await;
    let id = import(&node);
    let sandbox = node.sandbox("volume").await;
    for path in ["", "etc", "/etc/", "etc/motd"] {
        let config = ContainerConfig { mounts: vec![volume(path)], ..node.config("hello") };
        let container = node.create(&sandbox, config).await.unwrap();
        let mount = node.status(&container).await.mounts.remove(0);
        assert_eq!(mount.image.unwrap().image_ref, id);
        assert_eq!((mount.image_sub_path.as_str(), mount.host_path.as_str()), (path, ""));
        node.begin(&container).await;
        assert_eq!(node.until(&container, ContainerState::ContainerExited).await.exit_code, 0);
    }
}

/// A kubelet makes the reason that users see of the first word, if the code is `Unknown`.
#[tokio::test]
async fn a_volume_of_nothing_is_refused_in_the_kubelets_words() {
    let mut node = Node::start().await;
    import(&node);
    let sandbox = node.sandbox("nothing").await;
    let mut missing = volume("");
    missing.image = Some(Box::new(ImageSpec { image: "example.local/missing:1".to_owned(), ..Default::default() }));
    for mount in [volume("none"), volume("../etc"), missing] {
        let config = ContainerConfig { mounts: vec![mount], ..node.config("hello") };
        let refused = node.create(&sandbox, config).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unknown);
        assert!(refused.message().starts_with("ImageVolumeMountFailed: image `example.local/"), "{refused}");
    }
    let mounts = vec![Mount { readonly: false, ..volume("") }];
    let refused = node.create(&sandbox, ContainerConfig { mounts, ..node.config("hello") }).await.unwrap_err();
    assert_eq!(refused.message(), "an image volume that can be written is not supported: an image never changes");
}

#[tokio::test]
async fn a_path_is_masked_only_where_nothing_is() {
    let mut node = Node::start().await;
    import(&node);
    let sandbox = node.sandbox("masked").await;
    let dir = node.path().join("data");
    let data = Mount { host_path: dir.display().to_string(), container_path: "/data".to_owned(), ..Default::default() };
    let config = |node: &Node, masked: &str, protected: &str| {
        let security = LinuxContainerSecurityContext {
            masked_paths: vec!["/proc/kcore".to_owned(), masked.to_owned()],
            readonly_paths: vec!["/proc/sys".to_owned(), protected.to_owned()],
            ..Default::default()
        };
        let linux = Some(LinuxContainerConfig { security_context: Some(security), ..Default::default() });
        ContainerConfig { linux, mounts: vec![data.clone()], ..node.config("tools") }
    };
    node.create(&sandbox, config(&node, "/sys/firmware", "/etc")).await.unwrap();
    for (masked, protected, path) in [
        ("/etc", "/sys", "masked path `/etc`"),
        ("/etc/motd", "/sys", "masked path `/etc/motd`"),
        ("/data/x", "/sys", "masked path `/data/x`"),
        ("/sys", "/data/x", "read-only path `/data/x`"),
        ("/sys", "/", "read-only path `/`"),
    ] {
        let refused = node.create(&sandbox, config(&node, masked, protected)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(&format!("the {path} is not supported")), "{refused}");
    }
}
