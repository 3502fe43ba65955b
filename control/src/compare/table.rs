//! The comparison in a terminal: a table for each workload, with what is fixed and what each pod adds apart.

use std::collections::BTreeMap;

use super::report::{Report, Runtime, Series, Workload};
use super::summary::{ANONYMOUS, AVAILABLE, Fit, GROUP, METRICS, PROCESSES, PSS, THREADS, WHOLE};

/// What a cell shows that was not measured.
const ABSENT: &str = "-";

/// The metrics that are shown of the first pod.
const FIRST: [&str; 3] = [PSS, ANONYMOUS, WHOLE];

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    title: String,
    cells: [String; 2],
    /// How many times better ours is.
    ratio: Option<f64>,
}

/// Everything that people should read of `report`; a terminal gets colors.
pub(crate) fn render(report: &Report, colored: bool) -> String {
    let (bold, dim, plain) = if colored { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let mut text = format!("{dim}{}{plain}\n", report.host.line());
    let method = &report.method;
    let drops = if method.drop_caches { ", read with and without the system's caches" } else { "" };
    text += &format!(
        "{dim}{:?} pods, {} rounds in random order, left alone for {} s before each reading{drops}{plain}\n",
        method.counts, method.rounds, method.settle_seconds
    );
    let settings = report.series.iter().map(|series| (series.runtime, series));
    for series in settings.collect::<BTreeMap<_, _>>().into_values() {
        let of_when = series.recorded.as_ref().map(|host| format!(" RECORDED on {}", host.line()));
        let versions = series.versions.join(", ");
        text += &format!("{dim}{versions}: {}.{}{plain}\n", series.setting, of_when.unwrap_or_default());
    }
    for workload in report.workloads() {
        let pair = [Runtime::Containerd, Runtime::Coracle].map(|runtime| report.find(runtime, workload));
        text += &format!("\n{bold}{}{plain}\n", title(workload));
        text += &lines(&pair, colored);
        text += &agreement(&pair);
    }
    text
}

fn title(workload: Workload) -> &'static str {
    match workload {
        Workload::Hello => "A web server of Rust's std that waits (hello)",
        Workload::Sleep => "A service that sleeps (sleep)",
    }
}

fn lines(pair: &[Option<&Series>; 2], colored: bool) -> String {
    let heads = pair.map(|series| series.map_or_else(|| ABSENT.to_owned(), Series::title));
    let sections = [
        ("no pods, the runtime alone", idle_rows(pair)),
        ("the first pod, on top of that", first_rows(pair)),
        ("each pod more (slope of least squares, with its standard error)", slope_rows(pair)),
        ("making a pod", time_rows(pair)),
        ("asking one pod", request_rows(pair)),
    ];
    let all = || sections.iter().flat_map(|(_, rows)| rows);
    let first = all().map(|row| row.title.chars().count()).max().unwrap_or(0);
    let width = |at: usize| all().map(|row| row.cells[at].chars().count()).max().unwrap_or(0).max(heads[at].len());
    let (left, right) = (width(0), width(1));
    let (bold, dim, green, plain) =
        if colored { ("\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[0m") } else { ("", "", "", "") };
    let mut text = format!("{bold}  {:first$}   {:>left$}   {:>right$}{plain}\n", "", heads[0], heads[1]);
    for (name, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        text += &format!("{dim}{name}{plain}\n");
        for row in rows {
            let ratio = row.ratio.map(times).unwrap_or_default();
            let color = if row.ratio.is_some_and(|it| it > 1.0) { green } else { "" };
            let line =
                format!("  {:first$}   {:>left$}   {:>right$}   {color}{ratio}", row.title, row.cells[0], row.cells[1]);
            text += &format!("{}{}\n", line.trim_end(), if color.is_empty() { "" } else { plain });
        }
    }
    text
}

fn idle_rows(pair: &[Option<&Series>; 2]) -> Vec<Row> {
    metric_rows(pair, |key, fit| fit.idle.map(|value| (value, amount(key, value))))
}

fn first_rows(pair: &[Option<&Series>; 2]) -> Vec<Row> {
    metric_rows(pair, |key, fit| fit.first.filter(|_| FIRST.contains(&key)).map(|value| (value, amount(key, value))))
}

fn slope_rows(pair: &[Option<&Series>; 2]) -> Vec<Row> {
    metric_rows(pair, |key, fit| {
        fit.line.map(|it| (it.slope, format!("{} ± {}", amount(key, it.slope), amount(key, it.slope_error))))
    })
}

fn metric_rows(pair: &[Option<&Series>; 2], show: fn(&str, &Fit) -> Option<(f64, String)>) -> Vec<Row> {
    let mut rows = Vec::new();
    for metric in METRICS {
        let cells = pair.map(|series| show(metric.key, series?.summary.metrics.get(metric.key)?));
        if cells.iter().any(Option::is_some) {
            rows.push(row(metric.title, cells));
        }
    }
    rows
}

fn time_rows(pair: &[Option<&Series>; 2]) -> Vec<Row> {
    let of = |title: &str, value: fn(&Series) -> f64| {
        row(title, pair.map(|series| series.map(|it| (value(it), format!("{:.1} ms", value(it))))))
    };
    vec![
        of("create to running, p50", |it| it.summary.running_ms.p50),
        of("create to running, p99", |it| it.summary.running_ms.p99),
        of("create to its first words, p50", |it| it.summary.ready_ms.p50),
        of("create to its first words, p99", |it| it.summary.ready_ms.p99),
        of("  RunPodSandbox, mean", |it| call(it, "RunPodSandbox")),
        of("  CreateContainer, mean", |it| call(it, "CreateContainer")),
        of("  StartContainer, mean", |it| call(it, "StartContainer")),
        of("the very first, with unpacking or compiling", |it| it.first_pod_ms),
    ]
}

fn call(series: &Series, name: &str) -> f64 {
    series.summary.calls_ms.get(name).copied().unwrap_or_default()
}

fn request_rows(pair: &[Option<&Series>; 2]) -> Vec<Row> {
    let requests = pair.map(|series| series?.summary.requests);
    if requests.iter().all(Option::is_none) {
        return Vec::new();
    }
    let mut answered =
        row("requests per second", requests.map(|it| it.map(|it| (it.per_second, format!("{:.0}", it.per_second)))));
    // Here more is better.
    answered.ratio = answered.ratio.map(|ratio| 1.0 / ratio);
    let time = |micros: f64| (micros, format!("{micros:.0} us"));
    vec![
        answered,
        row("request, p50", requests.map(|it| it.map(|it| time(it.p50_us)))),
        row("request, p99", requests.map(|it| it.map(|it| time(it.p99_us)))),
    ]
}

fn row(title: &str, cells: [Option<(f64, String)>; 2]) -> Row {
    let ratio = match &cells {
        [Some((theirs, _)), Some((ours, _))] if *theirs > 0.0 && *ours > 0.0 => Some(theirs / ours),
        _ => None,
    };
    Row {
        title: title.to_owned(),
        cells: cells.map(|cell| cell.map_or_else(|| ABSENT.to_owned(), |(_, text)| text)),
        ratio,
    }
}

/// How far the three ways to count a pod are apart.
fn agreement(pair: &[Option<&Series>; 2]) -> String {
    let mut text = String::new();
    for series in pair.iter().flatten() {
        let slopes: Option<Vec<f64>> =
            [WHOLE, AVAILABLE, GROUP].iter().map(|key| Some(series.summary.line(key)?.slope)).collect();
        let Some(slopes) = slopes else { continue };
        let (least, most) =
            slopes.iter().fold((f64::MAX, f64::MIN), |(least, most), it| (least.min(*it), most.max(*it)));
        let apart = (most - least) / slopes[0].abs().max(f64::MIN_POSITIVE) * 100.0;
        let verdict = if apart <= 10.0 {
            "they agree"
        } else {
            "they do not agree: the machine was not quiet, or they count other things"
        };
        text += &format!("  {}: a, b and c are {apart:.0} % apart: {verdict}\n", series.title());
    }
    text
}

fn amount(key: &str, value: f64) -> String {
    match key {
        PROCESSES | THREADS => format!("{value:.1}"),
        _ => kibibytes(value),
    }
}

/// A number of KiB as people read it.
pub(crate) fn kibibytes(value: f64) -> String {
    match value.abs() {
        size if size < 1000.0 => format!("{value:.1} KiB"),
        _ => format!("{:.2} MiB", value / 1024.0),
    }
}

/// How many times.
pub(crate) fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}x") } else { format!("{ratio:.0}x") }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::compare::host::Host;
    use crate::compare::report::{FORMAT, Method, Programs, Requests};
    use crate::compare::summary::{Summary, tests::point};

    fn series(runtime: Runtime, version: &str, fixed: u64, each: u64) -> Series {
        let mut points = vec![point(0, fixed, each), point(10, fixed, each), point(100, fixed, each)];
        points[2].requests = Some(Requests { per_second: each as f64, p50_us: 200.0, p99_us: 900.0, failed: 0 });
        Series {
            runtime,
            workload: Workload::Hello,
            versions: vec![version.to_owned()],
            setting: "a setting".to_owned(),
            first_pod_ms: 50.0,
            summary: Summary::of(&points),
            points,
            recorded: None,
        }
    }

    /// A comparison of runtimes that are as simple as can be.
    pub(crate) fn report() -> Report {
        let host = Host {
            date: "2026-11-26T01:02:03Z".to_owned(),
            processor: "Some CPU & more".to_owned(),
            processors: 2,
            virtual_machine: false,
            memory_kib: 1 << 20,
            kernel: "6.18".to_owned(),
            system: "Debian 12".to_owned(),
            settings: vec!["swap off".to_owned()],
            load: [0.0, 0.0],
        };
        let programs = Programs { source_sha256: "ab".to_owned(), linux_bytes: Some(1), wasm_bytes: 1 };
        let method =
            Method { counts: vec![0, 10, 100], rounds: 1, settle_seconds: 9, seed: 1, drop_caches: false, programs };
        let series = vec![
            series(Runtime::Containerd, "containerd 1.6.20", 40_000, 4400),
            series(Runtime::Coracle, "coracle 0.1.0", 8000, 64),
        ];
        Report { format: FORMAT, host, method, series }
    }

    #[test]
    fn the_table_has_what_is_fixed_and_what_each_pod_adds_apart() {
        let text = render(&report(), false);
        for line in [
            "[0, 10, 100] pods, 1 rounds in random order, left alone for 9 s before each reading",
            "A web server of Rust's std that waits (hello)",
            "  PSS of all processes                             39.06 MiB            7.81 MiB   5.0x",
            "  PSS of all processes                          4.30 MiB ± 0.0 KiB  64.0 KiB ± 0.0 KiB   69x",
            "  create to running, p50                             45.0 ms            45.0 ms   1.0x",
            "  requests per second                                  4400                 64   0.0x",
            "  coracle 0.1.0: a, b and c are 0 % apart: they agree",
        ] {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert!(text.lines().any(|it| words(it) == words(line)), "{line}\n{text}");
        }
        assert!(!text.contains('\x1b'));
        assert!(render(&report(), true).contains("\x1b[32m69x\x1b[0m"));
    }

    #[test]
    fn what_was_not_measured_here_is_said() {
        let mut recorded = report();
        recorded.series[0].recorded = Some(recorded.host.clone());
        let text = render(&recorded, false);
        assert!(text.contains("containerd 1.6.20 (recorded)") && text.contains("RECORDED on 2 x Some CPU"), "{text}");
        recorded.series.remove(0);
        assert!(render(&recorded, false).lines().any(|line| line.contains("PSS of all") && line.contains(" -  ")));
    }

    #[test]
    fn amounts_have_their_unit() {
        assert_eq!(kibibytes(64.04), "64.0 KiB");
        assert_eq!(kibibytes(-2048.0), "-2.00 MiB");
        assert_eq!((times(9.94), times(68.7)), ("9.9x".to_owned(), "69x".to_owned()));
    }
}
