//! The kinds that are served: one row each.

pub mod age;
