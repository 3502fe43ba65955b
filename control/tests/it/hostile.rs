//! What a bad guest may cost: itself. Its neighbors keep answering, and its status says what happened.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::cluster::{Cluster, Options, until};
use crate::deploy::{self, guest};

/// How often the neighbor is asked while the bad guest runs.
const REQUESTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_bomb_is_killed_for_its_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (cluster, address) = with_neighbor(folder.path()).await;
    let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
    pods.create(&PostParams::default(), &bad("bomb", "memory", "64Mi", "1")).await.unwrap();
    let end = until("the bomb ends", || async { Ok(terminated(&pods.get("bomb").await?)) }).await.unwrap();
    assert_eq!((end.reason.as_deref(), end.exit_code), (Some("OOMKilled"), 137));
    assert_neighbor_answers(&address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_infinite_loop_is_throttled_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (cluster, address) = with_neighbor(folder.path()).await;
    let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
    pods.create(&PostParams::default(), &bad("loop", "loop", "64Mi", "100m")).await.unwrap();
    deploy::running(&pods, "loop").await;
    assert_neighbor_answers(&address).await;
    pods.delete("loop", &Default::default()).await.unwrap();
    until("the loop is gone", || async { Ok(pods.get_opt("loop").await?.is_none().then_some(())) }).await.unwrap();
}

/// A cluster in which one well-behaved HTTP pod answers at the address.
async fn with_neighbor(folder: &std::path::Path) -> (Cluster, String) {
    let cluster = Cluster::start(folder, Options::default()).await.unwrap();
    for image in ["hello-http", "limits"] {
        cluster.import(&guest(image), &format!("example.local/{image}:v1")).await.unwrap();
    }
    let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
    pods.create(&PostParams::default(), &deploy::pod("neighbor", "example.local/hello-http:v1")).await.unwrap();
    let pod = deploy::running(&pods, "neighbor").await;
    let address = deploy::reach(&cluster, &pod.status.unwrap().pod_ip.unwrap(), 8080).await;
    (cluster, address)
}

fn bad(name: &str, vice: &str, memory: &str, cpu: &str) -> Pod {
    let pod = json!({
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [{
            "name": "main", "image": "example.local/limits:v1", "args": [vice],
            "resources": {"limits": {"memory": memory, "cpu": cpu}},
        }]},
    });
    serde_json::from_value(pod).unwrap()
}

fn terminated(pod: &Pod) -> Option<ContainerStateTerminated> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()?.state.as_ref()?.terminated.clone()
}

async fn assert_neighbor_answers(address: &str) {
    for request in 0..REQUESTS {
        let answer = deploy::get(address).await;
        assert!(answer.as_ref().is_ok_and(|a| a.starts_with("HTTP/1.1 200")), "request {request}: {answer:?}");
    }
}
