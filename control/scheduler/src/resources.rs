//! Amounts of resources: what pods ask for and what nodes have.

use std::collections::BTreeMap;

use crate::quantity;

/// Amounts by resource. Those that every node has stand by themselves; all others are in a short list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resources {
    /// In thousandths of a core.
    pub(crate) cpu_milli: i64,
    /// In bytes.
    pub(crate) memory: i64,
    /// In bytes.
    pub(crate) ephemeral_storage: i64,
    /// Extended resources and huge pages, by name.
    pub(crate) others: Vec<(Box<str>, i64)>,
}

/// What a pod without a request counts for when nodes are compared, as upstream has it.
const CPU_MILLI_ASSUMED: i64 = 100;
const MEMORY_ASSUMED: i64 = 200 * 1024 * 1024;

// === impl Resources ===

impl Resources {
    /// Reads a map of quantities. What is no quantity counts as nothing: the API refuses it.
    pub(crate) fn read(quantities: &BTreeMap<Box<str>, Box<str>>) -> Self {
        let mut resources = Self::default();
        for (name, text) in quantities {
            match name.as_ref() {
                "cpu" => resources.cpu_milli = quantity::milli(text).unwrap_or(0),
                "memory" => resources.memory = quantity::whole(text).unwrap_or(0),
                "ephemeral-storage" => resources.ephemeral_storage = quantity::whole(text).unwrap_or(0),
                "pods" => {}
                _ => resources.others.push((name.clone(), quantity::whole(text).unwrap_or(0))),
            }
        }
        resources
    }

    /// The amount of an extended resource.
    pub(crate) fn other(&self, name: &str) -> i64 {
        self.others.iter().find(|(known, _)| known.as_ref() == name).map_or(0, |(_, amount)| *amount)
    }

    /// Adds another's amounts.
    pub(crate) fn add(&mut self, other: &Self) {
        self.combine(other, i64::saturating_add);
    }

    /// Takes another's amounts away.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.combine(other, i64::saturating_sub);
    }

    /// Keeps the greater of each amount.
    pub(crate) fn raise(&mut self, other: &Self) {
        self.combine(other, i64::max);
    }

    /// The amounts that count when nodes are compared: a pod that asks for nothing still takes something.
    pub(crate) fn or_assumed(&self) -> (i64, i64) {
        let or = |amount, assumed| if amount == 0 { assumed } else { amount };
        (or(self.cpu_milli, CPU_MILLI_ASSUMED), or(self.memory, MEMORY_ASSUMED))
    }

    fn combine(&mut self, other: &Self, with: fn(i64, i64) -> i64) {
        self.cpu_milli = with(self.cpu_milli, other.cpu_milli);
        self.memory = with(self.memory, other.memory);
        self.ephemeral_storage = with(self.ephemeral_storage, other.ephemeral_storage);
        for (name, amount) in &other.others {
            match self.others.iter_mut().find(|(known, _)| known == name) {
                Some((_, own)) => *own = with(*own, *amount),
                None => self.others.push((name.clone(), with(0, *amount))),
            }
        }
    }
}
