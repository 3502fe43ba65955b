//! The caller's handle on a running program, and the life of it: running, stopping, killed, ended.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;

use crate::cpu::CpuAccount;
use crate::memory::MemoryAccount;
use crate::program::Program;
use crate::spec::{Exit, ExitReason, Stats};
use crate::stdio::Listener;

/// As a shell reports SIGKILL.
pub(crate) const CODE_KILLED: i32 = 137;
/// And SIGTERM.
const CODE_TERMINATED: i32 = 143;

/// A program that was started. Clones are handles on the same program; dropping the last does not stop it.
#[derive(Clone, Debug)]
pub struct Instance {
    life: Arc<Life>,
    // Gone when it has ended.
    program: Weak<Program>,
}

impl Instance {
    pub(crate) fn new(program: &Arc<Program>) -> Self {
        Self { life: Arc::clone(&program.life), program: Arc::downgrade(program) }
    }

    /// What runs, while it does.
    pub(crate) fn program(&self) -> Option<Arc<Program>> {
        self.program.upgrade()
    }

    /// The id that its spec gave it.
    pub fn id(&self) -> &str {
        &self.life.id
    }

    /// Waits until it has ended. Cancellation safe; any number of waiters hear the same.
    pub async fn wait(&self) -> Exit {
        let mut phase = self.life.phase.subscribe();
        let ended = phase.wait_for(|phase| matches!(phase, Phase::Ended(_))).await;
        match ended.as_deref() {
            Ok(Phase::Ended(exit)) => exit.clone(),
            Ok(_) | Err(_) => unreachable!("the handle keeps the channel open until the phase is `Ended`"),
        }
    }

    /// How it ended, or `None` while it runs.
    pub fn exit(&self) -> Option<Exit> {
        match &*self.life.phase.borrow() {
            Phase::Ended(exit) => Some(exit.clone()),
            Phase::Running | Phase::Stopping | Phase::Killed => None,
        }
    }

    /// Asks it to end, waits up to `grace`, then kills it. Answers how it ended; idempotent. If it is cancelled during
    /// the grace, the program was asked to end but is not killed.
    ///
    /// A server finishes what is under way. A command has no way to hear that it is asked, since WASI has no signals, so
    /// it meets with what SIGTERM does to a process that does not handle it: it ends at once.
    pub async fn stop(&self, grace: Duration) -> Exit {
        if !grace.is_zero() {
            self.life.advance(Phase::Stopping);
            if let Ok(exit) = tokio::time::timeout(grace, self.wait()).await {
                return exit;
            }
        }
        self.life.advance(Phase::Killed);
        self.wait().await
    }

    /// Ends it without asking, and without waiting for its end.
    pub fn kill(&self) {
        self.life.advance(Phase::Killed);
    }

    /// Hears what it prints from now on. `None` if it has ended, or many listen already.
    pub fn listen(&self) -> Option<Listener> {
        self.program()?.streams.listen()
    }

    /// What it uses now; what it had used once it has ended.
    pub fn stats(&self) -> Stats {
        Stats { cpu_nanos: self.life.cpu.used_nanos(), memory_bytes: self.life.memory.used_bytes() }
    }

    /// Changes its limits while it runs; `None` is unlimited.
    pub fn set_limits(&self, memory_bytes_max: Option<u64>, cpu_millis_max: Option<u32>) {
        self.life.memory.set_bytes_max(memory_bytes_max);
        self.life.cpu.set_millis_max(cpu_millis_max);
    }

    /// Changes its share under contention while it runs.
    pub fn set_cpu_shares(&self, cpu_shares: u32) {
        self.life.cpu.set_weight(cpu_shares);
    }
}

/// Where a program is in its life; it only ever moves forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// It was asked to end and may take its time.
    Stopping,
    /// Its time is over.
    Killed,
    Ended(Exit),
}

impl Phase {
    fn rank(&self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Stopping => 1,
            Self::Killed => 2,
            Self::Ended(_) => 3,
        }
    }
}

/// What outlives a program for whoever holds its handle: its phase and everyone who waits for the next, its accounts.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) id: String,
    pub(crate) memory: Arc<MemoryAccount>,
    pub(crate) cpu: Arc<CpuAccount>,
    phase: watch::Sender<Phase>,
}

impl Life {
    pub(crate) fn new(id: String, memory: Arc<MemoryAccount>, cpu: Arc<CpuAccount>) -> Self {
        Self { id, memory, cpu, phase: watch::Sender::new(Phase::Running) }
    }

    /// Moves forward; moving back is nothing.
    pub(crate) fn advance(&self, next: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = next.rank() > phase.rank();
            if forward {
                *phase = next;
            }
            forward
        });
    }

    pub(crate) async fn stopping(&self) {
        self.reached(Phase::Stopping.rank()).await;
    }

    pub(crate) async fn killed(&self) {
        self.reached(Phase::Killed.rank()).await;
    }

    /// Waits until a program that cannot hear of it is asked to end or killed; how it ends then.
    pub(crate) async fn put_to_an_end(&self) -> Exit {
        self.stopping().await;
        match *self.phase.borrow() {
            Phase::Running | Phase::Stopping => Exit::terminated(),
            Phase::Killed | Phase::Ended(_) => Exit::killed(),
        }
    }

    async fn reached(&self, rank: u8) {
        let mut phase = self.phase.subscribe();
        // The sender is `self`, so the channel cannot close.
        let _ = phase.wait_for(|phase| phase.rank() >= rank).await;
    }
}

impl Exit {
    pub(crate) fn killed() -> Self {
        Self { code: CODE_KILLED, reason: ExitReason::Stopped, message: String::new() }
    }

    pub(crate) fn terminated() -> Self {
        Self { code: CODE_TERMINATED, reason: ExitReason::Stopped, message: String::new() }
    }

    pub(crate) fn completed() -> Self {
        Self { code: 0, reason: ExitReason::Completed, message: String::new() }
    }
}
