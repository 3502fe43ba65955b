//! BusyBox's idea in WebAssembly: one component that is many commands. The name by which it is called chooses.

mod applets;
mod call;
mod clock;
mod condition;
mod dd;
mod files;
mod grep;
mod net;
mod options;
mod pattern;
mod process;
mod shell;
mod sums;
mod system;
mod tar;
mod text;
mod wasi;

use std::io::Write;

use crate::call::{Call, Env, Streams};

fn main() {
    wasi::enter_start_directory();
    let words: Vec<String> = std::env::args().collect();
    let env: Env = std::env::vars().collect();
    let mut streams = Streams::of_process();
    let name = words.first().map_or("busybox", |word| applets::name_of(word));
    let args = words.get(1..).unwrap_or_default();
    let mut call = Call { name, args, env: &env, streams: streams.clone() };
    let code = applets::run(&mut call);
    // Who reads may be gone; the code is the answer then.
    let _ = streams.out.flush();
    wasi::exit(code)
}
