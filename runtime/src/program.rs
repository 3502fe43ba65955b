//! What all instances of one running program share: its code, arguments, files, network and streams.

use std::sync::Arc;

use crate::cpu::Running;
use crate::host::filesystem::tree::Tree;
use crate::instance::Life;
use crate::module::Module;
use crate::network::GroupNetwork;
use crate::place::Place;
use crate::stdio::Streams;

/// A program that runs; gone when it has ended. A command has one store for it, a server one per request.
#[derive(Debug)]
pub(crate) struct Program {
    /// Where commands beside it come from.
    pub(crate) image: String,
    /// What its caller's handle holds too.
    pub(crate) life: Arc<Life>,
    pub(crate) module: Arc<Module>,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) tree: Option<Arc<Tree>>,
    pub(crate) network: Arc<GroupNetwork>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) running: Arc<Running>,
    pub(crate) _place: Place,
}
