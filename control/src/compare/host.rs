//! The machine of a comparison, as a reader must know it to judge the figures.

use std::fs;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A machine at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Host {
    /// When.
    pub date: String,
    /// The processor's name.
    pub processor: String,
    /// How many of them.
    pub processors: usize,
    /// Whether a hypervisor is below.
    pub virtual_machine: bool,
    /// All memory.
    pub memory_kib: u64,
    /// Its kernel.
    pub kernel: String,
    /// Its distribution.
    pub system: String,
    /// What else decides how much memory programs take.
    pub settings: Vec<String>,
    /// The load average of one minute when everything began and when it was over.
    pub load: [f64; 2],
}

// === impl Host ===

impl Host {
    /// This machine at `now`.
    pub(crate) fn look(now: OffsetDateTime) -> Host {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let chosen = |path: &str| brackets(&read(path)).map(str::to_owned);
        let pages = chosen("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_else(|| "unknown".to_owned());
        let meminfo = read("/proc/meminfo");
        let swap = if field(&meminfo, "SwapTotal") == Some("0 kB") { "off" } else { "on" };
        let merging = if read("/sys/kernel/mm/ksm/run").trim() == "1" { "on" } else { "off" };
        let groups = if fs::metadata("/sys/fs/cgroup/cgroup.controllers").is_ok() { "v2" } else { "v1" };
        Host {
            date: now.format(&Rfc3339).unwrap_or_default(),
            processor: field(&cpuinfo, "model name").unwrap_or(std::env::consts::ARCH).to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            virtual_machine: field(&cpuinfo, "flags")
                .is_some_and(|flags| flags.split(' ').any(|it| it == "hypervisor")),
            memory_kib: field(&meminfo, "MemTotal").and_then(kibibytes).unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: system(&read("/etc/os-release")),
            settings: vec![
                format!("cgroup {groups}"),
                format!("transparent huge pages {pages}"),
                format!("swap {swap}"),
                format!("KSM {merging}"),
            ],
            load: [load(), 0.0],
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let machine = if self.virtual_machine { ", a virtual machine" } else { "" };
        format!(
            "{} x {}{machine}, {:.1} GiB, Linux {}, {}; {}; load {:.2} to {:.2}; {}",
            self.processors,
            self.processor,
            self.memory_kib as f64 / 1048576.0,
            self.kernel,
            self.system,
            self.settings.join(", "),
            self.load[0],
            self.load[1],
            self.date.split('T').next().unwrap_or_default(),
        )
    }
}

/// The load average of one minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or_default()
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

fn kibibytes(text: &str) -> Option<u64> {
    text.strip_suffix(" kB")?.trim().parse().ok()
}

/// The word in brackets of `always [madvise] never`.
fn brackets(text: &str) -> Option<&str> {
    Some(text.split_once('[')?.1.split_once(']')?.0)
}

fn system(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "unknown distribution".to_owned(), |name| name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_understood() {
        assert_eq!(field("vendor_id\t: X\nmodel name\t: AMD EPYC\nmodel name\t: Y\n", "model name"), Some("AMD EPYC"));
        assert_eq!(kibibytes("24684092 kB"), Some(24_684_092));
        assert_eq!(brackets("always [madvise] never"), Some("madvise"));
        assert_eq!(
            system("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)"
        );
        assert_eq!(system(""), "unknown distribution");
    }

    #[test]
    fn a_line_names_the_machine() {
        let host = Host {
            date: "2026-11-26T01:02:03Z".to_owned(),
            processor: "AMD EPYC".to_owned(),
            processors: 2,
            virtual_machine: true,
            memory_kib: 24 << 20,
            kernel: "6.18".to_owned(),
            system: "Debian 12".to_owned(),
            settings: vec!["cgroup v1".to_owned(), "swap off".to_owned()],
            load: [0.1, 0.5],
        };
        let expected = "2 x AMD EPYC, a virtual machine, 24.0 GiB, Linux 6.18, Debian 12; cgroup v1, swap off; load 0.10 to 0.50; 2026-11-26";
        assert_eq!(host.line(), expected);
    }
}
