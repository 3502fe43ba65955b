//! Finds the processes of a stack and reads their memory.

use std::collections::HashSet;
use std::fs;
use std::io;

/// What the program of a pod is called in its image.
const PROGRAM: &str = "program";
/// The word that makes it what keeps a sandbox.
const PAUSE: &str = "pause";

/// A process, as far as it matters whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its number.
    pub pid: u32,
    /// Who started it, or who took it over.
    pub parent: u32,
    /// The words that it was started with.
    pub words: Vec<String>,
}

/// A process' memory in KiB, and its threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub pss: u64,
    pub anonymous: u64,
    pub page_tables: u64,
    pub threads: u64,
}

/// All processes of this machine.
///
/// # Errors
/// When there is no `/proc`.
pub(crate) fn processes() -> io::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // Whoever ends meanwhile is not there.
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        let Some(parent) = number(&status, "PPid:") else { continue };
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = words.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let words = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        found.push(Process { pid, parent: u32::try_from(parent).unwrap_or_default(), words });
    }
    Ok(found)
}

/// Those that name `marker` on their command line, and all that descend from them.
pub(crate) fn of_stack<'a>(all: &'a [Process], marker: &str) -> Vec<&'a Process> {
    let names = |process: &&Process| process.words.iter().any(|word| word.contains(marker));
    let mut ours: HashSet<u32> = all.iter().filter(names).map(|it| it.pid).collect();
    loop {
        let children = all.iter().filter(|it| ours.contains(&it.parent) && !ours.contains(&it.pid));
        let children: Vec<u32> = children.map(|it| it.pid).collect();
        if children.is_empty() {
            return all.iter().filter(|it| ours.contains(&it.pid)).collect();
        }
        ours.extend(children);
    }
}

/// What a process has; `None` if it is gone, or is only the kernel's.
pub(crate) fn memory(pid: u32) -> Option<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse(&rollup, &status)
}

fn parse(rollup: &str, status: &str) -> Option<Memory> {
    Some(Memory {
        pss: number(rollup, "Pss:")?,
        anonymous: number(rollup, "Anonymous:")?,
        page_tables: number(status, "VmPTE:")?,
        threads: number(status, "Threads:")?,
    })
}

/// The number after `name` at the beginning of a line.
fn number(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().trim_end_matches(" kB").parse().ok()
}

// === impl Process ===

impl Process {
    /// What it is in its stack: the name of its program, but a sandbox's keeper and a pod's program apart.
    pub(crate) fn role(&self) -> String {
        let name = self.words.first().and_then(|word| word.rsplit('/').next()).unwrap_or("unknown");
        match (name, self.words.get(1).map(String::as_str)) {
            (PROGRAM, Some(PAUSE)) => PAUSE.to_owned(),
            _ => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn process(pid: u32, parent: u32, command: &str) -> Process {
        Process { pid, parent, words: command.split(' ').map(str::to_owned).collect() }
    }

    #[test]
    fn a_stack_is_what_names_it_and_what_descends_from_that() {
        let all = [
            process(1, 0, "/sbin/init"),
            process(40, 30, "/program hello 127.0.0.1:21000"),
            process(10, 1, "/usr/bin/containerd --config /tmp/x/containerd.toml"),
            process(30, 1, "/usr/bin/containerd-shim-runc-v2 -address /tmp/x/containerd.sock"),
            process(31, 30, "/program pause"),
            process(50, 1, "/usr/bin/containerd --config /etc/containerd/config.toml"),
            process(51, 50, "/program pause"),
        ];
        let found: Vec<(u32, String)> = of_stack(&all, "/tmp/x/").iter().map(|it| (it.pid, it.role())).collect();
        let expected = [(40, "program"), (10, "containerd"), (30, "containerd-shim-runc-v2"), (31, "pause")];
        assert_eq!(found, expected.map(|(pid, role)| (pid, role.to_owned())));
    }

    #[test]
    fn memory_is_read_from_what_the_kernel_adds_up() {
        let rollup = "55d0-7ffc ---p 00000000 00:00 0    [rollup]
Rss:                9120 kB
Pss:                4421 kB
Pss_Anon:           2100 kB
Anonymous:          2196 kB
AnonHugePages:         0 kB
";
        let status = "Name:\tcontainerd-shim\nPPid:\t1\nVmPTE:\t     112 kB\nThreads:\t11\n";
        let memory = parse(rollup, status).unwrap();
        assert_eq!(memory, Memory { pss: 4421, anonymous: 2196, page_tables: 112, threads: 11 });
        assert_eq!(parse("", status), None);
    }

    #[test]
    fn this_process_is_one() {
        assert!(processes().unwrap().iter().any(|it| it.pid == std::process::id()));
        assert!(memory(std::process::id()).unwrap().pss > 0);
    }
}
