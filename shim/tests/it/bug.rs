//! A bug where a test wants one: whoever logs a certain message panics, once.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

pub(crate) struct PanicOn {
    message: &'static str,
    armed: AtomicBool,
}

impl PanicOn {
    pub(crate) fn new(message: &'static str) -> Self {
        Self { message, armed: AtomicBool::new(true) }
    }
}

impl Subscriber for PanicOn {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut said = Said(String::new());
        event.record(&mut said);
        assert!(said.0 != self.message || !self.armed.swap(false, Ordering::Relaxed), "a bug that a test wants");
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Said(String);

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
