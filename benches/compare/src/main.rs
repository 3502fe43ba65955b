//! What both sides of the comparison run: one source, built as a static Linux program and as a WebAssembly component.
//!
//! `hello ADDRESS:PORT` answers every connection with a greeting, `sleep` does nothing, and `pause` is what keeps a Linux
//! sandbox: it says nothing either. Everything is std, on one thread, so that both builds do the same.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// What is read of a request; its head is shorter.
const REQUEST_BYTES_MAX: usize = 1024;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello\n";

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["hello", address] => hello(address),
        ["sleep"] => {
            println!("ready");
            sleep()
        }
        ["pause"] => sleep(),
        _ => Err(std::io::Error::other("usage: hello ADDRESS:PORT | sleep | pause")),
    }
}

fn hello(address: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("ready");
    for stream in listener.incoming() {
        // Whoever hung up does not end the service.
        let _ = stream.and_then(answer);
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = [0; REQUEST_BYTES_MAX];
    let mut filled = 0;
    while filled < request.len() && !request[..filled].ends_with(b"\r\n\r\n") {
        match stream.read(&mut request[filled..])? {
            0 => return Ok(()),
            read => filled += read,
        }
    }
    stream.write_all(ANSWER)
}

fn sleep() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
