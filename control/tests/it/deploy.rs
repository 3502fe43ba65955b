//! From a manifest to an answer over the network.

use std::path::PathBuf;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Api;
use kube::api::{LogParams, PostParams};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::cluster::{Cluster, Options, until};

/// A guest of examples/, built for WASI when the tests are.
pub fn guest(name: &str) -> PathBuf {
    PathBuf::from(env!("CORACLE_GUESTS")).join(format!("{name}.wasm"))
}

/// A pod of one container that runs `image`.
pub fn pod(name: &str, image: &str) -> Pod {
    let pod = json!({
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": image}], "terminationGracePeriodSeconds": 1},
    });
    serde_json::from_value(pod).unwrap()
}

/// Waits until a pod runs, and answers with it.
pub async fn running(pods: &Api<Pod>, name: &str) -> Pod {
    until("the pod runs", || async {
        let pod = pods.get(name).await?;
        let phase = pod.status.as_ref().and_then(|s| s.phase.clone()).unwrap_or_default();
        Ok((phase == "Running").then_some(pod))
    })
    .await
    .unwrap()
}

/// The answer to `GET /` at an address of the cluster, head and body.
pub async fn get(address: &str) -> anyhow::Result<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Where this host reaches an address of the cluster.
pub async fn reach(cluster: &Cluster, address: &str, port: u16) -> String {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_coracle"))
        .args(["address", "--data-dir"])
        .arg(&cluster.data)
        .arg(format!("{address}:{port}"))
        .output()
        .await
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What a program prints arrives in its log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_prints_to_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), Options::default()).await.unwrap();
    cluster.import(&guest("hello-command"), "example.local/hello-command:v1").await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
    pods.create(&PostParams::default(), &pod("hello", "example.local/hello-command:v1")).await.unwrap();
    running(&pods, "hello").await;
    let log = until("the log has a line", || async {
        let log = pods.logs("hello", &LogParams::default()).await?;
        Ok((!log.is_empty()).then_some(log))
    })
    .await
    .unwrap();
    assert!(log.to_lowercase().contains("hello"), "{log}");
}

/// A Deployment of a component answers at each pod's address and through its Service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_answers_through_its_service() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), Options::default()).await.unwrap();
    cluster.import(&guest("hello-http"), "example.local/hello-http:v1").await.unwrap();
    let deployment = json!({
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "example.local/hello-http:v1", "ports": [{"containerPort": 8080}]}]},
        }},
    });
    let service = json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    let deployments: Api<Deployment> = Api::default_namespaced(cluster.client.clone());
    deployments.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await.unwrap();
    let services: Api<Service> = Api::default_namespaced(cluster.client.clone());
    let service = services.create(&PostParams::default(), &serde_json::from_value(service).unwrap()).await.unwrap();
    until("both replicas are available", || async {
        let status = deployments.get("web").await?.status.unwrap_or_default();
        Ok((status.available_replicas == Some(2)).then_some(()))
    })
    .await
    .unwrap();
    let address = service.spec.unwrap().cluster_ip.unwrap();
    let address = reach(&cluster, &address, 80).await;
    let answer = until("the Service answers", || async { Ok(get(&address).await.ok()) }).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
