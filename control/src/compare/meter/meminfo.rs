//! The machine's memory as `/proc/meminfo` has it.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Some of its lines, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meminfo {
    /// What programs can still have without swapping.
    pub available: u64,
    /// What nobody uses at all.
    pub free: u64,
    /// Pages of files.
    pub cached: u64,
    /// The kernel's objects.
    pub slab: u64,
    /// The stacks that threads have inside the kernel.
    pub kernel_stack: u64,
    /// What maps addresses to pages.
    pub page_tables: u64,
    /// What the kernel keeps for each processor.
    pub per_cpu: u64,
}

// === impl Meminfo ===

impl Meminfo {
    /// Now.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn read() -> Result<Meminfo> {
        let text = std::fs::read_to_string("/proc/meminfo").context("read the machine's memory")?;
        Meminfo::parse(&text).context("the kernel's account of memory lacks a line")
    }

    /// `None` if a line is missing.
    pub(crate) fn parse(text: &str) -> Option<Meminfo> {
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            value.trim().strip_suffix(" kB")?.parse().ok()
        };
        Some(Meminfo {
            available: field("MemAvailable")?,
            free: field("MemFree")?,
            cached: field("Cached")?,
            slab: field("Slab")?,
            kernel_stack: field("KernelStack")?,
            page_tables: field("PageTables")?,
            per_cpu: field("Percpu")?,
        })
    }

    /// What the kernel has for itself.
    pub(crate) fn kernel(&self) -> u64 {
        self.slab + self.kernel_stack + self.page_tables + self.per_cpu
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const TEXT: &str = "MemTotal:       24684092 kB
MemFree:        12468876 kB
MemAvailable:   22591820 kB
Cached:          9728448 kB
SwapCached:            0 kB
Slab:             659760 kB
KernelStack:        2280 kB
PageTables:         8864 kB
SecPageTables:         0 kB
Percpu:              760 kB
HugePages_Total:       0
";

    #[test]
    fn the_kernels_account_is_read_line_by_line() {
        let found = Meminfo::parse(TEXT).unwrap();
        assert_eq!((found.available, found.free, found.cached), (22_591_820, 12_468_876, 9_728_448));
        assert_eq!(found.kernel(), 659_760 + 2280 + 8864 + 760);
        assert_eq!(Meminfo::parse("MemFree: 1 kB\n"), None);
    }
}
