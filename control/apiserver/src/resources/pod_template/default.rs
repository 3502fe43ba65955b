//! Defaults of a pod spec, alone or in a template (`SetDefaults_PodSpec` and below in `pkg/apis/core/v1/defaults.go`).

use serde_json::{Value, json};

use crate::object::Fields;
use crate::resources::pod_template::image;

/// The lists of a pod spec that hold containers, in upstream's order of visits.
pub const CONTAINER_LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

const CONFIG_FILE_MODE: i64 = 0o644;
const TOKEN_EXPIRATION_SECONDS: i64 = 3600;

/// Defaults of a `PodTemplateSpec`.
pub fn template(template: &mut Value) {
    if !template.is_object() {
        *template = json!({});
    }
    template.set_default("metadata", json!({}));
    template.set_default("spec", json!({}));
    if let Some(spec) = template.at_mut("spec") {
        self::spec(spec);
    }
}

/// Defaults of a `PodSpec`.
pub fn spec(spec: &mut Value) {
    default_text(spec, "dnsPolicy", "ClusterFirst");
    default_text(spec, "restartPolicy", "Always");
    default_text(spec, "schedulerName", "default-scheduler");
    spec.set_default("securityContext", json!({}));
    spec.set_default("terminationGracePeriodSeconds", 30);
    // The old name of the field follows the new one.
    if spec.str_at("serviceAccountName").is_empty() && !spec.str_at("serviceAccount").is_empty() {
        let name = spec.str_at("serviceAccount").to_owned();
        spec.set("serviceAccountName", name);
    }
    if !spec.str_at("serviceAccountName").is_empty() {
        let name = spec.str_at("serviceAccountName").to_owned();
        spec.set("serviceAccount", name);
    }
    each_mut(spec, "volumes", volume);
    for list in CONTAINER_LISTS {
        each_mut(spec, list, container);
    }
}

/// Applies `f` to every element of the list at `path`.
pub fn each_mut(value: &mut Value, path: &str, f: fn(&mut Value)) {
    value.at_mut(path).and_then(Value::as_array_mut).into_iter().flatten().for_each(f);
}

fn container(container: &mut Value) {
    if container.str_at("imagePullPolicy").is_empty() {
        let policy = image::default_pull_policy(container.str_at("image"));
        container.set("imagePullPolicy", policy);
    }
    default_text(container, "terminationMessagePath", "/dev/termination-log");
    default_text(container, "terminationMessagePolicy", "File");
    container.set_default("resources", json!({}));
    each_mut(container, "ports", |port| default_text(port, "protocol", "TCP"));
    each_mut(container, "env", |variable| {
        source(variable.at_mut("valueFrom"));
    });
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(p) = container.at_mut(name).filter(|p| p.is_object()) {
            probe(p);
        }
    }
    for name in ["lifecycle.postStart", "lifecycle.preStop"] {
        if let Some(handler) = container.at_mut(name) {
            http_get(handler);
        }
    }
}

fn probe(probe: &mut Value) {
    for (name, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        if probe.i64_at(name).unwrap_or(0) == 0 {
            probe.set(name, value);
        }
    }
    http_get(probe);
    if probe.at("grpc").is_some_and(Value::is_object) {
        probe.set_default("grpc.service", "");
    }
}

fn http_get(handler: &mut Value) {
    if let Some(action) = handler.at_mut("httpGet").filter(|a| a.is_object()) {
        default_text(action, "path", "/");
        default_text(action, "scheme", "HTTP");
    }
}

/// What a variable or a file of the downward API reads from.
fn source(source: Option<&mut Value>) {
    let Some(source) = source else { return };
    if let Some(field) = source.at_mut("fieldRef").filter(|f| f.is_object()) {
        default_text(field, "apiVersion", "v1");
    }
    if let Some(field) = source.at_mut("resourceFieldRef").filter(|f| f.is_object()) {
        field.set_default("divisor", "0");
    }
}

fn volume(volume: &mut Value) {
    let has_source = volume.as_object().is_some_and(|v| v.iter().any(|(key, value)| key != "name" && !value.is_null()));
    if !has_source {
        volume.set("emptyDir", json!({}));
    }
    for name in ["configMap", "secret", "projected", "downwardAPI"] {
        if let Some(files) = volume.at_mut(name).filter(|f| f.is_object()) {
            files.set_default("defaultMode", CONFIG_FILE_MODE);
        }
    }
    each_mut(volume, "downwardAPI.items", |item| source(Some(item)));
    each_mut(volume, "projected.sources", projection);
    places(volume);
    if let Some(image) = volume.at_mut("image").filter(|i| i.is_object() && i.str_at("pullPolicy").is_empty()) {
        let policy = image::default_pull_policy(image.str_at("reference"));
        image.set("pullPolicy", policy);
    }
    if let Some(template) = volume.at_mut("ephemeral.volumeClaimTemplate").filter(|t| t.is_object()) {
        template.set_default("metadata", json!({}));
        template.set_default("spec", json!({}));
        template.set_default("spec.resources", json!({}));
        template.set_default("spec.volumeMode", "Filesystem");
    }
}

/// The defaults of sources that are places: the spec of a PersistentVolume has the same ones.
pub fn places(volume: &mut Value) {
    for (source, field, text) in [
        ("hostPath", "type", ""),
        ("iscsi", "iscsiInterface", "default"),
        ("rbd", "pool", "rbd"),
        ("rbd", "user", "admin"),
        ("rbd", "keyring", "/etc/ceph/keyring"),
        ("azureDisk", "cachingMode", "ReadWrite"),
        ("azureDisk", "kind", "Shared"),
        ("azureDisk", "fsType", "ext4"),
        ("scaleIO", "storageMode", "ThinProvisioned"),
        ("scaleIO", "fsType", "xfs"),
    ] {
        if let Some(source) = volume.at_mut(source).filter(|s| s.is_object()) {
            default_text(source, field, text);
        }
    }
    if let Some(disk) = volume.at_mut("azureDisk").filter(|s| s.is_object()) {
        disk.set_default("readOnly", false);
    }
}

fn projection(projection: &mut Value) {
    if let Some(token) = projection.at_mut("serviceAccountToken").filter(|t| t.is_object()) {
        token.set_default("expirationSeconds", TOKEN_EXPIRATION_SECONDS);
    }
    each_mut(projection, "downwardAPI.items", |item| source(Some(item)));
}

fn default_text(value: &mut Value, name: &str, text: &str) {
    if value.str_at(name).is_empty() {
        value.set(name, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in_once() {
        let mut object = json!({
            "containers": [{"name": "c", "image": "i", "livenessProbe": {"grpc": {"port": 1}},
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}],
            "volumes": [{"name": "v"}, {"name": "h", "hostPath": {"path": "/x"}}],
        });
        spec(&mut object);
        assert_eq!(
            object,
            json!({
                "containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                    "livenessProbe": {"grpc": {"port": 1, "service": ""}, "timeoutSeconds": 1, "periodSeconds": 10,
                        "successThreshold": 1, "failureThreshold": 3},
                    "env": [{"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}]}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30,
                "volumes": [{"name": "v", "emptyDir": {}}, {"name": "h", "hostPath": {"path": "/x", "type": ""}}],
            })
        );
        let once = object.clone();
        spec(&mut object);
        assert_eq!(object, once);
    }
}
