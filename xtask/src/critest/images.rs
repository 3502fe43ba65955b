//! The images that critest's specs name, made of our own: a name is upstream's, what is behind it is `examples/images`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::push::{MANIFEST, Member, Repository, digest, layer};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Registries whose names the specs have in them; all lead to the one of this machine.
pub(super) const HOSTS: [&str; 3] = ["registry.k8s.io", "k8s.gcr.io", "gcr.io"];

/// One image: busybox, unless it is a pause.
struct Image {
    /// Its repository and tag at each of its registries.
    name: &'static str,
    /// What runs if the container does not say.
    command: &'static [&'static str],
    user: &'static str,
    /// A file that only it has, so that it is not the same as another.
    own: Option<&'static str>,
}

const SHELL: &[&str] = &["sh"];
const SERVER: &[&str] = &["sh", "-c", "echo httpd serves /www; exec httpd -f -p 80 -h /www"];
/// What upstream's program prints: its effective user, which an instance has none of.
const EFFECTIVE_USER: &[&str] = &["sh", "-c", "echo Effective uid: $(id -u)"];

const IMAGES: &[Image] = &[
    Image { name: "e2e-test-images/busybox:1.29-2", command: SHELL, user: "", own: None },
    Image { name: "e2e-test-images/nginx:1.14-2", command: SERVER, user: "", own: None },
    Image { name: "e2e-test-images/httpd:2.4.39-4", command: SERVER, user: "", own: None },
    Image { name: "e2e-test-images/nonewprivs:1.3", command: EFFECTIVE_USER, user: "", own: None },
    Image { name: "k8s-staging-cri-tools/test-image-1:latest", command: SHELL, user: "", own: Some("test-1") },
    Image { name: "k8s-staging-cri-tools/test-image-2:latest", command: SHELL, user: "", own: Some("test-2") },
    Image { name: "k8s-staging-cri-tools/test-image-3:latest", command: SHELL, user: "", own: Some("test-3") },
    Image { name: "k8s-staging-cri-tools/test-image-latest:latest", command: SHELL, user: "", own: Some("latest") },
    Image { name: "k8s-staging-cri-tools/test-image-digest:test", command: SHELL, user: "", own: Some("digest") },
    Image { name: "k8s-staging-cri-tools/test-image-tag:test", command: SHELL, user: "", own: Some("tag") },
    Image { name: "k8s-staging-cri-tools/test-image-tag:all", command: SHELL, user: "", own: Some("all") },
    Image { name: "k8s-staging-cri-tools/test-image-tags:1", command: SHELL, user: "", own: Some("tags") },
    Image { name: "k8s-staging-cri-tools/test-image-tags:2", command: SHELL, user: "", own: Some("tags") },
    Image { name: "k8s-staging-cri-tools/test-image-tags:3", command: SHELL, user: "", own: Some("tags") },
    Image { name: "k8s-staging-cri-tools/test-image-user-uid:latest", command: SHELL, user: "1002", own: None },
    Image {
        name: "k8s-staging-cri-tools/test-image-user-username:latest",
        command: SHELL,
        user: "www-data",
        own: None,
    },
    Image {
        name: "k8s-staging-cri-tools/test-image-user-uid-group:latest",
        command: SHELL,
        user: "1003:users",
        own: None,
    },
    Image {
        name: "k8s-staging-cri-tools/test-image-user-username-group:latest",
        command: SHELL,
        user: "www-data:100",
        own: None,
    },
];

/// Where `pause` is; the specs pull it from two registries.
const PAUSE: &str = "pause:3.9";

/// Puts all images into the registry at `host`.
///
/// # Errors
/// A guest is not built, or the registry does not take one.
pub(super) fn publish(root: &Path, host: &str) -> Result<()> {
    let guests = root.join("target/guests");
    let read = |name: &str| fs::read(guests.join(name)).with_context(|| format!("read `target/guests/{name}`"));
    let (busybox, pause) = (read("busybox.wasm")?, read("pause.wasm")?);
    let applets = fs::read_to_string(root.join("examples/images/busybox/applets.list"))?;
    let files = layer(&files(&busybox, &applets.lines().map(|name| format!("bin/{name}")).collect::<Vec<_>>()));
    for image in IMAGES {
        let mut layers = vec![files.clone()];
        if let Some(own) = image.own {
            layers.push(layer(&[(own, Member::File(own.as_bytes()))]));
        }
        put(host, image.name, &layers, &json!({"Cmd": image.command, "User": image.user}))?;
    }
    let files = layer(&[("pause.wasm", Member::File(&pause))]);
    put(host, PAUSE, &[files], &json!({"Entrypoint": ["/pause.wasm"]}))
}

/// The root directory of busybox: every applet is a name of the one module.
fn files<'a>(busybox: &'a [u8], applets: &'a [String]) -> Vec<(&'a str, Member<'a>)> {
    let mut members = vec![
        ("bin/busybox.wasm", Member::File(busybox)),
        ("etc/passwd", Member::File(b"nobody:x:65534:65534:nobody:/:/bin/sh\n")),
        ("www/index.html", Member::File(b"<!doctype html><title>Coracle</title><p>It works.\n")),
    ];
    members.extend(applets.iter().map(|path| (path.as_str(), Member::HardLink("bin/busybox.wasm"))));
    members
}

fn put(host: &str, name: &str, layers: &[Vec<u8>], config: &Value) -> Result<()> {
    let (name, tag) = name.rsplit_once(':').context("a name has a tag")?;
    let repository = Repository { host, name, authorization: None };
    let ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let config = json!({
        "architecture": "wasm", "os": "wasip2", "config": config, "rootfs": {"type": "layers", "diff_ids": ids},
    });
    let config = repository.blob(CONFIG, &serde_json::to_vec(&config)?)?;
    let layers = layers.iter().map(|layer| repository.blob(LAYER, layer)).collect::<Result<Vec<_>>>()?;
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    repository.name(tag, &manifest).with_context(|| format!("push `{name}:{tag}`")).map(drop)
}
