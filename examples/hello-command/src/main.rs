//! Prints who it is, then a line every few seconds: the smallest long-running program.
//!
//! `hello-command [SECONDS [TIMES]]`: how long to sleep between lines (3600), and how many lines (without end).

use std::time::Duration;

fn main() {
    let mut args = std::env::args().skip(1).map(|word| word.parse::<u64>().expect("arguments are numbers"));
    let pause = Duration::from_secs(args.next().unwrap_or(3600));
    let times = args.next().unwrap_or(u64::MAX);
    let who = std::env::var("HOSTNAME").unwrap_or_else(|_| "a pod".to_owned());
    for line in 1..=times {
        println!("hello {line} from {who}");
        std::thread::sleep(pause);
    }
}
