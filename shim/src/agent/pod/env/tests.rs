//! Environments as a kubelet makes them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;

fn sources() -> Sources {
    let mut sources = Sources::default();
    let map = json!({"data": {"a": "from a", "b": "from b", "bad-name": "x", "1num": "y"}});
    sources.config_maps.insert("conf".to_owned(), serde_json::from_value(map).unwrap());
    let secret = json!({"data": {"a": "c2VjcmV0IGE=", "s": "c2VjcmV0IHM="}});
    sources.secrets.insert("sec".to_owned(), serde_json::from_value(secret).unwrap());
    sources
}

/// `oracle/kubelet/env.txt`, its first pod.
#[test]
fn an_environment_is_what_a_kubelet_makes_of_it() {
    let container: Container = serde_json::from_value(json!({"name": "c", "env": [
        {"name":"ONE","value":"1"}, {"name":"TWO","value":"$(ONE)-2"}, {"name":"THREE","value":"$$(ONE)"},
        {"name":"FOUR","value":"$(LATER) $(ONE"}, {"name":"LATER","value":"l"}, {"name":"ONE","value":"one again"},
        {"name":"FIVE","value":"$(ONE)"}, {"name":"a","value":"own a"}, {"name":"FROMENV","value":"$(P_s)"},
        {"name":"KUBE","value":"$(KUBERNETES_SERVICE_PORT)"}, {"name":"EMPTY"},
        {"name":"S","valueFrom":{"secretKeyRef":{"name":"sec","key":"s"}}},
        {"name":"C","valueFrom":{"configMapKeyRef":{"name":"conf","key":"b"}}}],
        "envFrom": [{"configMapRef":{"name":"conf"}}, {"prefix":"P_","secretRef":{"name":"sec"}},
        {"secretRef":{"name":"sec"}}]}))
    .unwrap();
    let kubernetes = ServiceLink {
        name: "kubernetes".to_owned(),
        ip: "10.96.0.1".to_owned(),
        ports: vec![("https".to_owned(), 443, "TCP".to_owned())],
    };
    let env = build(&Pod::default(), &container, &sources(), &[kubernetes], &Facts::default()).unwrap();
    let mut lines: Vec<String> = env.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
    lines.sort();
    let expected = "1num=y
C=from b
EMPTY=
FIVE=one again
FOUR=$(LATER) $(ONE
FROMENV=secret s
KUBE=443
KUBERNETES_PORT=tcp://10.96.0.1:443
KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443
KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1
KUBERNETES_PORT_443_TCP_PORT=443
KUBERNETES_PORT_443_TCP_PROTO=tcp
KUBERNETES_SERVICE_HOST=10.96.0.1
KUBERNETES_SERVICE_PORT=443
KUBERNETES_SERVICE_PORT_HTTPS=443
LATER=l
ONE=one again
P_a=secret a
P_s=secret s
S=secret s
THREE=$(ONE)
TWO=1-2
a=own a
b=from b
bad-name=x
s=secret s";
    assert_eq!(lines.join("\n"), expected);
    assert_eq!(env.expand("arg $(ONE) $(NOSUCH) $$(ONE)"), "arg one again $(NOSUCH) $(ONE)");
}

/// `oracle/kubelet/config-missing.txt`.
#[test]
fn what_is_missing_is_named() {
    let rows = [
        (json!({"configMapKeyRef":{"name":"absent","key":"a"}}), "configmap \"absent\" not found"),
        (json!({"configMapKeyRef":{"name":"conf","key":"z"}}), "couldn't find key z in ConfigMap ns/conf"),
        (json!({"secretKeyRef":{"name":"absent","key":"a"}}), "secret \"absent\" not found"),
    ];
    let pod: Pod = serde_json::from_value(json!({"metadata":{"namespace":"ns"}})).unwrap();
    for (from, message) in rows {
        let container = json!({"name": "c", "env": [{"name": "X", "valueFrom": from}]});
        let container: Container = serde_json::from_value(container).unwrap();
        let err = build(&pod, &container, &sources(), &[], &Facts::default()).unwrap_err();
        assert_eq!(err, message);
    }
}

/// `oracle/kubelet/downward-api.txt`.
#[test]
fn a_pod_knows_its_resources() {
    let container: Container = serde_json::from_value(json!({"name": "c", "resources": {
        "requests": {"cpu": "100m", "memory": "16Mi"},
        "limits": {"cpu": "1500m", "memory": "32Mi", "ephemeral-storage": "2Mi"}}}))
    .unwrap();
    let rows = [
        ("limits.cpu", "0", "2"),
        ("limits.cpu", "1m", "1500"),
        ("requests.cpu", "0", "1"),
        ("limits.memory", "0", "33554432"),
        ("limits.memory", "1Mi", "32"),
        ("requests.memory", "1Mi", "16"),
        ("limits.ephemeral-storage", "0", "2097152"),
    ];
    for (resource, divisor, expected) in rows {
        let selector = serde_json::from_value(json!({"resource": resource, "divisor": divisor})).unwrap();
        assert_eq!(downward::resource(&container, &Facts::default(), &selector).unwrap(), expected, "{resource}");
    }
}
