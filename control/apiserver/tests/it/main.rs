//! The API server as its clients see it.

mod oracle;
mod replay;
mod serve;
