//! Files and directories.

pub mod change;
pub mod ls;
pub mod open;
pub mod stat;
