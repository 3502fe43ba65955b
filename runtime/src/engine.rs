//! The one place where engine configurations are made, so that compiler and node always agree.
//!
//! # Guarantees
//! An artifact loads only into an engine of its own class: whatever decides about generated code is set here and part
//! of `Class::key`. What is not set here must not matter to generated code.

use wasmtime::Config;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Long-running programs: a reservation that most programs fit in, yet 32k of them fit in 39 bits of address space.
const DENSE_RESERVATION_BYTES: u64 = 16 * MIB;
/// A fiber: half for the guest, half for the host functions that it calls.
const STACK_BYTES: usize = 128 << 10;
const WASM_STACK_BYTES: usize = 64 << 10;

/// What code is compiled for: a way to lay out memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Small reservations, memories made on demand: many programs that are mostly idle.
    Dense,
}

impl Class {
    /// Its name in artifact names and on the compiler's command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
        }
    }

    /// The class of that name.
    #[cfg(any(test, feature = "compiler"))]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        CLASSES.iter().copied().find(|class| class.name() == name)
    }

    /// What an artifact of this class depends on beside the module: part of its name.
    pub(crate) fn key(self) -> String {
        format!("wasmtime-{ENGINE_VERSION}-{}-{}", std::env::consts::ARCH, self.name())
    }
}

/// Every class.
#[cfg(any(test, feature = "compiler"))]
const CLASSES: &[Class] = &[Class::Dense];

/// The engine's version, which every artifact is bound to.
pub(crate) const ENGINE_VERSION: &str = "48.0.8";

/// The engine configuration of a class on this machine.
pub(crate) fn config(class: Class) -> Config {
    match class {
        Class::Dense => dense(),
    }
}

fn dense() -> Config {
    let mut config = base();
    config.memory_reservation(DENSE_RESERVATION_BYTES);
    config
}

/// What the classes have in common.
fn base() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .memory_init_cow(true)
        .guard_before_linear_memory(false)
        .memory_guard_size(64 * KIB)
        // Zero would copy the whole memory on every growth past the reservation.
        .memory_reservation_for_growth(MIB)
        .async_stack_size(STACK_BYTES)
        .max_wasm_stack(WASM_STACK_BYTES)
        .generate_address_map(false)
        // The limiter counts 32-bit memories; nothing that we run needs the others.
        .wasm_memory64(false);
    config
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_class_makes_an_engine() {
        for &class in CLASSES {
            wasmtime::Engine::new(&config(class)).unwrap();
            assert_eq!(Class::from_name(class.name()), Some(class));
        }
    }

    #[test]
    fn the_version_is_the_one_that_is_linked() {
        let lock = include_str!("../../Cargo.lock");
        let line = format!("name = \"wasmtime\"\nversion = \"{ENGINE_VERSION}\"");
        assert!(lock.contains(&line), "Cargo.lock has another wasmtime than `ENGINE_VERSION`");
    }
}
