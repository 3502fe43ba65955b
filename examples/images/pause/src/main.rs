//! Does nothing until it is stopped.

use std::time::Duration;

fn main() {
    loop {
        std::thread::sleep(Duration::MAX);
    }
}
