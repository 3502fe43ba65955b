//! Views: of each kind, the fields that controllers read. They are what the shared caches hold.

pub(crate) mod metadata;
pub(crate) mod node;
pub(crate) mod pod;
pub(crate) mod service;
