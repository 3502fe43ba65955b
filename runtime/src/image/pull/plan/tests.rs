//! What each maker of images writes, and what becomes of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;
use crate::image::blob::digest;

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const TAR: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const SPIN_WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";

fn check(config_type: &str, config: &Value, layers: &[&str]) -> Result<Plan, String> {
    let layers = layers.iter().map(|kind| json!({"mediaType": kind, "digest": digest(b"layer"), "size": 5}));
    let config_descriptor = json!({"mediaType": config_type, "digest": digest(b"config"), "size": 2});
    let manifest = json!({"config": config_descriptor, "layers": layers.collect::<Vec<_>>()});
    let manifest: Document = serde_json::from_value(manifest).unwrap();
    plan("app", &manifest, serde_json::from_value(config.clone()).unwrap()).map_err(|err| err.to_string())
}

#[test]
fn every_maker_of_single_modules_is_understood() {
    let layer = digest(b"layer");
    let wkg = json!({"os": "wasip2", "architecture": "wasm", "layerDigests": [layer],
        "component": {"imports": ["wasi:io/streams@0.2.3"], "exports": ["wasi:cli/run@0.2.3"]}});
    let runwasi = json!({"os": "wasip1", "architecture": "wasm", "config": {"Entrypoint": ["app.wasm"]},
        "rootfs": {"diff_ids": [layer]}});
    for (config_type, config, layers, bound) in [
        (WASM_CONFIG, &wkg, &["application/wasm"][..], true),
        (OCI_CONFIG, &runwasi, &["application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"], true),
        (
            "application/vnd.wasmcloud.actor.archive.config",
            &json!({}),
            &["application/vnd.module.wasm.content.layer.v1+wasm"],
            false,
        ),
        ("application/vnd.oci.empty.v1+json", &json!({}), &["application/wasm"], false),
        (SPIN_CONFIG, &json!({}), &[SPIN_WASM], false),
        (OCI_CONFIG, &json!({}), &[SPIN_WASM, SPIN_CONFIG], false),
    ] {
        let plan = check(config_type, config, layers).unwrap();
        assert_eq!((plan.layers.len(), plan.bound_by_config), (1, bound), "{config_type}");
        assert_eq!(plan.module_path(), "/app.wasm");
    }
}

#[test]
fn what_cannot_run_is_refused_before_it_is_fetched() {
    let component = |import: &str| json!({"os": "wasip2", "architecture": "wasm", "component": {"imports": [import], "exports": ["wasi:cli/run@0.2.0"]}});
    let linux =
        json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": ["x"]}, "config": {"Cmd": ["sh"]}});
    for (config_type, config, layers, words) in [
        (WASM_CONFIG, component("wasi:nn/graph@0.2.0"), &["application/wasm"][..], "does not provide: wasi:nn/graph"),
        (WASM_CONFIG, json!({"os": "wasip3"}), &["application/wasm"], "it is for wasip3/"),
        (WASM_CONFIG, json!({"layerDigests": ["other"]}), &["application/wasm"], "for another layer"),
        (WASM_CONFIG, json!({}), &["application/wasm", TAR], "does not list its layers"),
        (SPIN_CONFIG, json!({}), &[SPIN_WASM, SPIN_WASM], "Spin application of several components"),
        (SPIN_CONFIG, json!({}), &[SPIN_WASM, "application/vnd.wasm.content.layer.v1+data"], "needs Spin's host"),
        (OCI_CONFIG, linux, &[TAR], "it is an image for linux/amd64 and holds no WebAssembly"),
        (OCI_CONFIG, json!({}), &[TAR], "does not list its layers"),
        (
            "application/vnd.cncf.helm.config.v1+json",
            json!({}),
            &["application/vnd.cncf.helm.chart"],
            "a layer of the type",
        ),
        (OCI_CONFIG, json!({}), &[], "holds no WebAssembly"),
    ] {
        let message = check(config_type, &config, layers).unwrap_err();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn the_program_is_found_as_a_container_runtime_finds_it() {
    let entry = |wasm| Entry { digest: digest(b"x"), size_bytes: 1, wasm };
    let files: BTreeMap<String, Entry> =
        [("/app.wasm", true), ("/srv/b.wasm", true), ("/bin/c", true), ("/bin/sh", false)]
            .map(|(path, wasm)| (path.to_owned(), entry(wasm)))
            .into();
    let finish = |entrypoint: &[&str], cmd: &[&str]| {
        let config = json!({"os": "wasi", "architecture": "wasm", "rootfs": {"diff_ids": ["x"]},
            "config": {"Entrypoint": entrypoint, "Cmd": cmd, "WorkingDir": "/srv"}});
        check(OCI_CONFIG, &config, &[TAR]).unwrap().finish(files.clone()).map_err(|err| err.to_string())
    };
    for (entrypoint, cmd, words) in [
        (&["/app.wasm", "a"][..], &["b"][..], &["/app.wasm", "a", "b"][..]),
        (&["app.wasm#_start"], &[], &["/app.wasm"]),
        (&["b.wasm"], &[], &["/srv/b.wasm"]),
        (&["c"], &[], &["/bin/c"]),
        (&[], &["./app.wasm", "x"], &["/app.wasm", "x"]),
        (&[], &[], &[]),
    ] {
        let manifest = finish(entrypoint, cmd).unwrap();
        let found: Vec<String> = manifest.entrypoint.into_iter().chain(manifest.cmd).collect();
        assert_eq!(found, words, "{entrypoint:?}");
    }
    for (entrypoint, words) in [("sh", "is not WebAssembly"), ("d", "is not in it"), ("app.wasm#f", "export `f`")] {
        assert!(finish(&[entrypoint], &[]).unwrap_err().contains(words), "{entrypoint}");
    }
}
