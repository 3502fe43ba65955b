//! Guards a program's memory limit: one sum over all memories and tables of all its stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

/// Core instances, memories and tables of one store. Composed components have tens.
const INSTANCES_MAX: usize = 128;
const MEMORIES_MAX: usize = 32;
const TABLES_MAX: usize = 128;
/// A table is a function table: the biggest programs have tens of thousands of functions.
const TABLE_ELEMENTS_MAX: usize = 1 << 20;
const TABLE_ELEMENT_BYTES: u64 = size_of::<usize>() as u64;

/// What a program uses and may use.
#[derive(Debug)]
pub(crate) struct MemoryAccount {
    used_bytes: AtomicU64,
    bytes_max: AtomicU64,
}

/// The guest wanted more than its program's limit: the trap that ends it.
#[derive(Debug, thiserror::Error)]
#[error("out of memory: wanted {wanted_bytes} bytes, the limit is {bytes_max}")]
pub(crate) struct OverLimit {
    wanted_bytes: u64,
    bytes_max: u64,
}

impl MemoryAccount {
    pub(crate) fn new(bytes_max: Option<u64>) -> Self {
        Self { used_bytes: AtomicU64::new(0), bytes_max: AtomicU64::new(bytes_max.unwrap_or(u64::MAX)) }
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Changes the limit of a running program; what it has beyond the new limit it keeps until it wants more.
    pub(crate) fn set_bytes_max(&self, bytes_max: Option<u64>) {
        self.bytes_max.store(bytes_max.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn charge(&self, bytes: u64) -> Result<(), OverLimit> {
        let bytes_max = self.bytes_max.load(Ordering::Relaxed);
        let add = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= bytes_max);
        let charged = self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        charged.map(drop).map_err(|used| OverLimit { wanted_bytes: used.saturating_add(bytes), bytes_max })
    }

    fn refund(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The limiter of one store. Dropped with it, it gives back what the store had.
#[derive(Debug)]
pub(crate) struct Limiter {
    account: Arc<MemoryAccount>,
    own_bytes: u64,
    // What to give back if the engine fails to do what was just allowed.
    last_bytes: u64,
}

impl Limiter {
    pub(crate) fn new(account: Arc<MemoryAccount>) -> Self {
        Self { account, own_bytes: 0, last_bytes: 0 }
    }

    fn grow(&mut self, bytes: u64) -> wasmtime::Result<bool> {
        self.account.charge(bytes)?;
        self.own_bytes += bytes;
        self.last_bytes = bytes;
        Ok(true)
    }

    fn undo(&mut self) {
        self.account.refund(self.last_bytes);
        self.own_bytes -= self.last_bytes;
        self.last_bytes = 0;
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.account.refund(self.own_bytes);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            self.last_bytes = 0;
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current) as u64)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > maximum.unwrap_or(usize::MAX).min(TABLE_ELEMENTS_MAX) {
            self.last_bytes = 0;
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current) as u64 * TABLE_ELEMENT_BYTES)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

/// Returns free memory to the system. glibc keeps what thousands of programs had, musl does not.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "there is no safe binding")]
    // JUSTIFICATION: without it a node that once ran 10,000 programs stays at 100 MB for ever.
    // SAFETY: takes no pointer, may be called from any thread at any time.
    let _ = unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_limit_is_one_sum_over_stores_and_is_exact() {
        let account = Arc::new(MemoryAccount::new(Some(100)));
        let (mut a, mut b) = (Limiter::new(account.clone()), Limiter::new(account.clone()));
        assert!(a.memory_growing(0, 60, None).unwrap());
        assert!(b.memory_growing(0, 40, None).unwrap());
        assert!(b.memory_growing(40, 41, None).is_err());
        drop(a);
        assert_eq!(account.used_bytes(), 40);
        assert!(b.memory_growing(40, 100, None).unwrap());
    }

    #[test]
    fn what_the_engine_could_not_do_is_not_charged() {
        let account = Arc::new(MemoryAccount::new(None));
        let mut limiter = Limiter::new(account.clone());
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        limiter.memory_grow_failed(wasmtime::format_err!("no room")).unwrap();
        assert!(!limiter.memory_growing(0, 60, Some(50)).unwrap());
        limiter.memory_grow_failed(wasmtime::format_err!("over its maximum")).unwrap();
        assert!(!limiter.table_growing(0, TABLE_ELEMENTS_MAX + 1, None).unwrap());
        assert_eq!(account.used_bytes(), 0);
    }
}
