//! Shows how far the comparison is: a bar that moves on a terminal, a line for each step elsewhere.
#![expect(clippy::print_stderr, reason = "what the user waits for")]

use std::io::{IsTerminal, Write};

use super::report::Runtime;
use super::schedule::Step;

const BAR_CHARACTERS: usize = 30;
/// What a step takes besides its pods and the time in which it is left alone, in seconds; only to foretell the end.
const STEP_SECONDS: f64 = 9.0;

/// How far it is.
pub(crate) struct Progress {
    terminal: bool,
    settle_seconds: f64,
    total_seconds: f64,
    done_seconds: f64,
    pods: u32,
    step: Option<Step>,
}

// === impl Progress ===

impl Progress {
    /// Shows on standard error, so that what the command prints stays what it is.
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, settle_seconds: 0.0, total_seconds: 0.0, done_seconds: 0.0, pods: 0, step: None }
    }

    /// Says what is done before the steps.
    pub(crate) fn note(&self, text: &str) {
        eprintln!("{text}");
    }

    /// All that will be done.
    pub(crate) fn begin(&mut self, steps: &[Step], settle_seconds: u64) {
        self.settle_seconds = settle_seconds as f64;
        self.total_seconds = steps.iter().map(|step| self.seconds(step)).sum();
    }

    /// The step before is done, and this one begins.
    pub(crate) fn step(&mut self, step: &Step) {
        self.finish_step();
        self.step = Some(*step);
        if self.terminal { self.draw() } else { eprintln!("{}", self.line()) }
    }

    /// One more pod of this step runs.
    pub(crate) fn pod(&mut self) {
        self.pods += 1;
        if self.terminal {
            self.draw();
        }
    }

    /// All is done.
    pub(crate) fn end(&mut self) {
        self.finish_step();
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }

    fn finish_step(&mut self) {
        if let Some(step) = self.step.take() {
            self.done_seconds += self.seconds(&step);
        }
        self.pods = 0;
    }

    fn draw(&self) {
        eprint!("\r{}\x1b[K", self.line());
        let _ = std::io::stderr().flush();
    }

    /// What a step will take.
    fn seconds(&self, step: &Step) -> f64 {
        let each = match step.runtime {
            Runtime::Containerd => 0.25,
            Runtime::Coracle => 0.01,
        };
        STEP_SECONDS + self.settle_seconds + each * f64::from(step.pods)
    }

    fn line(&self) -> String {
        let Some(step) = &self.step else { return String::new() };
        let within = if step.pods == 0 { 0.0 } else { f64::from(self.pods) / f64::from(step.pods) };
        // The pods are not all of a step: after them everything is left alone.
        let done = self.done_seconds + within * (self.seconds(step) - self.settle_seconds);
        let part = (done / self.total_seconds.max(1.0)).clamp(0.0, 1.0);
        let minutes = (self.total_seconds - done) / 60.0;
        let who = match step.runtime {
            Runtime::Containerd => "containerd",
            Runtime::Coracle => "coracle",
        };
        let what = format!("round {}: {who}, {} {}", step.round + 1, step.workload.name(), step.pods);
        format!("{} {:3.0}%  about {minutes:.0} min left  {what}", bar(part, self.terminal), part * 100.0)
    }
}

fn bar(part: f64, colored: bool) -> String {
    let filled = (part * BAR_CHARACTERS as f64) as usize;
    let bar: String = (0..BAR_CHARACTERS).map(|at| if at < filled { '█' } else { '░' }).collect();
    if colored { format!("\x1b[36m{bar}\x1b[0m") } else { bar }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::report::Workload;

    #[test]
    fn the_bar_goes_from_nothing_to_all() {
        let step = |pods| Step { round: 0, runtime: Runtime::Containerd, workload: Workload::Hello, pods };
        let mut progress = Progress { terminal: false, ..Progress::new() };
        progress.begin(&[step(0), step(100)], 51);
        progress.step(&step(0));
        assert!(progress.line().contains("  0%  about 2 min left  round 1: containerd, hello 0"));
        progress.step(&step(100));
        assert!(progress.line().contains(" 41%"), "{}", progress.line());
        (0..100).for_each(|_| progress.pod());
        assert!(progress.line().contains(" 65%"), "{}", progress.line());
        progress.end();
        assert_eq!(progress.line(), "");
        assert_eq!(bar(1.0, false), "█".repeat(BAR_CHARACTERS));
    }
}
