//! What does a cluster cost when idle, what does one more pod cost, and how long does it take to run?
//!
//! `cargo bench -p coracle --bench pods [-- PODS]`: a real `coracle server`, asked over TLS as kubectl asks. Memory is that of
//! the one process that is the whole cluster (PSS and anonymous memory of /proc); pods are made one after the other, each
//! timed from its POST to the watch event that says Running. Objects have no managedFields yet, so each case is also run with a 1 KiB
//! annotation on every pod in their place.
#![expect(clippy::print_stdout, reason = "the figures are the result")]
#![expect(unreachable_pub, reason = "a bench has no outside")]

#[path = "../control/tests/it/cluster.rs"]
mod cluster;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cluster::{Cluster, Options, until};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams, WatchParams};
use serde_json::json;

/// How many pods, unless the command line says otherwise.
const PODS: usize = 100;
/// How long a process is left alone before its memory is read: it gives back what a burst needed when that is over.
const SETTLE: Duration = Duration::from_secs(8);
/// Pods that are made first and not counted: the first compiles, and what they need once is there before it is measured.
const WARM_UP_PODS: usize = 15;
/// What stands in for managedFields.
const STAND_IN_BYTES: usize = 1024;

fn main() -> Result<()> {
    let pods = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(PODS);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run(pods))
}

async fn run(pods: usize) -> Result<()> {
    println!("{:<34}{:>9}{:>11}{:>11}{:>11}{:>11}", "", "pods", "PSS KiB", "anon KiB", "p50 ms", "p99 ms");
    for (case, image, stand_in) in [
        ("http component", "hello-http", 0),
        ("http component, 1 KiB stand-in", "hello-http", STAND_IN_BYTES),
        ("command", "hello-command", 0),
        ("command, 1 KiB stand-in", "hello-command", STAND_IN_BYTES),
    ] {
        let folder = tempfile::tempdir()?;
        let started = Instant::now();
        let cluster = Cluster::start(folder.path(), Options::default()).await?;
        let ready_ms = started.elapsed().as_secs_f64() * 1e3;
        let reference = format!("example.local/{image}:v1");
        let guest = PathBuf::from(env!("CORACLE_GUESTS")).join(format!("{image}.wasm"));
        tokio::time::sleep(SETTLE).await;
        let idle = Memory::of(&cluster)?;
        println!("{:<34}{:>9}{:>11}{:>11}   ready in {ready_ms:.0} ms", "idle", 0, idle.pss_kib, idle.anonymous_kib);
        cluster.import(&guest, &reference).await?;
        for number in 0..WARM_UP_PODS {
            time(&cluster, &reference, number, stand_in).await?;
        }
        tokio::time::sleep(SETTLE).await;
        let before = Memory::of(&cluster)?;
        let mut times = Vec::new();
        for number in WARM_UP_PODS..WARM_UP_PODS + pods {
            times.push(time(&cluster, &reference, number, stand_in).await?);
        }
        tokio::time::sleep(SETTLE).await;
        let after = Memory::of(&cluster)?;
        times.sort_by(f64::total_cmp);
        let per_pod = |after: u64, before: u64| (after as f64 - before as f64) / pods as f64;
        println!(
            "{:<34}{:>9}{:>11.1}{:>11.1}{:>11.1}{:>11.1}",
            format!("one more {case}"),
            pods,
            per_pod(after.pss_kib, before.pss_kib),
            per_pod(after.anonymous_kib, before.anonymous_kib),
            times[times.len() / 2],
            times[times.len() * 99 / 100],
        );
        let all: Api<Pod> = Api::default_namespaced(cluster.client.clone());
        all.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
        cluster.kill().await?;
    }
    Ok(())
}

/// Milliseconds from the POST of a pod to the event that says Running.
async fn time(cluster: &Cluster, image: &str, number: usize, stand_in: usize) -> Result<f64> {
    let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
    let name = format!("pod-{number}");
    let pod = json!({
        "metadata": {"name": name, "annotations": {"stand-in": "x".repeat(stand_in)}},
        "spec": {"containers": [{"name": "main", "image": image}], "terminationGracePeriodSeconds": 0},
    });
    let version = until("there is a version", || async {
        Ok(pods.list(&ListParams::default().limit(1)).await?.metadata.resource_version)
    })
    .await?;
    let watch = WatchParams::default().fields(&format!("metadata.name={name}"));
    let mut events = pods.watch(&watch, &version).await?.boxed();
    let started = Instant::now();
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    while let Some(event) = events.try_next().await? {
        let kube::api::WatchEvent::Modified(pod) = event else { continue };
        if pod.status.and_then(|status| status.phase).is_some_and(|phase| phase == "Running") {
            return Ok(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    anyhow::bail!("`{name}` never ran")
}

/// What a process has in memory.
struct Memory {
    /// Its share of pages that others map too, and all of those that nobody else does.
    pss_kib: u64,
    /// What is in no file: its heap, its stacks, the guests' memories.
    anonymous_kib: u64,
}

impl Memory {
    fn of(cluster: &Cluster) -> Result<Memory> {
        let pid = cluster.child.id().context("the server runs")?;
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let field = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name)).context("the kernel says it")?;
            anyhow::Ok(line.trim().trim_end_matches(" kB").parse()?)
        };
        Ok(Memory { pss_kib: field("Pss:")?, anonymous_kib: field("Anonymous:")? })
    }
}
