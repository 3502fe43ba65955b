//! Pulls from a registry in this process, whatever it does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod registry;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::image::error::ImageError;
use crate::image::layer::tests::{archive, gzip};
use registry::{Door, Registry};

const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A module that is not small.
fn module(tail: &[u8]) -> Vec<u8> {
    [MODULE, &[7; 20_000], tail].concat()
}

fn descriptor(registry: &Registry, kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": registry.blob(bytes), "size": bytes.len()})
}

/// The digest of the manifest of a Wasm artifact.
fn artifact(registry: &Registry, tag: &str, module: &[u8]) -> String {
    let config = json!({
        "architecture": "wasm", "os": "wasip1", "layerDigests": [blob::digest(module)], "component": null,
    });
    let manifest = json!({
        "config": descriptor(registry, oci::WASM_CONFIG, &serde_json::to_vec(&config).unwrap()),
        "layers": [descriptor(registry, "application/wasm", module)],
    });
    registry.manifest(tag, &manifest)
}

fn image(registry: &Registry, tag: &str, mut config: Value, layers: &[&[u8]]) -> String {
    let diff_ids: Vec<String> = layers.iter().map(|layer| blob::digest(layer)).collect();
    config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
    let packed =
        layers.iter().map(|layer| descriptor(registry, "application/vnd.oci.image.layer.v1.tar+gzip", &gzip(layer)));
    let manifest = json!({
        "layers": packed.collect::<Vec<_>>(),
        "config": descriptor(registry, oci::OCI_CONFIG, &serde_json::to_vec(&config).unwrap()),
    });
    registry.manifest(tag, &manifest)
}

fn open(dir: &Path) -> Arc<ImageStore> {
    Arc::new(ImageStore::open(&dir.join("images")).unwrap())
}

async fn pull(store: &Arc<ImageStore>, registry: &Registry, name: &str) -> Result<Image, PullError> {
    pull_as(store, registry, name, Credential::default()).await
}

async fn pull_as(
    store: &Arc<ImageStore>,
    registry: &Registry,
    name: &str,
    credential: Credential,
) -> Result<Image, PullError> {
    let reference = format!("{}/team/app{name}", registry.host);
    store.pull(Pull { reference, credential, report: Report::default() }).await
}

fn ann() -> Credential {
    Credential { username: "ann".into(), password: "pass".into(), ..Credential::default() }
}

fn contents(store: &ImageStore, image: &Image, path: &str) -> Vec<u8> {
    let manifest = store.manifest(&image.id).unwrap();
    fs::read(store.blob_path(&manifest.files[path].digest)).unwrap()
}

#[tokio::test]
async fn an_artifact_is_pulled_once_and_then_only_asked_for() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    let top = artifact(&registry, "v1", &module(b""));
    let store = open(dir.path());
    let image = pull(&store, &registry, ":v1").await.unwrap();
    assert_eq!(contents(&store, &image, "/app.wasm"), module(b""));
    assert_eq!((image.entrypoint.as_slice(), image.pinned), (&["/app.wasm".to_owned()][..], false));
    let repository = format!("{}/team/app", registry.host);
    assert_eq!(image.references, [format!("{repository}:v1"), format!("{repository}@{top}")]);
    for name in [":v1".to_owned(), format!("@{top}"), format!(":other@{top}")] {
        assert_eq!(store.resolve(&format!("{repository}{name}")).unwrap().as_ref(), Some(&image), "{name}");
    }
    let before = registry.state.lock().seen.len();
    assert_eq!(pull(&store, &registry, ":v1").await.unwrap(), image);
    assert_eq!(pull(&store, &registry, &format!("@{top}")).await.unwrap(), image);
    assert_eq!(registry.state.lock().seen.len(), before + 2);
    assert_eq!(fs::read_dir(dir.path().join("images/downloads")).unwrap().count(), 0);
    assert!(store.remove(&format!("{repository}:v1")).unwrap());
    assert_eq!(store.list().unwrap(), []);
}

#[tokio::test]
async fn a_registry_without_head_is_asked_for_the_manifest() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    artifact(&registry, "v1", &module(b""));
    registry.state.lock().knows_no_head = true;
    let store = open(dir.path());
    let image = pull(&store, &registry, ":v1").await.unwrap();
    assert_eq!(pull(&store, &registry, ":v1").await.unwrap(), image);
    assert_eq!(registry.count(&blob::digest(&module(b""))), 1);
}

#[tokio::test]
async fn a_moved_tag_leads_to_the_new_image_and_the_old_one_keeps_its_digest() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    artifact(&registry, "v1", &module(b""));
    let store = open(dir.path());
    let old = pull(&store, &registry, ":v1").await.unwrap();
    artifact(&registry, "v1", &module(b"new"));
    let new = pull(&store, &registry, ":v1").await.unwrap();
    assert_ne!(new.id, old.id);
    let old = store.resolve(&old.id).unwrap().unwrap();
    assert!(old.references.len() == 1 && old.references[0].contains('@'), "{:?}", old.references);
}

#[tokio::test]
async fn the_same_contents_are_one_image_wherever_they_come_from() {
    let (dir, one, two) = (tempfile::tempdir().unwrap(), Registry::start().await, Registry::start().await);
    for registry in [&one, &two] {
        artifact(registry, "v1", &module(b""));
    }
    let store = open(dir.path());
    let first = pull(&store, &one, ":v1").await.unwrap();
    let second = pull(&store, &two, ":v1").await.unwrap();
    assert_eq!((first.id, second.references.len()), (second.id, 4));
    assert_eq!(two.count(&blob::digest(&module(b""))), 0, "its layer was here");
}

#[tokio::test]
async fn a_private_image_needs_its_password_even_if_it_is_here() {
    for door in [Door::Basic, Door::Bearer] {
        let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
        artifact(&registry, "v1", &module(b""));
        registry.state.lock().door = door;
        let store = open(dir.path());
        let image = pull_as(&store, &registry, ":v1", ann()).await.unwrap();
        let wrong = Credential { password: "wrong".into(), ..ann() };
        for credential in [Credential::default(), wrong] {
            let err = pull_as(&store, &registry, ":v1", credential).await.unwrap_err();
            assert!(matches!(err, PullError::Denied { .. }), "{door:?}: {err}");
        }
        assert_eq!(pull_as(&store, &registry, ":v1", ann()).await.unwrap(), image);
    }
}

#[tokio::test]
async fn tokens_are_taken_in_every_form() {
    let registry = Registry::start().await;
    artifact(&registry, "v1", &module(b""));
    registry.state.lock().door = Door::Bearer;
    for credential in [
        Credential { identity_token: "refresh".into(), ..Credential::default() },
        Credential { registry_token: "good".into(), ..Credential::default() },
        Credential { server: format!("https://{}/v2/", registry.host), ..ann() },
    ] {
        let dir = tempfile::tempdir().unwrap();
        pull_as(&open(dir.path()), &registry, ":v1", credential.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn a_redirected_blob_is_fetched_without_our_password() {
    let (dir, registry, elsewhere) = (tempfile::tempdir().unwrap(), Registry::start().await, Registry::start().await);
    artifact(&registry, "v1", &module(b""));
    {
        let mut state = registry.state.lock();
        state.door = Door::Basic;
        state.blobs_at = Some(elsewhere.host.clone());
        elsewhere.state.lock().blobs = state.blobs.clone();
    }
    pull_as(&open(dir.path()), &registry, ":v1", ann()).await.unwrap();
    let seen = elsewhere.state.lock().authorizations.clone();
    assert!(seen.len() == 2 && seen.iter().all(String::is_empty), "{seen:?}");
}

#[tokio::test]
async fn a_busy_registry_is_asked_again() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    artifact(&registry, "v1", &module(b""));
    registry.state.lock().busy = 3;
    let store = open(dir.path());
    pull(&store, &registry, ":v1").await.unwrap();
    registry.state.lock().busy = 100;
    let err = pull(&store, &registry, ":v1").await.unwrap_err();
    assert!(matches!(err, PullError::Unavailable { .. }), "{err}");
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_stopped() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    artifact(&registry, "v1", &module(b""));
    registry.state.lock().break_after = Some(15_000);
    let store = open(dir.path());
    let image = pull(&store, &registry, ":v1").await.unwrap();
    assert_eq!(contents(&store, &image, "/app.wasm"), module(b""));
    assert!(registry.count("bytes=15000-") > 0, "{:?}", registry.state.lock().seen);
}

#[tokio::test]
async fn a_registry_without_ranges_starts_again() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    artifact(&registry, "v1", &module(b""));
    registry.state.lock().knows_ranges = false;
    let layer = blob::digest(&module(b""));
    let downloads = dir.path().join("images/downloads");
    fs::create_dir_all(&downloads).unwrap();
    fs::write(downloads.join(blob::hex(&layer)), &module(b"")[..5000]).unwrap();
    let store = open(dir.path());
    let image = pull(&store, &registry, ":v1").await.unwrap();
    assert_eq!(contents(&store, &image, "/app.wasm"), module(b""));
}

#[tokio::test]
async fn what_an_earlier_process_left_is_used_and_what_is_damaged_is_not() {
    let registry = Registry::start().await;
    artifact(&registry, "v1", &module(b""));
    let layer = blob::digest(&module(b""));
    for (left, range) in
        [(&module(b"")[..5000], "bytes=5000-"), (&[9; 5000][..], "bytes=5000-"), (&module(b""), ""), (&[9; 30_000], "")]
    {
        let dir = tempfile::tempdir().unwrap();
        let downloads = dir.path().join("images/downloads");
        fs::create_dir_all(&downloads).unwrap();
        fs::write(downloads.join(blob::hex(&layer)), left).unwrap();
        let store = open(dir.path());
        let image = pull(&store, &registry, ":v1").await.unwrap();
        assert_eq!(contents(&store, &image, "/app.wasm"), module(b""));
        assert!(registry.count(range) > 0, "{range}");
    }
}

#[tokio::test]
async fn what_has_another_digest_is_refused() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    let top = artifact(&registry, "v1", &module(b""));
    let layer = blob::digest(&module(b""));
    let store = open(dir.path());
    for wrong in [module(b"longer"), [MODULE, &[8; 20_000]].concat()] {
        registry.state.lock().blobs.insert(layer.clone(), wrong);
        let err = pull(&store, &registry, ":v1").await.unwrap_err();
        assert!(matches!(err, PullError::Digest { .. }), "{err}");
    }
    let other = registry.state.lock().manifests["v1"].iter().copied().chain(*b" ").collect();
    registry.state.lock().manifests.insert(top.clone(), other);
    let err = pull(&store, &registry, &format!("@{top}")).await.unwrap_err();
    assert!(matches!(err, PullError::Digest { .. }), "{err}");
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(fs::read_dir(dir.path().join("images/downloads")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_image_of_files_keeps_its_data_and_its_words() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    let config = json!({
        "os": "wasip1", "architecture": "wasm",
        "config": {"Entrypoint": ["app.wasm#_start"], "Cmd": ["x"], "Env": ["A=1=2", "nonsense"], "User": "1000:1000"},
    });
    let lower = archive(&[("app.wasm", b'0', "", &module(b"")), ("old", b'0', "", b"1")]);
    let upper = archive(&[("etc/data", b'0', "", b"data"), (".wh.old", b'0', "", b"")]);
    image(&registry, "v1", config, &[&lower, &upper]);
    let store = open(dir.path());
    let image = pull(&store, &registry, ":v1").await.unwrap();
    let manifest = store.manifest(&image.id).unwrap();
    assert_eq!(manifest.files.keys().collect::<Vec<_>>(), ["/app.wasm", "/etc/data"]);
    assert_eq!((manifest.entrypoint, manifest.cmd), (vec!["/app.wasm".to_owned()], vec!["x".to_owned()]));
    assert_eq!((image.env, image.user.as_str()), (vec![("A".to_owned(), "1=2".to_owned())], "1000:1000"));
}

#[tokio::test]
async fn a_layer_that_its_config_does_not_name_is_refused() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    let layer = archive(&[("app.wasm", b'0', "", &module(b""))]);
    let config = json!({"os": "wasi", "architecture": "wasm", "rootfs": {"diff_ids": [blob::digest(b"other")]}});
    let manifest = json!({
        "config": descriptor(&registry, oci::OCI_CONFIG, &serde_json::to_vec(&config).unwrap()),
        "layers": [descriptor(&registry, "application/vnd.oci.image.layer.v1.tar", &layer)],
    });
    registry.manifest("v1", &manifest);
    let store = open(dir.path());
    let err = pull(&store, &registry, ":v1").await.unwrap_err();
    assert!(err.to_string().contains("not the one that its config names"), "{err}");
    assert_eq!(fs::read_dir(dir.path().join("images/blobs/sha256")).unwrap().count(), 0, "nothing is left");
}

#[tokio::test]
async fn an_ordinary_linux_image_is_refused_before_its_layers_are_fetched() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    let layer = archive(&[("bin/sh", b'0', "", b"\x7fELF")]);
    let config = json!({"os": "linux", "architecture": "amd64", "config": {"Cmd": ["sh"]}});
    image(&registry, "v1", config, &[&layer]);
    let err = pull(&open(dir.path()), &registry, ":v1").await.unwrap_err().to_string();
    assert!(err.contains("linux/amd64") && err.contains("Coracle runs WebAssembly"), "{err}");
    assert_eq!(registry.count(&blob::digest(&gzip(&layer))), 0);
}

#[tokio::test]
async fn native_code_is_never_taken_for_a_module() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    let layer = archive(&[("a.cwasm", b'0', "", b"\x7fELF"), ("b.wasm", b'0', "", &module(b""))]);
    let config = json!({"os": "wasi", "architecture": "wasm", "config": {"Entrypoint": ["/a.cwasm"]}});
    image(&registry, "files", config, &[&layer]);
    artifact(&registry, "layer", b"\x7fELF precompiled");
    let store = open(dir.path());
    for (tag, words) in [(":files", "is native code"), (":layer", "is not WebAssembly")] {
        let err = pull(&store, &registry, tag).await.unwrap_err().to_string();
        assert!(err.contains(words), "{err}");
    }
    assert_eq!(store.list().unwrap(), []);
}

#[tokio::test]
async fn the_right_image_of_an_index_is_taken() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    let wasm = artifact(&registry, "wasm", &module(b""));
    let entry = |digest: &str, os: &str, architecture: &str| json!({"digest": digest, "size": 1, "platform": {"os": os, "architecture": architecture}});
    let index = json!({"manifests": [entry(&blob::digest(b"x"), "linux", "amd64"), entry(&wasm, "wasip1", "wasm")]});
    let top = registry.manifest("v1", &index);
    let image = pull(&open(dir.path()), &registry, ":v1").await.unwrap();
    assert!(image.references[1].ends_with(&top), "{:?}", image.references);
}

#[tokio::test]
async fn a_mirror_is_asked_first_and_gets_its_own_password() {
    let (dir, registry, mirror) = (tempfile::tempdir().unwrap(), Registry::start().await, Registry::start().await);
    artifact(&mirror, "v1", &module(b""));
    mirror.state.lock().door = Door::Basic;
    artifact(&registry, "v2", &module(b"2"));
    let file = dir.path().join("registries.yaml");
    let text = format!(
        "mirrors:\n  \"{0}\":\n    endpoint: [\"http://{1}\"]\n    rewrite: {{\"^far/(.*)\": \"team/$1\"}}\n\
         configs:\n  \"{1}\":\n    auth: {{username: ann, password: pass}}\n",
        registry.host, mirror.host
    );
    fs::write(&file, text).unwrap();
    let store = open(dir.path());
    store.set_registries(Registries::read(&file).unwrap());
    let reference = format!("{}/far/app:v1", registry.host);
    let bob = Credential { username: "bob".into(), ..Credential::default() };
    let asked = Pull { reference: reference.clone(), credential: bob, report: Report::default() };
    let image = store.pull(asked).await.unwrap();
    assert_eq!(image.references[0], reference, "it keeps its name");
    assert!(registry.state.lock().seen.is_empty());
    // What the mirror does not have comes from the registry.
    pull(&store, &registry, ":v2").await.unwrap();
}

#[tokio::test]
async fn a_certificate_must_be_trusted_by_its_file_or_not_matter() {
    let (dir, (registry, certificate)) = (tempfile::tempdir().unwrap(), Registry::start_with_tls().await);
    artifact(&registry, "v1", &module(b""));
    let (authority, file) = (dir.path().join("ca.pem"), dir.path().join("registries.yaml"));
    fs::write(&authority, certificate).unwrap();
    let ca_file = format!("{{ca_file: \"{}\"}}", authority.display());
    for (tls, trusted) in [("{}", false), (ca_file.as_str(), true), ("{insecure_skip_verify: true}", true)] {
        fs::write(&file, format!("configs:\n  \"{}\":\n    tls: {tls}\n", registry.host)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.set_registries(Registries::read(&file).unwrap());
        let pulled = pull(&store, &registry, ":v1").await;
        assert_eq!(pulled.is_ok(), trusted, "{tls}: {pulled:?}");
        assert!(trusted || pulled.unwrap_err().to_string().contains("name its `ca_file`"), "{tls}");
    }
}

#[tokio::test]
async fn plain_http_is_not_spoken_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    artifact(&registry, "v1", &module(b""));
    let location = "192.0.2.1:1".to_owned();
    registry.state.lock().blobs_at = Some(location);
    let err = pull(&open(dir.path()), &registry, ":v1").await.unwrap_err().to_string();
    assert!(err.contains("plain HTTP to 192.0.2.1:1"), "{err}");
}

#[tokio::test]
async fn dropping_a_pull_leaves_no_image_and_the_next_one_goes_on() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    artifact(&registry, "v1", &module(b""));
    let store = open(dir.path());
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let report = Report::to(move |it| {
        let _ = sender.try_send(it.bytes);
    });
    let reference = format!("{}/team/app:v1", registry.host);
    let pulling = store.pull(Pull { reference, report, credential: Credential::default() });
    tokio::select! {
        pulled = pulling => panic!("it ended before it was dropped: {pulled:?}"),
        bytes = receiver.recv() => assert!(bytes.unwrap() > 0),
    }
    assert_eq!(store.list().unwrap(), []);
    let image = pull(&store, &registry, ":v1").await.unwrap();
    assert_eq!(contents(&store, &image, "/app.wasm"), module(b""));
    assert_eq!(registry.count("bytes="), 1, "{:?}", registry.state.lock().seen);
}

#[tokio::test]
async fn two_who_want_the_same_fetch_it_once() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    artifact(&registry, "v1", &module(b""));
    let store = open(dir.path());
    let pulls = (0..6).map(|_| pull(&store, &registry, ":v1"));
    for pulled in futures::future::join_all(pulls).await {
        pulled.unwrap();
    }
    assert_eq!(registry.count(&blob::digest(&module(b""))), 1);
}

#[tokio::test]
async fn what_is_not_there_is_said_with_its_name() {
    let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    let store = open(dir.path());
    let err = pull(&store, &registry, ":none").await.unwrap_err().to_string();
    assert!(err.ends_with("/team/app: none not found"), "{err}");
    let asked = Pull { reference: "127.0.0.1:1/a".to_owned(), ..Pull::default() };
    assert!(matches!(store.pull(asked).await, Err(PullError::Unavailable { .. })));
    let asked = Pull { reference: "Nonsense".to_owned(), ..Pull::default() };
    assert!(matches!(store.pull(asked).await, Err(PullError::Store(ImageError::Reference(_)))));
}
