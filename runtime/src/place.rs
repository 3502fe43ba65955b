//! Guards how many programs run at once, and that none runs without someone who knows of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cpu::Running;
use crate::instance::Instance;
use crate::program::Program;
use crate::spec::StartError;

/// Mappings of one command: memory, stack, guards, image. The kernel bounds them per process.
const MAPPINGS_PER_PROGRAM: usize = 7;
/// Mappings that everything else needs; past the bound any `mmap` in the process may fail.
const MAPPINGS_RESERVED: usize = 2000;
const MAPPINGS_MAX_DEFAULT: usize = 65_530;

/// A program whose caller has no handle yet; if the caller goes away, so does the program.
pub(crate) struct Unclaimed {
    // Invariant: there until it is claimed, which consumes it.
    instance: Option<Instance>,
}

impl Unclaimed {
    pub(crate) fn new(program: &Arc<Program>) -> Self {
        Self { instance: Some(Instance::new(program)) }
    }

    pub(crate) fn claim(mut self) -> Instance {
        self.instance.take().expect("claiming consumes it")
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(instance) = &self.instance {
            instance.kill();
        }
    }
}

/// One of the programs that may run at once, given back when the program is gone.
#[derive(Debug)]
pub(crate) struct Place {
    live: Arc<AtomicUsize>,
    running: Arc<Running>,
}

impl Place {
    pub(crate) fn take(
        live: &Arc<AtomicUsize>,
        programs_max: usize,
        running: Arc<Running>,
    ) -> Result<Self, StartError> {
        let place = Self { live: Arc::clone(live), running };
        if live.fetch_add(1, Ordering::Relaxed) < programs_max {
            return Ok(place);
        }
        Err(StartError::Exhausted(format!("{programs_max} programs run already (vm.max_map_count bounds them)")))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        self.running.note_end();
    }
}

/// How many programs fit into the kernel's bound on mappings.
pub(crate) fn programs_max() -> usize {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    let mappings = text.trim().parse().unwrap_or(MAPPINGS_MAX_DEFAULT);
    mappings.saturating_sub(MAPPINGS_RESERVED) / MAPPINGS_PER_PROGRAM
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::cpu::Ticker;

    #[test]
    fn places_are_bounded_and_given_back() {
        let live = Arc::default();
        let running = Ticker::start(&[]).unwrap().running();
        let place = Place::take(&live, 1, running.clone()).unwrap();
        assert!(matches!(Place::take(&live, 1, running.clone()), Err(StartError::Exhausted(_))));
        drop(place);
        Place::take(&live, 1, running.clone()).unwrap();
    }
}
