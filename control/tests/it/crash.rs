//! What a power cut may cost: nothing that was acknowledged.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, ResourceExt};

use crate::cluster::{Cluster, Options, until};
use crate::deploy;

/// How often the server is killed.
const KILLS: usize = 20;
/// Clients that write at the same time.
const WRITERS: usize = 4;

/// What writers know of their own writes: name to (revision, value) of the last acknowledged one.
type Acknowledged = HashMap<String, (u64, String)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_and_pods_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::new();
    let mut highest = 0;
    for round in 0..KILLS {
        // The node restarts its pods in every round; waiting for them in the last one is enough.
        let cluster = Cluster::start(folder.path(), Options::default()).await.unwrap();
        if round == 0 {
            cluster.import(&deploy::guest("hello-command"), "example.local/hello-command:v1").await.unwrap();
            let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
            pods.create(&PostParams::default(), &deploy::pod("survivor", "example.local/hello-command:v1"))
                .await
                .unwrap();
            deploy::running(&pods, "survivor").await;
        }
        let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client.clone());
        verify(&maps, &acknowledged).await;
        let revision = maps.list(&Default::default()).await.unwrap().metadata.resource_version.unwrap();
        let revision: u64 = revision.parse().unwrap();
        assert!(revision >= highest, "round {round}: revision went from {highest} back to {revision}");
        highest = write_until_killed(cluster, round, &mut acknowledged).await.max(revision);
    }
    let cluster = Cluster::start(folder.path(), Options::default()).await.unwrap();
    verify(&Api::default_namespaced(cluster.client.clone()), &acknowledged).await;
    let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
    until("the pod runs again", || async {
        let pod = pods.get("survivor").await?;
        let status = pod.status.unwrap_or_default();
        let container = status.container_statuses.iter().flatten().next().cloned();
        Ok(container.filter(|c| c.restart_count >= 1 && c.state.as_ref().is_some_and(|s| s.running.is_some())))
    })
    .await
    .unwrap();
}

/// Everything acknowledged is there, or something newer by the same writer whose answer the kill swallowed.
async fn verify(maps: &Api<ConfigMap>, acknowledged: &Acknowledged) {
    for (name, (revision, value)) in acknowledged {
        let map = maps.get(name).await.unwrap_or_else(|error| panic!("`{name}` was acknowledged: {error}"));
        let found: u64 = map.resource_version().unwrap().parse().unwrap();
        assert!(found >= *revision, "`{name}` went back from {revision} to {found}");
        if found == *revision {
            assert_eq!(map.data.unwrap()["value"], *value, "`{name}` at {found}");
        }
    }
}

/// Lets writers write for a moment, kills the server under them, and answers with the highest acknowledged revision.
async fn write_until_killed(cluster: Cluster, round: usize, acknowledged: &mut Acknowledged) -> u64 {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client.clone());
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(maps.clone(), writer, round))).collect();
    tokio::time::sleep(std::time::Duration::from_millis(60 + 17 * (round as u64 % 7))).await;
    cluster.kill().await.unwrap();
    let mut highest = 0;
    for writer in writers {
        for (name, revision, value) in writer.await.unwrap() {
            highest = highest.max(revision);
            acknowledged.insert(name, (revision, value));
        }
    }
    highest
}

/// Writes until the first error; answers with the acknowledged writes in order.
async fn write(maps: Api<ConfigMap>, writer: usize, round: usize) -> Vec<(String, u64, String)> {
    let mut done = Vec::new();
    for count in 0.. {
        let name = format!("w{writer}-{}", count % 5);
        let value = format!("{round}-{count}");
        let map = ConfigMap {
            metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
            data: Some([("value".to_owned(), value.clone())].into()),
            ..ConfigMap::default()
        };
        let written = match maps.replace(&name, &PostParams::default(), &map).await {
            Err(kube::Error::Api(status)) if status.code == 404 => maps.create(&PostParams::default(), &map).await,
            other => other,
        };
        match written {
            Ok(map) => done.push((name, map.resource_version().unwrap().parse().unwrap(), value)),
            Err(_) => return done,
        }
    }
    done
}
