//! What pods go through, as their watchers and the readers of their logs see it.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::api::Change;
use crate::bug::PanicOn;
use crate::node::Node;

fn phase(pod: Option<&Value>, wanted: &str) -> bool {
    pod.is_some_and(|it| it["status"]["phase"] == wanted)
}

/// One line for each change, equal neighbours merged.
fn told(changes: &[Change]) -> Vec<String> {
    let mut lines: Vec<String> = changes.iter().map(show).collect();
    lines.dedup();
    lines
}

fn show(change: &Change) -> String {
    let status = &change.object["status"];
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let condition = |name: &str| {
        let found = conditions.iter().find(|it| it["type"] == name);
        found.map_or("-".to_owned(), |it| {
            format!("{}/{}", it["status"].as_str().unwrap(), it["reason"].as_str().unwrap_or(""))
        })
    };
    let state = status["containerStatuses"][0]["state"].as_object().and_then(|it| it.iter().next());
    let state = state.map_or("-".to_owned(), |(name, it)| format!("{name}/{}", it["reason"].as_str().unwrap_or("")));
    format!(
        "{} {} {state} sandbox={} ready={}",
        change.what,
        status["phase"].as_str().unwrap_or("-"),
        condition("PodReadyToStartContainers"),
        condition("Ready")
    )
}

/// `oracle/kubelet/lifecycle-watch.txt` and `completes.txt`.
#[tokio::test]
async fn a_pod_that_runs_to_its_end_is_told_stage_by_stage() {
    let node = Node::start();
    let path = node.pod("done", "hello", json!({}), json!({}));
    node.api.until(&path, |it| phase(it, "Succeeded")).await;
    let lines = told(&node.api.history(&path));
    assert_eq!(
        lines,
        [
            "ADDED - - sandbox=- ready=-",
            "MODIFIED Pending waiting/ContainerCreating sandbox=False/PodSandboxNotReady ready=False/ContainersNotReady",
            "MODIFIED Pending waiting/ContainerCreating sandbox=True/ ready=False/ContainersNotReady",
            "MODIFIED Running running/ sandbox=True/ ready=True/",
            "MODIFIED Running terminated/Completed sandbox=True/ ready=False/PodCompleted",
            "MODIFIED Succeeded terminated/Completed sandbox=False/PodSandboxNotReady ready=False/PodCompleted",
        ]
    );
    assert_eq!(node.ask("/containerLogs/ns/done/c").await, (200, "hello\n".to_owned()));
    assert_eq!(
        node.events("done", "Started").await,
        [
            "Pulled: Container image \"example.local/hello:1\" already present on machine and can be accessed by the pod",
            "Created: Container created",
            "Started: Container started",
        ]
    );
    node.api.delete(&path, None);
    node.api.until(&path, |it| it.is_none()).await;
}

/// `oracle/kubelet/deletion-watch.txt`, the pod that does not heed.
#[tokio::test]
async fn a_running_pod_that_is_deleted_ends_and_then_goes() {
    let node = Node::start();
    let path = node.pod("deaf", "sleeps", json!({}), json!({}));
    node.api.until(&path, |it| phase(it, "Running")).await;
    let before = node.api.history(&path).len();
    node.api.delete(&path, None);
    node.api.until(&path, |it| it.is_none()).await;
    let lines = told(&node.api.history(&path)[before..]);
    assert_eq!(
        lines,
        [
            "MODIFIED Running running/ sandbox=True/ ready=True/",
            "MODIFIED Failed terminated/Error sandbox=False/PodSandboxNotReady ready=False/PodFailed",
            "DELETED Failed terminated/Error sandbox=False/PodSandboxNotReady ready=False/PodFailed",
        ]
    );
    assert!(node.events("deaf", "Killing").await.contains(&"Killing: Stopping container c".to_owned()));
}

#[tokio::test]
async fn a_container_that_fails_restarts_once_at_once_and_then_waits() {
    let node = Node::start();
    let path = node.pod("loop", "fails", json!({}), json!({"restartPolicy": "Always"}));
    let pod = node.api.until(&path, |it| {
        it.is_some_and(|it| it["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff")
    });
    let pod = pod.await.unwrap();
    let container = &pod["status"]["containerStatuses"][0];
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(container["restartCount"], 1);
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 1);
    assert_eq!(
        container["state"]["waiting"]["message"],
        format!("back-off 10s restarting failed container=c pod=loop_ns({uid})")
    );
    let events = node.events("loop", "BackOff").await;
    let message = format!("BackOff: Back-off restarting failed container c in pod loop_ns({uid})");
    assert!(events.contains(&message), "{events:?}");
}

#[tokio::test]
async fn what_is_missing_is_waited_for() {
    let node = Node::start();
    let absent = node.pod("absent", "absent", json!({}), json!({}));
    let env = json!({"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "a"}}}]});
    let config = node.pod("config", "hello", env, json!({}));
    let reason = |it: &Value| it["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].clone();
    node.api.until(&absent, |it| it.is_some_and(|it| reason(it) == "ImagePullBackOff")).await;
    let history = node.api.history(&absent);
    let failure = history
        .iter()
        .find(|it| ["ErrImagePull", "RegistryUnavailable"].contains(&reason(&it.object).as_str().unwrap_or_default()))
        .unwrap();
    let message = &failure.object["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
    assert!(message.as_str().unwrap().contains("example.local/absent:1"), "{message}");
    assert_eq!(
        node.ask("/containerLogs/ns/absent/c").await,
        (400, "container \"c\" in pod \"absent\" is waiting to start: trying and failing to pull image".to_owned())
    );
    let pod = node.api.until(&config, |it| it.is_some_and(|it| reason(it) == "CreateContainerConfigError")).await;
    assert_eq!(
        pod.unwrap()["status"]["containerStatuses"][0]["state"]["waiting"]["message"],
        "configmap \"absent\" not found"
    );
}

/// A class names a handler; whether there is such a one is the runtime's word, which the Node repeats.
#[tokio::test]
async fn a_pod_runs_by_the_handler_of_its_runtime_class() {
    let node = Node::start();
    let class = |name: &str, handler: &str| json!({"metadata": {"name": name}, "handler": handler});
    node.api.create("/apis/node.k8s.io/v1/runtimeclasses", class("wasm", "coracle"));
    node.api.create("/apis/node.k8s.io/v1/runtimeclasses", class("linux", "runc"));
    let pod = |name: &str, class: &str| node.pod(name, "hello", json!({}), json!({"runtimeClassName": class}));
    let (ours, others, nobodys) = (pod("ours", "wasm"), pod("others", "linux"), pod("nobodys", "absent"));
    node.api.until(&ours, |it| phase(it, "Succeeded")).await;
    for (name, reason) in [("others", "no runtime for `runc` is configured"), ("nobodys", "not found")] {
        let events = node.events(name, "FailedCreatePodSandBox").await.concat();
        assert!(events.contains("Failed to create pod sandbox: ") && events.contains(reason), "{events}");
    }
    for path in [others, nobodys] {
        assert_ne!(node.api.get(&path).unwrap()["status"]["phase"], "Running");
    }
    let ready = |it: Option<&Value>| it.is_some_and(|it| it["status"]["runtimeHandlers"].is_array());
    let object = node.api.until("/api/v1/nodes/node", ready).await.unwrap();
    let handlers = object["status"]["runtimeHandlers"].as_array().unwrap();
    assert_eq!(handlers.iter().map(|it| it["name"].as_str().unwrap()).collect::<Vec<_>>(), ["", "coracle"]);
}

#[tokio::test]
async fn a_pod_that_asks_for_too_much_is_refused() {
    let node = Node::start();
    let path = node.pod("host", "hello", json!({}), json!({"hostNetwork": true}));
    let pod = node.api.until(&path, |it| phase(it, "Failed")).await.unwrap();
    assert_eq!(pod["status"]["reason"], "Unsupported");
    let message = "spec.hostNetwork is refused by this node: pods share one process and have no Linux namespaces";
    assert_eq!(pod["status"]["message"], format!("Pod was rejected: {message}"));
    assert!(pod["status"]["conditions"].is_null());
    assert_eq!(node.events("host", "Unsupported").await, [format!("Unsupported: {message}")]);
    node.api.delete(&path, None);
    node.api.until(&path, |it| it.is_none()).await;
}

#[tokio::test]
async fn pods_run_again_after_the_agent_was_restarted() {
    let node = Node::start();
    let path = node.pod("again", "sleeps", json!({}), json!({"restartPolicy": "Always"}));
    node.api.until(&path, |it| phase(it, "Running")).await;
    let node = node.restart().await;
    let restarted = |it: Option<&Value>| it.is_some_and(|it| it["status"]["containerStatuses"][0]["restartCount"] == 1);
    let pod = node.api.until(&path, restarted).await.unwrap();
    let container = &pod["status"]["containerStatuses"][0];
    assert!(container["state"]["running"].is_object());
    assert_eq!(container["lastState"]["terminated"]["reason"], "RuntimeRestarted");
}

#[tokio::test]
async fn the_node_registers_itself_and_lives() {
    let node = Node::start();
    let ready = |it: Option<&Value>| it.is_some_and(|it| it["status"]["conditions"][3]["status"] == "True");
    let object = node.api.until("/api/v1/nodes/node", ready).await.unwrap();
    assert_eq!(object["spec"]["podCIDR"], "10.42.0.0/24");
    assert_eq!(object["metadata"]["labels"]["kubernetes.io/os"], "linux");
    assert_eq!(object["status"]["conditions"][3]["reason"], "KubeletReady");
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node";
    let lease = node.api.until(lease, |it| it.is_some()).await.unwrap();
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 40);
    assert_eq!(node.ask("/healthz").await, (200, "ok".to_owned()));
}

/// `oracle/kubelet/probe-readiness.txt` and `probe-liveness.txt`. The test answers on the pod's address in its place.
#[tokio::test]
async fn probes_decide_readiness_and_restarts() {
    let node = Node::start();
    let probe =
        |path: &str| json!({"httpGet": {"port": "web", "path": path}, "periodSeconds": 1, "failureThreshold": 1});
    let container = json!({"ports": [{"name": "web", "containerPort": 8080}], "readinessProbe": probe("/ready"),
        "livenessProbe": probe("/alive")});
    let path = node.pod("web", "sleeps", container, json!({"restartPolicy": "Always"}));
    let container = |it: Option<&Value>| it.map(|it| it["status"]["containerStatuses"][0].clone()).unwrap_or_default();

    // Nobody listens: not ready, and soon restarted.
    let pod = node.api.until(&path, |it| container(it)["restartCount"] == 1).await.unwrap();
    let ip = pod["status"]["podIP"].as_str().unwrap().to_owned();
    let events = node.events("web", "Killing").await;
    let refused = format!("dial tcp {ip}:8080: connect: connection refused");
    for expected in [
        format!("Unhealthy: Readiness probe failed: Get \"http://{ip}:8080/ready\": {refused}"),
        format!("Unhealthy: Liveness probe failed: Get \"http://{ip}:8080/alive\": {refused}"),
        "Killing: Container c failed liveness probe, will be restarted".to_owned(),
    ] {
        assert!(events.contains(&expected), "{expected}: {events:?}");
    }
    assert!(node.api.history(&path).iter().all(|it| container(Some(&it.object))["ready"] != true));

    let address = format!("{ip}:8080").parse().unwrap();
    let server = axum::Router::new()
        .route("/alive", axum::routing::get(async || (StatusCode::FOUND, [("location", "http://192.0.2.9/")], "moved")))
        .route("/ready", axum::routing::get(async || (StatusCode::FOUND, [("location", "elsewhere")])))
        .route("/elsewhere", axum::routing::get(async || "yes"));
    let listener = tokio::net::TcpListener::bind(node.host_address(address)).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, server).await });
    node.api.until(&path, |it| container(it)["ready"] == true).await;
    let warning = "ProbeWarning: Liveness probe warning: Probe terminated redirects, Response body: moved";
    node.events("web", warning).await;
}

/// `oracle/kubelet/env.txt`, `volume-files.txt` and `termination-message.txt`, as far as a component can see them.
#[tokio::test]
async fn a_container_gets_what_its_pod_says() {
    let node = Node::start();
    node.import_actor();
    node.api.create("/api/v1/namespaces/ns/configmaps", json!({"metadata": {"name": "conf"}, "data": {"a": "one"}}));
    let shared = json!({"volumeMounts": [
        {"name": "conf", "mountPath": "/conf"}, {"name": "conf", "mountPath": "/sub", "subPath": "a"},
        {"name": "token", "mountPath": "/token"}, {"name": "empty", "mountPath": "/empty"}],
        "env": [{"name": "X", "value": "x"}, {"name": "Y", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "a"}}}],
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "FallbackToLogsOnError"});
    let volumes = json!({"volumes": [{"name": "conf", "configMap": {"name": "conf"}}, {"name": "empty", "emptyDir": {}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]});
    let act = |name: &str, args: Value| {
        let mut container = shared.clone();
        container["args"] = args;
        node.pod(name, "actor", container, volumes.clone())
    };
    let rows = [
        ("env", json!(["-", "env"]), "HOSTNAME=env", ""),
        ("expanded", json!(["-", "print", "$(X) $(Y) $(Z) $$(X)"]), "x one $(Z) $(X)\n", ""),
        ("conf", json!(["-", "read", "/conf/a"]), "one", ""),
        ("sub", json!(["-", "read", "/sub"]), "one", ""),
        ("token", json!(["-", "read", "/token/t"]), "token ", ""),
        ("empty", json!(["-", "write", "/empty/f", "x"]), "written", ""),
        ("readonly", json!(["-", "write", "/conf/f", "x"]), "error", ""),
        ("message", json!(["-", "write", "/dev/termination-log", "all is well"]), "written", "all is well"),
    ];
    for (name, args, log, message) in rows {
        let path = act(name, args);
        let pod = node.api.until(&path, |it| phase(it, "Succeeded") || phase(it, "Failed")).await.unwrap();
        let (_, text) = node.ask(&format!("/containerLogs/ns/{name}/c")).await;
        assert!(text.contains(log), "{name}: {text}");
        let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        assert_eq!(ended["exitCode"], 0, "{name}: {ended} {text}");
        assert_eq!(ended["message"].as_str().unwrap_or_default(), message, "{name}");
    }
    let path = act("fails", json!(["-", "panic"]));
    let pod = node.api.until(&path, |it| phase(it, "Failed")).await.unwrap();
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert!(ended["message"].as_str().unwrap_or_default().contains("as told"), "{ended}");
}

/// `oracle/kubelet/volume-live-update.txt`. What is deleted stays, unless it is optional; `subPath` does not follow.
#[tokio::test]
async fn volumes_follow_what_they_show() {
    let node = Node::start();
    node.import_actor();
    let (maps, secrets) = ("/api/v1/namespaces/ns/configmaps", "/api/v1/namespaces/ns/secrets");
    node.api.create(maps, json!({"metadata": {"name": "conf"}, "data": {"a": "one", "b": "here"}}));
    node.api.create(secrets, json!({"metadata": {"name": "key"}, "data": {"k": "b25l"}}));
    let container = json!({"args": ["-", "follow", "/conf/a", "/conf/b", "/sub", "/all/k", "/all/labels", "/all/t", "/maybe/x"],
        "volumeMounts": [{"name": "conf", "mountPath": "/conf"}, {"name": "conf", "mountPath": "/sub", "subPath": "a"},
            {"name": "all", "mountPath": "/all"}, {"name": "maybe", "mountPath": "/maybe"}]});
    let labels = json!({"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]});
    let spec = json!({"volumes": [{"name": "conf", "configMap": {"name": "conf"}},
        {"name": "maybe", "configMap": {"name": "maybe", "optional": true}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "key"}}, {"downwardAPI": labels},
            {"serviceAccountToken": {"path": "t"}}]}}]});
    let path = node.pod("live", "actor", container, spec);
    for text in ["/conf/a: one", "/conf/b: here", "/sub: one", "/all/k: one", "/all/t: token 0", "/maybe/x: error"] {
        node.says("live", text).await;
    }

    node.api.change(&format!("{maps}/conf"), &json!({"data": {"a": "two", "b": null}}));
    node.says("live", "/conf/a: two").await;
    node.says("live", "/conf/b: error").await;
    node.api.change(&format!("{secrets}/key"), &json!({"data": {"k": "dHdv"}}));
    node.says("live", "/all/k: two").await;
    node.api.change(&path, &json!({"metadata": {"labels": {"x": "new"}}}));
    node.says("live", "/all/labels: x=\"new\"").await;
    // Tokens are renewed on their own clock, not with the rest.
    node.says("live", "/all/t: token 1").await;
    node.api.create(maps, json!({"metadata": {"name": "maybe"}, "data": {"x": "come"}}));
    node.says("live", "/maybe/x: come").await;
    node.api.delete(&format!("{maps}/maybe"), Some(0));
    node.says("live", "/maybe/x: come\n/maybe/x: error").await;

    node.api.delete(&format!("{maps}/conf"), Some(0));
    let gone = "FailedMount: MountVolume.SetUp failed for volume \"conf\" : configmap \"conf\" not found";
    node.events("live", gone).await;
    node.api.create(maps, json!({"metadata": {"name": "conf"}, "data": {"a": "three"}}));
    node.says("live", "/conf/a: three").await;
    let (_, log) = node.ask("/containerLogs/ns/live/c").await;
    let of = |path: &str| log.lines().filter(|it| it.starts_with(path)).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(of("/conf/a"), ["/conf/a: one", "/conf/a: two", "/conf/a: three"], "what was deleted stayed");
    assert_eq!(of("/sub"), ["/sub: one"]);
}

/// A worker's bug once left its pod stuck and its address taken for as long as the agent ran.
#[tokio::test]
async fn a_pod_whose_worker_panics_runs_again_on_the_only_address() {
    let node = Node::start_with("10.42.0.0/30");
    let _bug = tracing::subscriber::set_default(PanicOn::new("could not write a status"));
    let path = node.pod("unlucky", "sleeps", json!({}), json!({"restartPolicy": "Always"}));
    let before = node.api.until(&path, |it| phase(it, "Running")).await.unwrap();
    node.api.fail_a_status();
    node.api.change(&path, &json!({"metadata": {"generation": 2}}));
    let again = |it: Option<&Value>| {
        it.is_some_and(|it| {
            let container = &it["status"]["containerStatuses"][0];
            container["restartCount"] == 1 && container["state"]["running"].is_object()
        })
    };
    let after = node.api.until(&path, again).await.unwrap();
    assert_eq!(after["status"]["podIP"], before["status"]["podIP"]);
    node.api.delete(&path, None);
    node.api.until(&path, |it| it.is_none()).await;
}
