//! What all instances of one started program share: its code, arguments, limits and log.

use std::sync::Arc;

use crate::cpu::{CpuAccount, Running};
use crate::host::filesystem::tree::Tree;
use crate::log::Log;
use crate::memory::MemoryAccount;
use crate::module::Module;
use crate::network::GroupNetwork;
use crate::runtime::Place;
use crate::spec::Stats;

/// A program that was started. A command has one store for it, a server one per request.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) id: String,
    pub(crate) module: Arc<Module>,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) tree: Option<Arc<Tree>>,
    pub(crate) network: Arc<GroupNetwork>,
    pub(crate) log: Arc<Log>,
    pub(crate) memory: Arc<MemoryAccount>,
    pub(crate) cpu: Arc<CpuAccount>,
    pub(crate) running: Arc<Running>,
    pub(crate) _place: Place,
}

impl Program {
    pub(crate) fn stats(&self) -> Stats {
        Stats { cpu_nanos: self.cpu.used_nanos(), memory_bytes: self.memory.used_bytes() }
    }
}
