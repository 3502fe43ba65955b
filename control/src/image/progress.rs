//! Shows how far a pull is: a bar that moves on a terminal, a line for each finished blob elsewhere.
#![expect(clippy::print_stderr, reason = "what the user waits for")]

use std::io::{IsTerminal, Write};
use std::sync::Mutex;

use runtime::image::BlobProgress;

use super::{short, size};

const BAR_CHARACTERS: usize = 30;

/// What was shown last.
pub(super) struct Display {
    terminal: bool,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    digest: String,
    percent: u64,
    finished: bool,
}

// === impl Display ===

impl Display {
    /// Shows on standard error, so that what a command prints stays what it is.
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), shown: Mutex::default() }
    }

    /// Shows where a blob is, if that can be seen.
    pub(super) fn show(&self, progress: &BlobProgress) {
        let mut shown = self.shown.lock().expect("showing does not panic");
        if let Some(text) = shown.next(progress, self.terminal) {
            eprint!("{text}");
            let _ = std::io::stderr().flush();
        }
    }
}

// === impl Shown ===

impl Shown {
    /// What to print now, if anything changes.
    fn next(&mut self, progress: &BlobProgress, terminal: bool) -> Option<String> {
        let BlobProgress { digest, bytes, bytes_total } = progress;
        let percent = if *bytes_total == 0 { 100 } else { bytes * 100 / bytes_total };
        let finished = bytes == bytes_total;
        if self.digest == *digest && self.percent == percent && self.finished == finished {
            return None;
        }
        *self = Self { digest: digest.clone(), percent, finished };
        match (terminal, finished) {
            (true, false) => Some(format!("\r{}", line(progress, percent))),
            (true, true) => Some(format!("\r{}\n", line(progress, percent))),
            (false, true) => Some(format!("{}: {}\n", short(digest), size(*bytes_total))),
            (false, false) => None,
        }
    }
}

fn line(progress: &BlobProgress, percent: u64) -> String {
    let filled = usize::try_from(percent).unwrap_or(100).min(100) * BAR_CHARACTERS / 100;
    let bar: String = (0..BAR_CHARACTERS).map(|at| if at < filled { '█' } else { '░' }).collect();
    format!("{} \x1b[36m{bar}\x1b[0m {percent:3}% of {}", short(&progress.digest), size(progress.bytes_total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bytes: u64) -> BlobProgress {
        BlobProgress { digest: format!("sha256:{}", "ab".repeat(32)), bytes, bytes_total: 1000 }
    }

    #[test]
    fn a_terminal_sees_a_bar_that_moves() {
        let mut shown = Shown::default();
        let half = shown.next(&at(500), true);
        assert!(half.is_some_and(|text| text.starts_with('\r') && text.contains(" 50%") && !text.ends_with('\n')));
        assert_eq!(shown.next(&at(501), true), None, "nothing to see");
        assert!(shown.next(&at(1000), true).is_some_and(|text| text.ends_with("100% of 1.0kB\n")));
        assert_eq!(shown.next(&at(1000), true), None);
    }

    #[test]
    fn a_file_gets_a_line_for_each_blob() {
        let mut shown = Shown::default();
        assert_eq!(shown.next(&at(500), false), None);
        assert_eq!(shown.next(&at(1000), false).as_deref(), Some("ababababababa: 1.0kB\n"));
    }
}
