//! The epoch thread: ticks while any program is polled, sleeps otherwise; tidies up before it falls asleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

use crate::memory;

/// How long a busy program keeps its thread.
pub(super) const TICK: Duration = Duration::from_millis(2);
/// Programs that have ended before what they had is given back to the system: it takes milliseconds.
const ENDED_MAX: usize = 64;
/// Ticks without anything running before the ticker parks: a thread wake-up per poll would cost more.
const IDLE_TICKS_MAX: u32 = 3;

/// What is polled now: shared between the polls and the ticker.
#[derive(Debug)]
pub(crate) struct Running {
    polls: AtomicUsize,
    polls_total: AtomicU64,
    /// Programs that ended since memory was last given back.
    ended: AtomicUsize,
    parked: AtomicBool,
    stopped: AtomicBool,
    ticker: std::sync::OnceLock<Thread>,
}

impl Running {
    pub(super) fn enter(&self) {
        self.polls.fetch_add(1, Ordering::SeqCst);
        self.polls_total.fetch_add(1, Ordering::Relaxed);
        // `tick` stores `parked` and then reads `polls`, so one of the two sees the other.
        if self.parked.load(Ordering::SeqCst) && self.parked.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }

    pub(super) fn leave(&self) {
        self.polls.fetch_sub(1, Ordering::SeqCst);
    }

    /// A program and all it had is gone.
    pub(crate) fn note_end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn wake(&self) {
        if let Some(thread) = self.ticker.get() {
            thread.unpark();
        }
    }
}

/// The thread that moves the engines' epoch while anything runs, and sleeps otherwise. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Ticker {
    running: Arc<Running>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engines: &[Engine]) -> std::io::Result<Self> {
        let running = Arc::new(Running {
            polls: AtomicUsize::new(0),
            polls_total: AtomicU64::new(0),
            ended: AtomicUsize::new(0),
            parked: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            ticker: std::sync::OnceLock::new(),
        });
        let weak: Vec<EngineWeak> = engines.iter().map(Engine::weak).collect();
        let shared = Arc::clone(&running);
        let thread = std::thread::Builder::new()
            .name("epoch".to_owned())
            .stack_size(64 << 10)
            .spawn(move || tick(&shared, &weak))?;
        // Set once, before anyone can poll.
        let _ = running.ticker.set(thread.thread().clone());
        Ok(Self { running, thread: Some(thread) })
    }

    pub(crate) fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.running.stopped.store(true, Ordering::SeqCst);
        self.running.wake();
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked in a way that matters now.
            let _ = thread.join();
        }
    }
}

fn tick(running: &Running, engines: &[EngineWeak]) {
    let (mut idle_ticks, mut polls_seen) = (0, 0);
    while !running.stopped.load(Ordering::SeqCst) {
        // After every wake-up too: a program that runs in short bursts must not escape its quota.
        std::thread::park_timeout(TICK);
        for engine in engines.iter().filter_map(EngineWeak::upgrade) {
            engine.increment_epoch();
        }
        let polls_total = running.polls_total.load(Ordering::Relaxed);
        let busy = running.polls.load(Ordering::SeqCst) > 0 || polls_total != polls_seen;
        idle_ticks = if busy { 0 } else { idle_ticks + 1 };
        polls_seen = polls_total;
        if idle_ticks >= IDLE_TICKS_MAX {
            park(running);
            idle_ticks = 0;
        }
    }
}

fn park(running: &Running) {
    if running.ended.load(Ordering::Relaxed) >= ENDED_MAX {
        running.ended.store(0, Ordering::Relaxed);
        memory::give_back();
    }
    running.parked.store(true, Ordering::SeqCst);
    while running.parked.load(Ordering::SeqCst)
        && running.polls.load(Ordering::SeqCst) == 0
        && !running.stopped.load(Ordering::SeqCst)
    {
        std::thread::park();
    }
    running.parked.store(false, Ordering::SeqCst);
}
