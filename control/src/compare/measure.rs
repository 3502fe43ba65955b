//! Measures: prepares each stack once, then goes through all steps, each with a runtime that was just started.
//!
//! # Flow of a step
//! Read the machine; start the runtime; let it rest; make the pods one after the other, each timed; leave everything alone; read
//! everything; drop the system's caches and read again; ask one pod as fast as it answers; take everything away.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::host;
use super::meter::{self, Cgroup, Meminfo};
use super::pods::{Pods, Start};
use super::progress::Progress;
use super::report::{Method, Point, Series, Workload};
use super::requests;
use super::schedule::{self, Step};
use super::stack::Stack;
use super::summary::Summary;
use super::sweep::sweep;

/// How long a runtime is left alone before its first pod: it gives back what only its start needed.
const REST: Duration = Duration::from_secs(4);
/// Where the kernel is told to drop what it caches.
const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";
/// Pages, directory entries and inodes.
const DROP_ALL: &str = "3";

/// Where everything is measured.
pub(crate) struct Place {
    /// The comparison's folder, which everything that is started names.
    pub folder: PathBuf,
    /// The name of the control group.
    pub group: String,
}

/// Measures `stacks` with `workloads`.
///
/// # Errors
/// With what failed; what was started then still runs, until it is swept.
pub(crate) async fn measure(
    stacks: &[Stack],
    workloads: &[Workload],
    method: &Method,
    place: &Place,
    progress: &mut Progress,
) -> Result<Vec<Series>> {
    let mut series = Vec::new();
    for stack in stacks {
        let first = prepare(stack, workloads[0], place).await.context(stack.versions.join(", "))?;
        series.extend(workloads.iter().map(|&workload| begin(stack, workload, &first)));
    }
    let runtimes: Vec<_> = stacks.iter().map(|it| it.runtime).collect();
    let steps = schedule::steps(method.rounds, &runtimes, workloads, &method.counts, method.seed);
    progress.begin(&steps, method.settle_seconds);
    for step in steps {
        progress.step(&step);
        let stack = stacks.iter().find(|it| it.runtime == step.runtime).context("a step has a stack")?;
        let context = || format!("{} with {} pods", stack.versions.join(", "), step.pods);
        let point = point(stack, &step, method, place, progress).await.with_context(context)?;
        let mut found = series.iter_mut().filter(|it| it.runtime == step.runtime && it.workload == step.workload);
        found.next().context("a step has a series")?.points.push(point);
    }
    progress.end();
    series.iter_mut().for_each(|it| it.summary = Summary::of(&it.points));
    Ok(series)
}

fn begin(stack: &Stack, workload: Workload, first: &Start) -> Series {
    Series {
        runtime: stack.runtime,
        workload,
        versions: stack.versions.clone(),
        setting: stack.setting.clone(),
        first_pod_ms: first.ready_us as f64 / 1e3,
        summary: Summary::default(),
        points: Vec::new(),
        recorded: None,
    }
}

/// Makes the image known and runs its very first pod, which unpacks or compiles it.
async fn prepare(stack: &Stack, workload: Workload, place: &Place) -> Result<Start> {
    let group = Cgroup::make(&place.group);
    let daemon = stack.start(group.as_ref()).await?;
    stack.import(&daemon.client).await?;
    let mut pods = Pods::new(stack, daemon.client.clone(), workload, parent(group.as_ref()));
    // Of a run that was killed in the same folder there are none; of this one there must not be.
    pods.remove_all().await?;
    let first = pods.make(0).await?;
    pods.remove_all().await?;
    daemon.stop().await?;
    sweep(&place.folder, group.as_ref()).await;
    Ok(first)
}

async fn point(stack: &Stack, step: &Step, method: &Method, place: &Place, progress: &mut Progress) -> Result<Point> {
    let before_dropped = method.drop_caches.then(read_dropped).transpose()?;
    stack.warm();
    let before = Meminfo::read()?;
    let group = Cgroup::make(&place.group);
    let daemon = stack.start(group.as_ref()).await?;
    tokio::time::sleep(REST).await;
    let mut pods = Pods::new(stack, daemon.client.clone(), step.workload, parent(group.as_ref()));
    let starts = make(&mut pods, step.pods, progress).await?;
    tokio::time::sleep(Duration::from_secs(method.settle_seconds)).await;

    let marker = place.folder.display().to_string();
    let settled = meter::read(&marker, group.as_ref())?;
    let load = host::load();
    let disk_kib = meter::kibibytes_of(&stack.folder).context("read what the runtime takes of the disk")?;
    let dropped = method.drop_caches.then(|| {
        drop_caches()?;
        meter::read(&marker, group.as_ref())
    });
    let dropped = dropped.transpose()?;
    let requests = match starts.last().filter(|_| step.workload == Workload::Hello) {
        Some(last) => Some(requests::measure(pods.address(&last.pod, last_number(step)).await?).await?),
        None => None,
    };
    pods.remove_all().await?;
    daemon.stop().await?;
    sweep(&place.folder, group.as_ref()).await;
    Ok(Point {
        round: step.round,
        pods: step.pods,
        load,
        before,
        settled,
        before_dropped,
        dropped,
        disk_kib,
        running_us: starts.iter().map(|it| it.running_us).collect(),
        ready_us: starts.iter().map(|it| it.ready_us).collect(),
        calls_us: mean_calls(&starts),
        requests,
    })
}

async fn make(pods: &mut Pods<'_>, count: u32, progress: &mut Progress) -> Result<Vec<Start>> {
    let mut starts = Vec::new();
    for number in 0..u16::try_from(count).context("so many pods have no port each")? {
        starts.push(pods.make(number).await.with_context(|| format!("pod {number}"))?);
        progress.pod();
    }
    Ok(starts)
}

fn last_number(step: &Step) -> u16 {
    u16::try_from(step.pods.saturating_sub(1)).unwrap_or(u16::MAX)
}

fn mean_calls(starts: &[Start]) -> std::collections::BTreeMap<String, u64> {
    let names = starts.first().into_iter().flat_map(|start| start.calls_us.keys());
    let mean = |name| starts.iter().filter_map(|it| it.calls_us.get(name)).sum::<u64>() / starts.len() as u64;
    names.map(|name| ((*name).to_owned(), mean(name))).collect()
}

/// Where pods' control groups are made; without a group of ours where the runtime makes them by itself.
fn parent(group: Option<&Cgroup>) -> String {
    group.map(Cgroup::pods).unwrap_or_default()
}

fn read_dropped() -> Result<Meminfo> {
    drop_caches()?;
    Meminfo::read()
}

fn drop_caches() -> Result<()> {
    // What is not on the disk yet cannot be dropped.
    rustix::fs::sync();
    fs::write(DROP_CACHES, DROP_ALL).context("drop the system's caches")
}

/// Whether the system lets us drop its caches.
pub(crate) fn can_drop_caches() -> bool {
    rustix::process::geteuid().is_root() && fs::OpenOptions::new().write(true).open(DROP_CACHES).is_ok()
}
