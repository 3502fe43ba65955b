//! Runs of record, for machines that cannot run containers: they are shown as what they are.

use super::report::{Report, Runtime, Series, Workload};

/// The reports that are kept with the source, the one to prefer first.
const REPORTS: &[&str] = &[include_str!("../../../benches/compare/recorded/2026-11-26-x86-64.json")];

/// The best run of containers with `workload`, labelled with where it comes from.
pub(crate) fn containers(workload: Workload) -> Option<Series> {
    REPORTS.iter().find_map(|json| {
        let report = Report::parse(json).ok()?;
        let series = report.find(Runtime::Containerd, workload)?;
        Some(Series { recorded: Some(report.host.clone()), ..series.clone() })
    })
}
