//! Prints who it is, then a line every few seconds: the smallest long-running program.
//!
//! `hello-command [SECONDS [TIMES [FILE]]]`: how long to sleep between lines (3600), how many lines (without end), and
//! a file to print before them. `$GREETING` is the word to greet with.

use std::time::Duration;

fn main() {
    let mut words = std::env::args().skip(1);
    let mut number = || words.next().map(|word| word.parse::<u64>().expect("SECONDS and TIMES are numbers"));
    let pause = Duration::from_secs(number().unwrap_or(3600));
    let times = number().unwrap_or(u64::MAX);
    if let Some(file) = words.next() {
        print!("{}", std::fs::read_to_string(file).expect("FILE can be read"));
    }
    let greeting = std::env::var("GREETING").unwrap_or_else(|_| "hello".to_owned());
    let who = std::env::var("HOSTNAME").unwrap_or_else(|_| "a pod".to_owned());
    for line in 1..=times {
        println!("{greeting} {line} from {who}");
        std::thread::sleep(pause);
    }
}
