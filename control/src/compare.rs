//! `coracle compare`: what a pod costs as a container and as a component, measured on this machine through the same CRI.
//!
//! # Flow
//! The program's builds are made or found, each runtime gets a folder below one that is the comparison's own, `measure` goes
//! through all steps, and the report is shown and written. However it ends, `sweep` takes away what was started.
#![expect(clippy::print_stdout, reason = "what the user asked to see")]

mod containerd;
mod coracle;
mod host;
mod image;
mod measure;
mod meter;
mod plot;
mod pods;
mod program;
mod progress;
mod recorded;
pub(crate) mod report;
mod requests;
mod schedule;
mod stack;
mod statistics;
mod summary;
mod sweep;
mod table;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use time::OffsetDateTime;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Compare;
use host::Host;
use measure::Place;
use meter::Cgroup;
use program::Builds;
use progress::Progress;
use report::{FORMAT, Method, Report, Runtime};
use stack::Stack;

/// Compares.
///
/// # Errors
/// When something cannot be measured, or is interrupted; nothing is left running then either.
pub(crate) async fn run(args: Compare) -> Result<()> {
    let report = match &args.from {
        Some(file) => {
            let json = std::fs::read_to_string(file).with_context(|| format!("read `{}`", file.display()))?;
            Report::parse(&json)?
        }
        None => fresh(&args).await?,
    };
    print!("{}", table::render(&report, std::io::stdout().is_terminal()));
    if let Some(file) = &args.json {
        report.write(file)?;
    }
    if let Some(file) = &args.plot {
        let workload = report.workloads().first().copied().context("the report is empty")?;
        std::fs::write(file, plot::svg(&report, workload)).with_context(|| format!("write `{}`", file.display()))?;
    }
    Ok(())
}

async fn fresh(args: &Compare) -> Result<Report> {
    ensure!(!args.counts.is_empty() && args.rounds > 0, "there is nothing to measure");
    let base = args.work_dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("coracle-compare-").tempdir_in(&base);
    let folder = folder.with_context(|| format!("make a directory in `{}`", base.display()))?;
    let path = folder.path().canonicalize().context("find the directory")?;
    let group = format!("coracle-compare-{}", std::process::id());
    let place = Place { folder: path, group };
    let outcome = tokio::select! {
        outcome = fresh_in(args, &place) => outcome,
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
    if outcome.is_err() {
        let group = Cgroup::find(&place.group);
        sweep::sweep(&place.folder, group.as_ref()).await;
    }
    outcome
}

async fn interrupted() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn fresh_in(args: &Compare, place: &Place) -> Result<Report> {
    let mut progress = Progress::new();
    let mut host = Host::look(OffsetDateTime::now_utc());
    let (stacks, builds) = stacks(args, &place.folder, &progress)?;
    let method = Method {
        counts: args.counts.clone(),
        rounds: args.rounds,
        settle_seconds: args.settle,
        seed: args.seed.unwrap_or_else(|| OffsetDateTime::now_utc().unix_timestamp().unsigned_abs()),
        drop_caches: !args.keep_caches && measure::can_drop_caches(),
        programs: builds.describe()?,
    };
    if args.keep_caches || !method.drop_caches {
        progress.note("The system's caches stay: only root may drop them, and only without --keep-caches.");
    }
    let mut series = measure::measure(&stacks, &args.workloads, &method, place, &mut progress).await?;
    host.load[1] = host::load();
    if args.only.is_none() && !stacks.iter().any(|it| it.runtime == Runtime::Containerd) {
        series.extend(args.workloads.iter().filter_map(|workload| recorded::containers(*workload)));
    }
    Ok(Report { format: FORMAT, host, method, series })
}

/// What can be measured here of what was asked for.
fn stacks(args: &Compare, folder: &Path, progress: &Progress) -> Result<(Vec<Stack>, Builds)> {
    let wasm = program::component(folder, args.wasm.as_deref())?;
    let mut builds = Builds { linux: None, wasm };
    let mut stacks = Vec::new();
    if args.only != Some(Runtime::Coracle) {
        match containers(args, folder, &mut builds, progress) {
            Ok(stack) => stacks.push(stack),
            Err(why) if args.only.is_some() => return Err(why),
            Err(why) => {
                progress.note(&format!(
                    "No containers here: {why:#}\nInstead they are shown as recorded elsewhere, if that was recorded."
                ));
            }
        }
    }
    if args.only != Some(Runtime::Containerd) {
        let this = || std::env::current_exe().context("find this program's file");
        let program: PathBuf = args.program.clone().map_or_else(this, Ok)?;
        stacks.push(coracle::stack(&folder.join("coracle"), &program, &builds.wasm)?);
    }
    Ok((stacks, builds))
}

fn containers(args: &Compare, folder: &Path, builds: &mut Builds, progress: &Progress) -> Result<Stack> {
    let tools = match containerd::Tools::find(args.bin_dir.as_deref()) {
        Ok(tools) => tools,
        Err(why) => bail!("{why}.\n{}", containerd::NEEDS),
    };
    progress.note("Building the Linux program, if none was given");
    let linux = program::linux(folder, args.linux.as_deref())?;
    let stack = containerd::stack(&folder.join("containerd"), tools, &linux, &args.snapshotter)?;
    builds.linux = Some(linux);
    Ok(stack)
}
