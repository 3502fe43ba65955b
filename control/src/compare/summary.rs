//! What the points of a series say together: of each metric what it is without pods, what the first pod adds and what each
//! further one does, and how long pods and requests took.
//!
//! The first pod stands alone because it touches the code of its runtime, which all further ones share: a line through the
//! point without pods would be neither.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::report::{Point, Requests};
use super::statistics::{Line, mean, percentile};

/// A figure that a point has.
pub(crate) struct Metric {
    /// Its name in reports.
    pub key: &'static str,
    /// Its name in tables.
    pub title: &'static str,
    /// KiB of it, or how many; `None` if it was not measured.
    pub of: fn(&Point) -> Option<f64>,
}

/// The metrics, in the order of tables.
pub(crate) const METRICS: &[Metric] = &[
    Metric { key: PSS, title: "PSS of all processes", of: |it| Some(it.settled.pss as f64) },
    Metric { key: ANONYMOUS, title: "  anonymous memory of them", of: |it| Some(it.settled.anonymous as f64) },
    Metric { key: "page_tables", title: "  page tables of them", of: |it| Some(it.settled.page_tables as f64) },
    Metric { key: "kernel", title: "kernel memory, whole machine", of: |it| Some(kernel(it)) },
    Metric {
        key: "group_kernel",
        title: "kernel memory, control group",
        of: |it| Some(it.settled.group?.kernel as f64),
    },
    Metric { key: WHOLE, title: "a: PSS and kernel memory", of: |it| Some(it.settled.pss as f64 + group_kernel(it)) },
    Metric { key: AVAILABLE, title: "b: MemAvailable that is gone", of: |it| Some(available(it)) },
    Metric { key: GROUP, title: "c: control group's working set", of: |it| Some(it.settled.group?.working_set as f64) },
    Metric { key: "pss_dropped", title: "PSS, caches dropped", of: |it| Some(it.dropped.as_ref()?.pss as f64) },
    Metric { key: "available_dropped", title: "MemAvailable gone, caches dropped", of: available_dropped },
    Metric { key: "disk", title: "disk", of: |it| Some(it.disk_kib as f64) },
    Metric { key: PROCESSES, title: "processes", of: |it| Some(it.settled.processes as f64) },
    Metric { key: THREADS, title: "threads", of: |it| Some(it.settled.threads as f64) },
];

/// The headline.
pub(crate) const PSS: &str = "pss";
/// The part of it that is in no file.
pub(crate) const ANONYMOUS: &str = "anonymous";
/// The three ways to count a pod that must agree.
pub(crate) const WHOLE: &str = "whole";
/// See `WHOLE`.
pub(crate) const AVAILABLE: &str = "available";
/// See `WHOLE`.
pub(crate) const GROUP: &str = "group";
/// Not in KiB.
pub(crate) const PROCESSES: &str = "processes";
/// Not in KiB.
pub(crate) const THREADS: &str = "threads";

/// What points say together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Of each metric that was measured, by its key.
    pub metrics: BTreeMap<String, Fit>,
    /// Milliseconds until a pod's status said running.
    pub running_ms: Times,
    /// Milliseconds until its first words were in its log.
    pub ready_ms: Times,
    /// Mean milliseconds of each call.
    pub calls_ms: BTreeMap<String, f64>,
    /// The medians of what single pods answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
}

/// A metric by the number of pods.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fit {
    /// Measured without pods: the mean of all rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<f64>,
    /// What the first pod adds to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<f64>,
    /// The line through all points with pods, and the one without if there are no others; `None` if there is nothing to fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
}

/// How long something took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Times {
    /// How often it was measured.
    pub count: usize,
    /// Half took at most so long.
    pub p50: f64,
    /// And all but a hundredth.
    pub p99: f64,
}

// === impl Summary ===

impl Summary {
    /// Of `points`.
    pub(crate) fn of(points: &[Point]) -> Summary {
        let fits = METRICS.iter().filter_map(|metric| Some((metric.key.to_owned(), Fit::of(points, metric.of)?)));
        let mut calls: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (name, micros) in points.iter().flat_map(|point| &point.calls_us) {
            calls.entry(name.clone()).or_default().push(*micros as f64 / 1e3);
        }
        Summary {
            metrics: fits.collect(),
            running_ms: Times::of(points.iter().flat_map(|point| &point.running_us)),
            ready_ms: Times::of(points.iter().flat_map(|point| &point.ready_us)),
            calls_ms: calls.into_iter().filter_map(|(name, all)| Some((name, mean(&all)?))).collect(),
            requests: requests(points),
        }
    }

    /// The line of a metric.
    pub(crate) fn line(&self, key: &str) -> Option<Line> {
        self.metrics.get(key)?.line
    }
}

// === impl Fit ===

impl Fit {
    fn of(points: &[Point], of: fn(&Point) -> Option<f64>) -> Option<Fit> {
        let values: Vec<(f64, f64)> =
            points.iter().filter_map(|point| Some((f64::from(point.pods), of(point)?))).collect();
        let mean_of = |count: f64| {
            let found: Vec<f64> = values.iter().filter(|(pods, _)| *pods == count).map(|(_, value)| *value).collect();
            mean(&found)
        };
        let (idle, one) = (mean_of(0.0), mean_of(1.0));
        let with_pods: Vec<(f64, f64)> = values.iter().filter(|(pods, _)| *pods > 0.0).copied().collect();
        let line = Line::fit(&with_pods).or_else(|| Line::fit(&values));
        (!values.is_empty()).then(|| Fit { idle, first: idle.zip(one).map(|(idle, one)| one - idle), line })
    }
}

// === impl Times ===

impl Times {
    fn of<'a>(micros: impl Iterator<Item = &'a u64>) -> Times {
        let millis: Vec<f64> = micros.map(|it| *it as f64 / 1e3).collect();
        let at = |percent| percentile(&millis, percent).unwrap_or_default();
        Times { count: millis.len(), p50: at(50.0), p99: at(99.0) }
    }
}

fn requests(points: &[Point]) -> Option<Requests> {
    let all: Vec<Requests> = points.iter().filter_map(|point| point.requests).collect();
    let median = |of: fn(&Requests) -> f64| percentile(&all.iter().map(of).collect::<Vec<_>>(), 50.0);
    Some(Requests {
        per_second: median(|it| it.per_second)?,
        p50_us: median(|it| it.p50_us)?,
        p99_us: median(|it| it.p99_us)?,
        failed: all.iter().map(|it| it.failed).sum(),
    })
}

fn kernel(point: &Point) -> f64 {
    point.settled.machine.kernel() as f64 - point.before.kernel() as f64
}

/// As the control group is charged; where there is none, what the machine has more.
fn group_kernel(point: &Point) -> f64 {
    point.settled.group.map_or_else(|| kernel(point), |it| it.kernel as f64)
}

fn available(point: &Point) -> f64 {
    point.before.available as f64 - point.settled.machine.available as f64
}

fn available_dropped(point: &Point) -> Option<f64> {
    let (before, after) = (point.before_dropped?, point.dropped.as_ref()?.machine);
    Some(before.available as f64 - after.available as f64)
}

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::compare::meter::{Charge, Meminfo, Reading};

    #[test]
    fn the_first_pod_bends_no_line() {
        let mut idle = point(0, 9000, 64);
        idle.settled.pss = 4000;
        let summary = Summary::of(&[idle, point(1, 9000, 64), point(10, 9000, 64), point(100, 9000, 64)]);
        let fit = summary.metrics[PSS];
        assert_eq!((fit.idle, fit.first), (Some(4000.0), Some(5064.0)));
        assert!((fit.line.unwrap().slope - 64.0).abs() < 1e-6);
        let few = Summary::of(&[point(0, 9000, 64), point(1, 9000, 64)]);
        assert!((few.line(PSS).unwrap().slope - 64.0).abs() < 1e-6, "nothing else is there to fit");
    }

    /// A point of a runtime that costs `fixed` and, for each pod, `each`, half as much again in the kernel.
    pub(crate) fn point(pods: u32, fixed: u64, each: u64) -> Point {
        let pss = fixed + each * u64::from(pods);
        let kernel = each * u64::from(pods) / 2;
        let machine = Meminfo { available: 1_000_000 - pss - kernel, slab: 5000 + kernel, ..Meminfo::default() };
        let group = Charge { working_set: pss + kernel, anonymous: pss / 2, kernel };
        Point {
            pods,
            before: Meminfo { available: 1_000_000, slab: 5000, ..Meminfo::default() },
            settled: Reading {
                pss,
                anonymous: pss / 2,
                processes: 1,
                machine,
                group: Some(group),
                ..Reading::default()
            },
            running_us: (1..=u64::from(pods)).map(|number| number * 1000).collect(),
            ready_us: (1..=u64::from(pods)).map(|number| number * 2000).collect(),
            calls_us: [("StartContainer".to_owned(), 1500)].into(),
            ..Point::default()
        }
    }

    #[test]
    fn three_ways_to_count_a_pod_agree_on_a_machine_that_is_quiet() {
        let summary = Summary::of(&[point(0, 9000, 64), point(10, 9000, 64), point(100, 9000, 64)]);
        for key in [WHOLE, AVAILABLE, GROUP] {
            assert!((summary.line(key).unwrap().slope - 96.0).abs() < 1e-6, "{key}");
        }
        assert!((summary.line(PSS).unwrap().slope - 64.0).abs() < 1e-6);
        assert_eq!(summary.metrics[PSS].idle, Some(9000.0));
        assert!(!summary.metrics.contains_key("pss_dropped"), "it was not measured");
        assert_eq!((summary.running_ms.count, summary.running_ms.p50, summary.ready_ms.p99), (110, 45.0, 198.0));
        assert_eq!(summary.calls_ms["StartContainer"], 1.5);
    }

    #[test]
    fn each_metric_has_a_name_of_its_own() {
        let mut keys: Vec<&str> = METRICS.iter().map(|metric| metric.key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), METRICS.len());
    }
}
