//! A web server of nothing but std: it binds a TcpListener and answers with the request it got.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// A request head larger than this is not echoed whole.
const HEAD_BYTES_MAX: u64 = 16 << 10;

fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"))?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        if let Err(err) = stream.and_then(answer) {
            eprintln!("a connection broke: {err}");
        }
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let peer = stream.peer_addr()?;
    let mut head = String::new();
    let mut lines = BufReader::new((&stream).take(HEAD_BYTES_MAX));
    while lines.read_line(&mut head)? > 2 {}
    let body = format!("you are {}\n{head}", peer.ip());
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}
