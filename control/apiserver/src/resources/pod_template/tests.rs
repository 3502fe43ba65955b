//! Defaults and validation of pod templates, by cases.

//! How templates are defaulted and checked.

use serde_json::{Value, json};

use super::{default, spec, validate};
use crate::field::Path;
use crate::object::Fields;

/// Errors of a spec with one good container and `extra`, as `path: message`.
fn errors(extra: Value) -> Vec<String> {
    let mut given = json!({"containers": [{"name": "c", "image": "i"}]});
    for (key, value) in extra.as_object().into_iter().flatten() {
        given[key] = value.clone();
    }
    default::spec(&mut given);
    let found = spec::validate(&Path::new("spec"), &given, spec::Owner::Pod("p"));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_spec_with_one_container_is_enough() {
    assert_eq!(errors(json!({})), Vec::<String>::new());
}

#[test]
fn faults_are_named_as_upstream_names_them() {
    let rows = [
        (json!({"containers": []}), "spec.containers: Required value"),
        (
            json!({"restartPolicy": "x"}),
            r#"spec.restartPolicy: Unsupported value: "x": supported values: "Always", "OnFailure", "Never""#,
        ),
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]}),
            "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
        ),
        (
            json!({"tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 5}]}),
            r#"spec.tolerations[0].effect: Invalid value: "": effect must be 'NoExecute' when `tolerationSeconds` is set"#,
        ),
        (json!({"hostUsers": false, "hostPID": true}), "spec.HostPID: Forbidden: when `hostUsers` is false"),
        (
            json!({"dnsPolicy": "None"}),
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        (
            json!({"topologySpreadConstraints": [{"topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]}),
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        ),
        (
            json!({"initContainers": [{"name": "c", "image": "i"}]}),
            r#"spec.initContainers[0].name: Duplicate value: "c""#,
        ),
    ];
    for (extra, expected) in rows {
        assert_eq!(errors(extra.clone()), [expected], "{extra}");
    }
}

#[test]
fn faults_come_in_the_order_of_the_checks() {
    let found = errors(json!({
        "containers": [{"name": "c", "image": "i", "imagePullPolicy": "x", "terminationMessagePolicy": "x",
            "ports": [{"containerPort": 0}], "env": [{"name": ""}], "envFrom": [{}],
            "volumeMounts": [{"name": "x", "mountPath": ""}], "resources": {"requests": {"cpu": "-1"}},
            "securityContext": {"runAsUser": -1}, "lifecycle": {"preStop": {}}, "livenessProbe": {}}],
        "volumes": [{"name": "V"}],
        "activeDeadlineSeconds": 0,
    }));
    let fields: Vec<&str> = found.iter().filter_map(|text| text.split(':').next()).collect();
    assert_eq!(
        fields,
        [
            "spec.volumes[0].name",
            "spec.containers[0].terminationMessagePolicy",
            "spec.containers[0].ports[0].containerPort",
            "spec.containers[0].env[0].name",
            "spec.containers[0].envFrom",
            "spec.containers[0].volumeMounts[0].name",
            "spec.containers[0].volumeMounts[0].mountPath",
            "spec.containers[0].imagePullPolicy",
            "spec.containers[0].resources.requests[cpu]",
            "spec.containers[0].securityContext.runAsUser",
            "spec.containers[0].lifecycle.preStop",
            "spec.containers[0].livenessProbe",
            "spec.activeDeadlineSeconds",
        ]
    );
}

#[test]
fn a_template_may_leave_host_ports_to_its_pods() {
    let mut given = json!({"hostNetwork": true,
        "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]});
    default::spec(&mut given);
    let path = Path::new("spec");
    assert_eq!(spec::validate(&path, &given, spec::Owner::Template), []);
    assert_eq!(spec::validate(&path, &given, spec::Owner::Pod("p")).len(), 1);
}

#[test]
fn a_template_has_labels_but_no_ephemeral_containers() {
    let mut template = json!({"metadata": {"labels": {"a b": "c"}}, "spec": {
        "containers": [{"name": "c", "image": "i"}], "ephemeralContainers": [{"name": "e", "image": "i"}]}});
    default::template(&mut template);
    let found = validate(&Path::new("spec.template"), &template);
    let fields: Vec<String> = found.iter().map(|error| error.path.to_string()).collect();
    assert_eq!(fields, ["spec.template.labels", "spec.template.spec.ephemeralContainers"]);
    assert_eq!(template.str_at("spec.dnsPolicy"), "ClusterFirst");
}
