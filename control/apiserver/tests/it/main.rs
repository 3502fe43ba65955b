//! The API server as its clients see it.

mod encodings;
mod openid;
mod bootstrap;
mod oracle;
mod replay;
mod serve;
