//! Decides who may use the CPU and for how long: metering, quota, preemption.
//!
//! # Flow
//! `Metered` times every poll of a program with the thread's CPU clock and charges it to the program's `CpuAccount`.
//! While any program is polled, the `Ticker` moves the engines' epoch every 2 ms; at the next tick a running guest
//! enters `at_tick`, which charges what was used since, and yields: at once if the account is even, or for as long as
//! it owes, or until the programs that compete with it have had their share. So a busy program never keeps a thread for longer than a tick, and overshoot is repaid.

mod shares;
mod ticker;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Store, UpdateDeadline};

pub(crate) use self::shares::Shares;
pub(crate) use self::ticker::{Running, Ticker};

/// A program may save up one period's worth of quota, never more.
const PERIOD_NANOS: u64 = 100_000_000;
const MILLIS_UNLIMITED: u32 = 0;

/// The CPU time of one program, over all its tasks.
#[derive(Debug)]
pub(crate) struct CpuAccount {
    opened: Instant,
    used_nanos: AtomicU64,
    /// When, in nanoseconds since `opened`, all used time is paid for.
    due_nanos: AtomicU64,
    millis_max: AtomicU32,
    /// Its part of a core that others want too.
    weight: AtomicU32,
    shares: Arc<Shares>,
}

impl CpuAccount {
    pub(crate) fn new(millis_max: Option<u32>, weight: u32, shares: Arc<Shares>) -> Self {
        Self {
            opened: Instant::now(),
            used_nanos: AtomicU64::new(0),
            due_nanos: AtomicU64::new(0),
            millis_max: AtomicU32::new(millis_max.unwrap_or(MILLIS_UNLIMITED)),
            weight: AtomicU32::new(weight.max(1)),
            shares,
        }
    }

    pub(crate) fn used_nanos(&self) -> u64 {
        self.used_nanos.load(Ordering::Relaxed)
    }

    /// Changes the quota of a running program.
    pub(crate) fn set_millis_max(&self, millis_max: Option<u32>) {
        self.millis_max.store(millis_max.unwrap_or(MILLIS_UNLIMITED), Ordering::Relaxed);
    }

    /// Changes its part of a core that others want too.
    pub(crate) fn set_weight(&self, weight: u32) {
        self.weight.store(weight.max(1), Ordering::Relaxed);
    }

    /// Waits until what was used is paid for. What runs shorter than a tick never comes to one, so whoever starts many
    /// such runs waits here. Cancellation safe.
    pub(crate) async fn paid(&self) {
        let debt = self.debt();
        if !debt.is_zero() {
            tokio::time::sleep(debt).await;
        }
    }

    fn charge(&self, nanos: u64) {
        self.used_nanos.fetch_add(nanos, Ordering::Relaxed);
        let millis_max = self.millis_max.load(Ordering::Relaxed);
        if millis_max == MILLIS_UNLIMITED {
            return;
        }
        let now = self.now_nanos();
        let after = |due| Some(due_after(due, now, nanos, millis_max));
        // Cannot fail: `after` is never `None`.
        let _ = self.due_nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
    }

    /// How long it must wait until all it used is paid for.
    fn debt(&self) -> Duration {
        if self.millis_max.load(Ordering::Relaxed) == MILLIS_UNLIMITED {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.due_nanos.load(Ordering::Relaxed).saturating_sub(self.now_nanos()))
    }

    fn now_nanos(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The debt bucket: credit older than one period is lost, then the new time is charged at the quota's rate.
fn due_after(due_nanos: u64, now_nanos: u64, used_nanos: u64, millis_max: u32) -> u64 {
    due_nanos.max(now_nanos.saturating_sub(PERIOD_NANOS)) + used_nanos * 1000 / u64::from(millis_max)
}

/// Where the charging of one task has come to, in its thread's CPU time. One task is polled by one thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    charged_to_nanos: AtomicU64,
}

impl Meter {
    fn begin(&self) {
        self.charged_to_nanos.store(thread_cpu_nanos(), Ordering::Relaxed);
    }

    /// Charges what the current poll used since it began or was last charged.
    fn charge(&self, account: &CpuAccount) -> u64 {
        let now = thread_cpu_nanos();
        let before = self.charged_to_nanos.swap(now, Ordering::Relaxed);
        let nanos = now.saturating_sub(before);
        account.charge(nanos);
        nanos
    }
}

/// Wraps the whole future of a task of a program and charges every poll.
pub(crate) struct Metered<F> {
    inner: Pin<Box<F>>,
    meter: Arc<Meter>,
    account: Arc<CpuAccount>,
    ticker: Arc<Running>,
}

impl<F: Future> Metered<F> {
    /// `make` gets the meter that `limit` must get too.
    pub(crate) fn new(account: Arc<CpuAccount>, ticker: Arc<Running>, make: impl FnOnce(Arc<Meter>) -> F) -> Self {
        let meter = Arc::new(Meter::default());
        Self { inner: Box::pin(make(Arc::clone(&meter))), meter, account, ticker }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.ticker.enter();
        self.meter.begin();
        let result = self.inner.as_mut().poll(cx);
        self.meter.charge(&self.account);
        self.ticker.leave();
        result
    }
}

/// Puts a store under its program's account. The store must run inside `Metered` with the same meter.
pub(crate) fn limit<T>(store: &mut Store<T>, account: Arc<CpuAccount>, meter: Arc<Meter>) {
    // Without a deadline the first check traps.
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| Ok(at_tick(&account, &meter)));
}

fn at_tick(account: &Arc<CpuAccount>, meter: &Meter) -> UpdateDeadline {
    let used_nanos = meter.charge(account);
    let workers = tokio::runtime::Handle::current().metrics().num_workers();
    let id = Arc::as_ptr(account).addr();
    let ahead = account.shares.ahead(id, account.weight.load(Ordering::Relaxed), used_nanos, workers, Instant::now());
    let debt = account.debt();
    match (debt.is_zero(), ahead.is_zero()) {
        (false, _) => UpdateDeadline::YieldCustom(1, Box::pin(tokio::time::sleep(debt))),
        (true, false) => UpdateDeadline::YieldCustom(1, Box::pin(Arc::clone(&account.shares).wait(id, workers, ahead))),
        (true, true) => UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())),
    }
}

fn thread_cpu_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // A thread's CPU time is positive and far below 584 years.
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn debt_grows_by_time_over_share() {
        // 1 ms of CPU at a tenth of a core takes 10 ms to pay.
        assert_eq!(due_after(500 * MS, 500 * MS, MS, 100), 510 * MS);
        assert_eq!(due_after(510 * MS, 505 * MS, MS, 100), 520 * MS);
    }

    #[test]
    fn credit_is_capped_at_one_period() {
        assert_eq!(due_after(0, 5_000 * MS, 0, 100), 4_900 * MS);
        assert_eq!(due_after(0, 50 * MS, 0, 100), 0);
    }

    #[test]
    fn an_account_without_quota_owes_nothing() {
        let account = CpuAccount::new(None, 2, Arc::default());
        account.charge(10_000 * MS);
        assert_eq!(account.debt(), Duration::ZERO);
        assert_eq!(account.used_nanos(), 10_000 * MS);
        account.set_millis_max(Some(100));
        account.charge(1_000 * MS);
        assert!(account.debt() > Duration::from_secs(9));
    }
}
