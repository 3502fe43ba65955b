//! Reads what a runtime and all its pods cost this machine, in several ways that must agree.
//!
//! # Flow
//! Everything that a runtime starts, directly or not, has the comparison's own folder on its command line or descends from
//! what has; so all processes of the stack are found without asking the runtime. Their memory is added up (PSS counts a page
//! that many map only once in all). What the kernel keeps for them is seen from outside: as what the machine has less, and
//! as what the control group that holds the whole stack is charged.

mod cgroup;
mod disk;
mod meminfo;
mod process;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

pub(crate) use cgroup::Cgroup;
pub(crate) use disk::kibibytes_of;
pub(crate) use meminfo::Meminfo;
pub(crate) use process::{of_stack, processes};

/// What a stack costs at one moment, in KiB where nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// The proportional set size of all processes together.
    pub pss: u64,
    /// The same by what the processes are.
    pub pss_by_role: BTreeMap<String, u64>,
    /// Pages that are in no file.
    pub anonymous: u64,
    /// The processes' page tables.
    pub page_tables: u64,
    /// How many processes there are.
    pub processes: u64,
    /// And how many threads they have.
    pub threads: u64,
    /// The machine's memory.
    pub machine: Meminfo,
    /// What the control group of the stack is charged, if there can be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Charge>,
}

/// What a control group is charged, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Charge {
    /// All of it but files that nobody used lately: what a kubelet calls the working set.
    pub working_set: u64,
    /// Pages that are in no file.
    pub anonymous: u64,
    /// What the kernel keeps for it.
    pub kernel: u64,
}

/// Reads the stack whose processes name `marker`.
///
/// # Errors
/// When the system does not say.
pub(crate) fn read(marker: &str, group: Option<&Cgroup>) -> Result<Reading> {
    let all = processes().context("list processes")?;
    let mut reading = Reading {
        machine: Meminfo::read()?,
        group: group.map(Cgroup::charge).transpose().context("read the control group")?,
        ..Reading::default()
    };
    for process in of_stack(&all, marker) {
        // A process that has just ended costs nothing.
        let Some(memory) = process::memory(process.pid) else { continue };
        reading.pss += memory.pss;
        reading.anonymous += memory.anonymous;
        reading.page_tables += memory.page_tables;
        reading.processes += 1;
        reading.threads += memory.threads;
        *reading.pss_by_role.entry(process.role()).or_default() += memory.pss;
    }
    Ok(reading)
}
