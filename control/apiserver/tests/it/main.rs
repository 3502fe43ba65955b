//! The API server as its clients see it.

mod bookmarks;
mod bootstrap;
mod encodings;
mod openid;
mod oracle;
mod put;
mod replay;
mod serve;
