//! The comparison as a picture: memory by the number of pods with the lines through it, and the times to make one pod.

use super::report::{Report, Runtime, Series, Workload};
use super::summary::{METRICS, PSS};
use super::table::{kibibytes, times};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 440.0;
/// The frame of the left picture.
const LEFT: Frame = Frame { x: 70.0, y: 70.0, width: 450.0, height: 280.0 };
/// And of the right one.
const RIGHT: Frame = Frame { x: 600.0, y: 70.0, width: 270.0, height: 280.0 };
/// How many lines of a grid there are at most.
const TICKS_MAX: f64 = 6.0;
/// How many characters a line of the caption has.
const CAPTION_CHARACTERS: usize = 120;

#[derive(Clone, Copy)]
struct Frame {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// The picture of one workload, as SVG.
pub(crate) fn svg(report: &Report, workload: Workload) -> String {
    let found = [Runtime::Containerd, Runtime::Coracle].map(|runtime| report.find(runtime, workload));
    let series: Vec<&Series> = found.into_iter().flatten().collect();
    let mut picture = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" fill="black">
<title>Memory and start of pods</title>
<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="white"/>
"#
    );
    picture += &memory(&series);
    picture += &starts(&series);
    picture += &legend(&series);
    picture += &caption(report, &series);
    picture + "</svg>\n"
}

fn color(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Containerd => "#d95f02",
        Runtime::Coracle => "#1b7f5a",
    }
}

fn memory(series: &[&Series]) -> String {
    let mut text = label(LEFT.x, LEFT.y - 14.0, "start", "16", "Memory of all processes (PSS) by the number of pods");
    let pss = METRICS.iter().find(|metric| metric.key == PSS).map(|metric| metric.of);
    let points = |it: &Series| -> Vec<(f64, f64)> {
        it.points.iter().filter_map(|point| Some((f64::from(point.pods), pss?(point)? / 1024.0))).collect()
    };
    let all: Vec<(f64, f64)> = series.iter().flat_map(|it| points(it)).collect();
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(1.0, f64::max);
    let (most_x, most_y) = (most(&mut all.iter().map(|it| it.0)), most(&mut all.iter().map(|it| it.1)) * 1.05);
    let x = |pods: f64| LEFT.x + pods / most_x * LEFT.width;
    let y = |mib: f64| LEFT.y + LEFT.height - mib / most_y * LEFT.height;
    for tick in ticks(most_y) {
        let right = LEFT.x + LEFT.width;
        text += &format!(
            "<line x1=\"{}\" x2=\"{right}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>\n",
            LEFT.x,
            y(tick),
            y(tick)
        );
        text += &label(LEFT.x - 6.0, y(tick) + 4.0, "end", "12", &format!("{tick} MiB"));
    }
    for tick in ticks(most_x) {
        text += &label(x(tick), LEFT.y + LEFT.height + 18.0, "middle", "12", &tick.to_string());
    }
    for it in series {
        let color = color(it.runtime);
        if let Some(line) = it.summary.line(PSS) {
            let (from, to) = (y(line.intercept / 1024.0), y(line.at(most_x) / 1024.0));
            text += &format!(
                "<line x1=\"{:.1}\" y1=\"{from:.1}\" x2=\"{:.1}\" y2=\"{to:.1}\" stroke=\"{color}\" stroke-width=\"2\"/>\n",
                x(0.0),
                x(most_x)
            );
        }
        for (pods, mib) in points(it) {
            text += &format!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{color}\" fill-opacity=\"0.7\"/>\n",
                x(pods),
                y(mib)
            );
        }
    }
    text
}

/// Bars from the median to nothing and whiskers to the slowest hundredth; the scale is logarithmic, since a hundred times is what is to be seen.
fn starts(series: &[&Series]) -> String {
    let mut text = label(RIGHT.x, RIGHT.y - 14.0, "start", "16", "Create to running (p50, whisker p99)");
    let slowest = series.iter().map(|it| it.summary.running_ms.p99).fold(1.0, f64::max);
    let decades = slowest.log10().ceil().max(1.0);
    let x = |millis: f64| RIGHT.x + millis.max(0.1).log10().max(-1.0).mul_add(1.0, 1.0) / (decades + 1.0) * RIGHT.width;
    for decade in -1..=(decades as i32) {
        let millis = 10_f64.powi(decade);
        let bottom = RIGHT.y + RIGHT.height;
        text += &format!(
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\n",
            x(millis),
            RIGHT.y
        );
        text += &label(x(millis), bottom + 18.0, "middle", "12", &format!("{millis} ms"));
    }
    let height = RIGHT.height / (series.len().max(1) as f64);
    for (number, it) in series.iter().enumerate() {
        let (color, running) = (color(it.runtime), it.summary.running_ms);
        let top = RIGHT.y + height * number as f64 + height * 0.35;
        let (thick, middle) = (height * 0.3, top + height * 0.15);
        text += &format!(
            "<rect x=\"{}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{thick:.1}\" fill=\"{color}\" fill-opacity=\"0.8\"/>\n",
            RIGHT.x,
            x(running.p50) - RIGHT.x
        );
        text += &format!(
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"black\"/>\n",
            x(running.p50),
            x(running.p99)
        );
        text += &label(
            RIGHT.x + 4.0,
            top - 6.0,
            "start",
            "13",
            &format!("{:.1} ms, p99 {:.1} ms", running.p50, running.p99),
        );
    }
    text
}

fn legend(series: &[&Series]) -> String {
    let mut text = String::new();
    for (number, it) in series.iter().enumerate() {
        let y = LEFT.y + 20.0 + 20.0 * number as f64;
        let slope =
            it.summary.line(PSS).map(|line| format!(": {} for each pod", kibibytes(line.slope))).unwrap_or_default();
        let recorded = if it.recorded.is_some() { " (recorded)" } else { "" };
        text +=
            &format!("<circle cx=\"{}\" cy=\"{}\" r=\"5\" fill=\"{}\"/>\n", LEFT.x + 16.0, y - 4.0, color(it.runtime));
        text += &label(LEFT.x + 28.0, y, "start", "13", &format!("{}{recorded}{slope}", it.versions.join(" + ")));
    }
    text
}

fn caption(report: &Report, series: &[&Series]) -> String {
    let mut lines = Vec::new();
    if let [theirs, ours] = series {
        let memory =
            theirs.summary.line(PSS).zip(ours.summary.line(PSS)).map(|(theirs, ours)| theirs.slope / ours.slope);
        let start = theirs.summary.running_ms.p50 / ours.summary.running_ms.p50;
        let memory = memory.map(|ratio| format!("{} less memory per pod, ", times(ratio))).unwrap_or_default();
        lines.push(format!("{memory}{} faster to start; the same Rust source on both sides", times(start)));
    }
    lines.extend(wrap(&report.host.line(), CAPTION_CHARACTERS));
    for (series, host) in series.iter().filter_map(|it| Some((it, it.recorded.as_ref()?))) {
        lines.extend(wrap(&format!("{} recorded on {}", series.versions.join(", "), host.line()), CAPTION_CHARACTERS));
    }
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let size = if number == 0 && series.len() == 2 { "14" } else { "11" };
        text += &label(20.0, HEIGHT - 58.0 + 16.0 * number as f64, "start", size, line);
    }
    text
}

/// The lines of a text, broken between words.
fn wrap(text: &str, characters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= characters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn label(x: f64, y: f64, anchor: &str, size: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{text}</text>\n")
}

/// Round numbers from 0 to `most`, not too many.
fn ticks(most: f64) -> Vec<f64> {
    let rough = most / TICKS_MAX;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|it| it * magnitude);
    let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(10.0 * magnitude);
    (0..).map(|number| f64::from(number) * step).take_while(|tick| *tick <= most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::table::tests::report;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(480.0), [0.0, 100.0, 200.0, 300.0, 400.0]);
        assert_eq!(ticks(1.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
    }

    #[test]
    fn a_picture_has_a_dot_for_each_point_and_a_line_for_each_runtime() {
        let picture = svg(&report(), Workload::Hello);
        assert_eq!(picture.matches("r=\"3.5\"").count(), 6);
        assert_eq!(picture.matches("stroke-width=\"2\"").count(), 2);
        assert!(picture.contains("69x less memory per pod, 1.0x faster to start"), "{picture}");
        assert!(picture.contains("Some CPU &amp; more"), "text is escaped");
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
        assert!(picture.ends_with("</svg>\n") && !picture.contains("NaN"));
    }

    #[test]
    fn a_picture_of_nothing_is_one_too() {
        let mut empty = report();
        empty.series.clear();
        assert!(svg(&empty, Workload::Hello).ends_with("</svg>\n"));
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
    }
}
