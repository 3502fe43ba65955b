//! What a comparison is when it is done: what was measured, where and how. It is what `--json` writes and `--from` reads.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::host::Host;
use super::meter::{Meminfo, Reading};
use super::summary::Summary;

/// The version of this shape.
pub(crate) const FORMAT: u32 = 1;

/// A whole comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The version of its shape.
    pub format: u32,
    /// Where it was measured.
    pub host: Host,
    /// How.
    pub method: Method,
    /// What was measured, by runtime and workload.
    pub series: Vec<Series>,
}

/// How it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Method {
    /// The numbers of pods.
    pub counts: Vec<u32>,
    /// How often each was measured.
    pub rounds: u32,
    /// How long everything was left alone before it was read.
    pub settle_seconds: u64,
    /// What shuffled the order.
    pub seed: u64,
    /// Whether everything was read again with the system's caches dropped.
    pub drop_caches: bool,
    /// What the runtimes ran.
    pub programs: Programs,
}

/// Both builds of the one program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Programs {
    /// The digest of the source.
    pub source_sha256: String,
    /// The size of the static Linux program, if there is one.
    pub linux_bytes: Option<u64>,
    /// The size of the component.
    pub wasm_bytes: u64,
}

/// Who runs pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Runtime {
    /// Containerd with runc: Linux containers.
    Containerd,
    /// `coracle cri`: WebAssembly components in one process.
    Coracle,
}

/// What a pod runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    /// A web server that waits for connections.
    Hello,
    /// A service that sleeps.
    Sleep,
}

/// All that one runtime did with one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    /// Who.
    pub runtime: Runtime,
    /// What.
    pub workload: Workload,
    /// The programs that took part, and their versions.
    pub versions: Vec<String>,
    /// The pods' network and the like: what a reader must know to judge the figures.
    pub setting: String,
    /// From the creation of the very first pod of a new image to its first words: with unpacking, or compiling.
    pub first_pod_ms: f64,
    /// What the points say together.
    pub summary: Summary,
    /// The points, in the order in which they were measured.
    pub points: Vec<Point>,
    /// Where and when, if it is not from this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Host>,
}

/// One number of pods, measured once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Point {
    /// The round, from 0.
    pub round: u32,
    /// How many pods ran.
    pub pods: u32,
    /// The load average of one minute when memory was read; the pods just made are in it.
    pub load: f64,
    /// The machine before the runtime was started.
    pub before: Meminfo,
    /// With all pods running and everything settled.
    pub settled: Reading,
    /// The machine before the runtime was started, without caches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_dropped: Option<Meminfo>,
    /// Settled, and without caches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Reading>,
    /// What the runtime's folders and the pods' logs take of the disk.
    pub disk_kib: u64,
    /// From RunPodSandbox to the status that says running, in microseconds, of each pod in turn.
    pub running_us: Vec<u64>,
    /// From RunPodSandbox to the program's first words in its log, likewise.
    pub ready_us: Vec<u64>,
    /// Mean microseconds of each call, by its name.
    pub calls_us: BTreeMap<String, u64>,
    /// What one pod among them answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
}

/// Requests that one pod answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Requests {
    /// In a second.
    pub per_second: f64,
    /// From connecting to the last byte: half took at most so many microseconds.
    pub p50_us: f64,
    /// And all but a hundredth.
    pub p99_us: f64,
    /// How many were lost.
    pub failed: u64,
}

// === impl Report ===

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    /// It is none, or of another shape.
    pub(crate) fn parse(json: &str) -> Result<Report> {
        let mut report: Report = serde_json::from_str(json).context("read the report")?;
        ensure!(report.format == FORMAT, "the report has format {}, and this program knows {FORMAT}", report.format);
        // A newer program may sum up in another way.
        report.series.iter_mut().for_each(|series| series.summary = Summary::of(&series.points));
        Ok(report)
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut json = serde_json::to_string(self).context("encode the report")?;
        // A line for each series and point: versions of it can be compared.
        json = json.replace(r#",{"round""#, ",\n{\"round\"").replace(r#",{"runtime""#, ",\n{\"runtime\"");
        std::fs::write(path, json + "\n").with_context(|| format!("write `{}`", path.display()))
    }

    /// What `runtime` did with `workload`.
    pub(crate) fn find(&self, runtime: Runtime, workload: Workload) -> Option<&Series> {
        self.series.iter().find(|it| it.runtime == runtime && it.workload == workload)
    }

    /// The workloads that it has, each once.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        let mut found: Vec<Workload> = self.series.iter().map(|it| it.workload).collect();
        found.sort();
        found.dedup();
        found
    }
}

// === impl Series ===

impl Series {
    /// Its name in tables: that of its main program with the version.
    pub(crate) fn title(&self) -> String {
        let main = self.versions.first().cloned().unwrap_or_default();
        if self.recorded.is_some() { format!("{main} (recorded)") } else { main }
    }
}

// === impl Workload ===

impl Workload {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Workload::Hello => "hello",
            Workload::Sleep => "sleep",
        }
    }
}
