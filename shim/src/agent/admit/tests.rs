//! Which pods are taken and which are refused, row by row.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;

const NODE: Requests = Requests { cpu_millis: 2000, memory_bytes: 1 << 30, pods: 10 };

fn ask(spec: Value) -> Result<(), Refusal> {
    let pod: Pod = serde_json::from_value(json!({"spec": spec})).unwrap();
    let labels = BTreeMap::from([("kubernetes.io/os".to_owned(), "linux".to_owned())]);
    admit(&pod, "node", &labels, Requests { cpu_millis: 500, memory_bytes: 0, pods: 1 }, NODE)
}

fn container(fields: Value) -> Value {
    let mut container = json!({"name": "c", "image": "i"});
    container.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"containers": [container]})
}

#[test]
fn an_ordinary_pod_is_taken() {
    let spec = json!({"containers": [{"name": "c", "image": "i",
        "resources": {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "readinessProbe": {"httpGet": {"port": 8080}}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
        "volumes": [{"name": "v", "emptyDir": {}}], "nodeSelector": {"kubernetes.io/os": "linux"}});
    assert_eq!(ask(spec), Ok(()));
}

/// One pod for each row of the table, which must be refused by that row.
#[test]
fn every_rule_refuses() {
    let volume = |source: Value| json!({"containers": [], "volumes": [source]});
    let cases = [
        json!({"containers": [], "hostNetwork": true}),
        json!({"containers": [], "hostPID": true}),
        json!({"containers": [], "hostIPC": true}),
        json!({"containers": [], "shareProcessNamespace": true}),
        json!({"containers": [], "os": {"name": "windows"}}),
        json!({"containers": [], "resources": {"limits": {"cpu": "1"}}}),
        json!({"containers": [], "resourceClaims": [{"name": "x"}]}),
        json!({"containers": [], "hostAliases": [{"ip": "192.0.2.1"}]}),
        json!({"containers": [], "dnsConfig": {}}),
        json!({"containers": [], "dnsPolicy": "None"}),
        json!({"containers": [], "setHostnameAsFQDN": true}),
        json!({"containers": [], "securityContext": {"sysctls": [{"name": "x", "value": "y"}]}}),
        volume(json!({"name": "v", "hostPath": {"path": "/"}})),
        json!({"containers": [], "initContainers": [{"name": "i", "restartPolicy": "Always"}]}),
        container(json!({"restartPolicy": "Always"})),
        container(json!({"restartPolicyRules": [{"action": "Restart"}]})),
        container(json!({"securityContext": {"privileged": true}})),
        container(json!({"lifecycle": {"preStop": {"sleep": {"seconds": 1}}}})),
        container(json!({"livenessProbe": {"exec": {"command": ["true"]}}})),
        container(json!({"readinessProbe": {"grpc": {"port": 1}}})),
        container(json!({"startupProbe": {"httpGet": {"port": 1, "scheme": "HTTPS"}}})),
        container(json!({"workingDir": "/work"})),
        container(json!({"volumeDevices": [{"name": "d", "devicePath": "/dev/x"}]})),
        container(json!({"volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": "$(X)"}]})),
        container(json!({"ports": [{"containerPort": 80, "hostPort": 80}]})),
        container(
            json!({"env": [{"name": "X", "valueFrom": {"fileKeyRef": {"key": "k", "path": "p", "volumeName": "v"}}}]}),
        ),
        container(json!({"resources": {"limits": {"ephemeral-storage": "1Mi"}}})),
    ];
    assert_eq!(cases.len(), RULES.len());
    for (case, rule) in cases.into_iter().zip(RULES) {
        let refusal = ask(case).unwrap_err();
        assert_eq!(refusal.reason, "Unsupported");
        assert_eq!(refusal.message, format!("{} is refused by this node: {}", rule.field, rule.why));
    }
}

/// `oracle/kubelet/rejected-by-node.txt`.
#[test]
fn a_pod_that_does_not_fit_is_refused_in_the_kubelets_words() {
    let refused = |spec| {
        let refusal = ask(spec).unwrap_err();
        format!("{}: {}", refusal.reason, refusal.message)
    };
    assert_eq!(
        refused(json!({"containers": [], "nodeSelector": {"no": "such"}})),
        "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    );
    assert_eq!(
        refused(container(json!({"resources": {"requests": {"cpu": "1501m"}}}))),
        "OutOfcpu: Node didn't have enough resource: cpu, requested: 1501, used: 500, capacity: 2000"
    );
    assert_eq!(
        refused(container(json!({"resources": {"requests": {"memory": "2Gi"}}}))),
        "OutOfmemory: Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824"
    );
    assert_eq!(ask(container(json!({"resources": {"limits": {"example.com/gadget": "1"}}}))), Ok(()));
}
