//! All controllers and the scheduler against the API server in this process: what they do to each other's objects.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod oracle;
#[expect(unreachable_pub, reason = "the API server's own replayer")]
#[path = "../../../apiserver/tests/it/replay/mod.rs"]
mod replay;
mod server;

use std::time::Duration;

use http::{Method, Request};
use serde_json::{Value, json};

use server::ControlPlane;

/// A cluster with the namespace `ns`. It stops when it is dropped.
struct Cluster {
    client: kube::Client,
    _plane: ControlPlane,
}

async fn cluster() -> Cluster {
    let plane = ControlPlane::start(&[]).await;
    let cluster = Cluster { client: plane.client(), _plane: plane };
    cluster.create("/api/v1/namespaces", json!({"metadata": {"name": "ns"}})).await;
    cluster
}

impl Cluster {
    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value, kube::Error> {
        let media = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder().method(method).uri(path).header("content-type", media);
        self.client.request(request.body(serde_json::to_vec(&body).unwrap()).unwrap()).await
    }

    async fn create(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, body).await.unwrap()
    }

    async fn patch(&self, path: &str, body: Value) -> Value {
        self.call(Method::PATCH, path, body).await.unwrap()
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        self.call(Method::GET, path, Value::Null).await.unwrap()["items"].as_array().unwrap().clone()
    }

    /// Asks until the answer is as wanted.
    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..500 {
            last = self.call(Method::GET, path, Value::Null).await.unwrap_or(Value::Null);
            if wanted(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} is still {last:#}");
    }
}

fn node() -> Value {
    let allocatable = json!({"cpu": "4", "memory": "8Gi", "pods": "2000"});
    let taints = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]);
    let conditions = json!([{"type": "Ready", "status": "True", "lastHeartbeatTime": "2999-01-01T00:00:00Z"}]);
    json!({
        "metadata": {"name": "n"}, "spec": {"taints": taints},
        "status": {"allocatable": allocatable, "conditions": conditions},
    })
}

fn deployment(replicas: u32) -> Value {
    let spec = json!({"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "1"}]});
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": spec});
    let rolling = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
    json!({"metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template,
        "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
    }})
}

const NODES: &str = "/api/v1/nodes";
const PODS: &str = "/api/v1/namespaces/ns/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/ns/deployments";
const SETS: &str = "/apis/apps/v1/namespaces/ns/replicasets";

/// Plays the node: every bound pod becomes ready.
async fn run_pods(cluster: &Cluster) {
    for (at, pod) in cluster.items(PODS).await.iter().enumerate() {
        let bound = pod["spec"]["nodeName"].is_string() && pod["metadata"]["deletionTimestamp"].is_null();
        if bound && pod["status"]["phase"] == "Pending" {
            let ready = json!([{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
            let ip = format!("10.42.{}.{}", at / 250, at % 250 + 1);
            let status = json!({"phase": "Running", "podIPs": [{"ip": ip}], "conditions": ready});
            let path = format!("{PODS}/{}/status", pod["metadata"]["name"].as_str().unwrap());
            let _ = cluster.call(Method::PATCH, &path, json!({"status": status})).await;
        }
    }
}

async fn until_available(cluster: &Cluster, replicas: u32) -> Value {
    for _ in 0..500 {
        run_pods(cluster).await;
        let path = format!("{DEPLOYMENTS}/web");
        let found = cluster.call(Method::GET, &path, Value::Null).await.unwrap();
        let status = &found["status"];
        let is_done =
            ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|count| status[count] == replicas);
        if is_done && status["observedGeneration"] == found["metadata"]["generation"] {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:#} {:#?}", cluster.items(SETS).await.into_iter().collect::<Value>(), cluster.items(PODS).await.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_is_scheduled_rolled_out_scaled_and_deleted() {
    let cluster = cluster().await;
    cluster.create(NODES, node()).await;
    cluster
        .until("/api/v1/nodes/n", |node| node["spec"]["taints"].is_null() && node["spec"]["podCIDR"] == "10.42.0.0/18")
        .await;
    cluster.create(DEPLOYMENTS, deployment(3)).await;
    let first = until_available(&cluster, 3).await;
    assert_eq!(first["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    let path = format!("{DEPLOYMENTS}/web");
    cluster.patch(&path, json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "2"}]}}}})).await;
    let second = until_available(&cluster, 3).await;
    assert_eq!(second["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    assert_eq!(second["status"]["conditions"][1]["reason"], "NewReplicaSetAvailable");
    assert_eq!(cluster.items(SETS).await.len(), 2);
    cluster.patch(&path, json!({"spec": {"replicas": 1}})).await;
    until_available(&cluster, 1).await;
    cluster.call(Method::DELETE, &path, json!({"propagationPolicy": "Foreground"})).await.unwrap();
    cluster.until(PODS, |pods| pods["items"] == json!([])).await;
    cluster.until(SETS, |sets| sets["items"] == json!([])).await;
    cluster.until(DEPLOYMENTS, |deployments| deployments["items"] == json!([])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_pods_are_made_once_each_and_bound() {
    let cluster = cluster().await;
    cluster.create(NODES, node()).await;
    cluster.create(DEPLOYMENTS, deployment(200)).await;
    let all_bound = |pods: &Value| {
        let pods = pods["items"].as_array().unwrap();
        pods.len() == 200 && pods.iter().all(|pod| pod["spec"]["nodeName"] == "n")
    };
    cluster.until(PODS, all_bound).await;
    cluster.until(&format!("{DEPLOYMENTS}/web"), |web| web["status"]["replicas"] == 200).await;
    assert_eq!(cluster.items(PODS).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_counts_each_of_its_pods_once() {
    let cluster = cluster().await;
    let containers = json!([{"name": "c", "image": "1"}]);
    let spec = json!({"restartPolicy": "Never", "schedulerName": "none", "containers": containers});
    let template = json!({"metadata": {}, "spec": spec});
    let job = json!({"metadata": {"name": "work"}, "spec": {"completions": 5, "parallelism": 2, "template": template}});
    cluster.create("/apis/batch/v1/namespaces/ns/jobs", job).await;
    for _ in 0..500 {
        for pod in cluster.items(PODS).await {
            if pod["status"]["phase"] == "Pending" {
                let path = format!("{PODS}/{}/status", pod["metadata"]["name"].as_str().unwrap());
                let _ = cluster.call(Method::PATCH, &path, json!({"status": {"phase": "Succeeded"}})).await;
            }
        }
        let job = cluster.items("/apis/batch/v1/namespaces/ns/jobs").await.remove(0);
        if job["status"]["conditions"][1]["type"] == "Complete" {
            assert_eq!(job["status"]["succeeded"], 5);
            assert_eq!(job["status"]["uncountedTerminatedPods"], json!({}));
            assert_eq!(cluster.items(PODS).await.len(), 5);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:#?}", cluster.items("/apis/batch/v1/namespaces/ns/jobs").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_lists_its_pods_and_a_namespace_is_emptied() {
    let cluster = cluster().await;
    cluster.create(NODES, node()).await;
    let port = json!({"port": 80, "protocol": "TCP", "targetPort": 80});
    let service = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [port]}});
    cluster.create("/api/v1/namespaces/ns/services", service).await;
    cluster.create(DEPLOYMENTS, deployment(2)).await;
    until_available(&cluster, 2).await;
    let ready = |slices: &Value| {
        let endpoints = slices["items"][0]["endpoints"].as_array().map_or(0, Vec::len);
        slices["items"].as_array().unwrap().len() == 1 && endpoints == 2
    };
    cluster.until("/apis/discovery.k8s.io/v1/namespaces/ns/endpointslices", ready).await;
    let addresses =
        |endpoints: &Value| endpoints["subsets"][0]["addresses"].as_array().is_some_and(|all| all.len() == 2);
    cluster.until("/api/v1/namespaces/ns/endpoints/web", addresses).await;
    cluster
        .until("/api/v1/namespaces/ns/configmaps/kube-root-ca.crt", |ca| ca["data"]["ca.crt"] == server::CA_PEM)
        .await;
    cluster.until("/api/v1/namespaces/ns/serviceaccounts/default", Value::is_object).await;
    cluster.call(Method::DELETE, "/api/v1/namespaces/ns", json!({})).await.unwrap();
    cluster.until("/api/v1/namespaces/ns", Value::is_null).await;
    assert!(cluster.items(PODS).await.is_empty());
}
