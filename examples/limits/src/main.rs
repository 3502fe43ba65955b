//! Misbehaves on request, to show what a pod's limits are worth: `loop`, `memory`, `trap` or `exit <code>`.

use std::hint::black_box;

/// How much `memory` takes at a time.
const CHUNK_BYTES: usize = 1 << 20;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let word = |back: usize| words.len().checked_sub(back).map_or("", |at| words[at].as_str());
    match (word(2), word(1)) {
        (_, "loop") => {
            println!("running in circles");
            loop {
                black_box(());
            }
        }
        (_, "memory") => {
            println!("taking all memory there is");
            let mut taken = Vec::new();
            loop {
                taken.push(black_box(vec![1u8; CHUNK_BYTES]));
            }
        }
        (_, "trap") => {
            println!("doing what no program may");
            std::process::abort()
        }
        // WASI 0.2's libc knows only success and failure, so `std::process::exit` would end with 1 whatever the code.
        ("exit", code) => wasip2::cli::exit::exit_with_code(code.parse().unwrap_or(1)),
        _ => println!("say one of: loop, memory, trap, exit <code>"),
    }
}
