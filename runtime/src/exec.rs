//! Runs a command in a running program's surroundings: a new instance with the same image, environment, files, network and limits. It
//! shares no memory with the program, since WebAssembly instances do not.

use std::sync::Arc;

use crate::argv;
use crate::command;
use crate::instance::{Instance, Life};
use crate::module::World;
use crate::place::Unclaimed;
use crate::program::Program;
use crate::runtime::Runtime;
use crate::spec::StartError;
use crate::stdio::{Listener, Stdio, Streams};

impl Runtime {
    /// Starts the command that `args` names beside a program, charged to the program's accounts, and listens to it from its start. It has
    /// no log. Whoever started it ends it when the program ends.
    ///
    /// # Errors
    /// See `StartError`. Cancellation safe: a command whose start nobody waits for any more is killed.
    pub async fn exec(
        &self,
        beside: &Instance,
        id: String,
        args: Vec<String>,
        stdio: Stdio,
    ) -> Result<(Instance, Listener), StartError> {
        let place = self.place()?;
        let ended = || StartError::Ended(beside.id().to_owned());
        let image = beside.program().ok_or_else(ended)?.image.clone();
        let manifest = self.manifest(&image)?;
        let (env, tree) = beside.program().map(|it| (it.env.clone(), it.tree.clone())).ok_or_else(ended)?;
        // The name of a file in a volume of an image, or of a module of its own image.
        let mounted = args.first().and_then(|word| tree.as_ref()?.mounted_module(word));
        let (path, module) = match mounted {
            Some((entry, blob)) => (args[0].clone(), self.module_of(&entry, &blob, &args[0]).await?),
            None => {
                let path = argv::of_command(&manifest, &args, &env)?;
                let module = self.module(&manifest, &path).await?;
                (path, module)
            }
        };
        let World::Command(pre) = &module.world else {
            return Err(StartError::NoModule(format!("`{path}` answers HTTP requests, it is not a command")));
        };
        let pre = pre.clone();
        let streams = Streams::new(None, stdio);
        let listener = streams.first_listener();
        let program = {
            let beside = beside.program().ok_or_else(ended)?;
            Arc::new(Program {
                image,
                life: Arc::new(Life::new(id, Arc::clone(&beside.life.memory), Arc::clone(&beside.life.cpu))),
                module,
                args,
                env,
                tree,
                network: Arc::clone(&beside.network),
                streams: Arc::new(streams),
                running: Arc::clone(&beside.running),
                _place: place,
            })
        };
        let unclaimed = Unclaimed::new(&program);
        command::start(program, pre).await?;
        Ok((unclaimed.claim(), listener))
    }
}
