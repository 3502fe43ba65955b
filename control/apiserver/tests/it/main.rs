//! The API server as its clients see it.
#![expect(unreachable_pub, reason = "a test program has no outside: `pub` says what the other files use")]

mod bookmarks;
mod bootstrap;
mod compress;
mod encodings;
mod exec;
mod openid;
mod oracle;
mod put;
mod replay;
mod serve;
