//! `httpd`: serves files and lists directories, one connection at a time; one that is silent or slow is given up.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::call::{Call, fail};
use crate::options::options;

/// How long a client may say or take nothing.
const SILENCE_SECONDS_MAX: u64 = 5;
/// How long a connection may take in all, lest one that is slow keeps others waiting for ever.
const CONNECTION_SECONDS_MAX: u64 = 60;
const HEAD_BYTES_MAX: u64 = 8 << 10;

/// `httpd`.
///
/// # Errors
/// An option is not known, or the port cannot be had.
pub fn httpd(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "fvp:h:")?;
    if !options.has('f') {
        return fail("only -f: there is no background that one could go to");
    }
    let address = match options.value('p').unwrap_or("80") {
        port if port.contains(':') => port.to_owned(),
        port => format!("0.0.0.0:{port}"),
    };
    let directory = PathBuf::from(options.value('h').unwrap_or("."));
    for stream in TcpListener::bind(&address)?.incoming() {
        // A client that goes away is its own affair.
        let answered = stream.and_then(|stream| answer(Client::new(stream), &directory));
        if let (true, Err(err)) = (options.has('v'), answered) {
            call.complain(err);
        }
    }
    Ok(0)
}

/// A connection that ends by itself.
struct Client {
    stream: TcpStream,
    deadline: Instant,
}

impl Client {
    fn new(stream: TcpStream) -> Client {
        Client { stream, deadline: Instant::now() + Duration::from_secs(CONNECTION_SECONDS_MAX) }
    }

    /// How long the next step may take.
    fn patience(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left.min(Duration::from_secs(SILENCE_SECONDS_MAX))))
    }
}

impl Read for Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.patience()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.patience()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn answer(mut client: Client, directory: &Path) -> io::Result<()> {
    let mut head = BufReader::new((&mut client).take(HEAD_BYTES_MAX));
    let mut first = String::new();
    head.read_line(&mut first)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = first.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !matches!(method, "GET" | "HEAD") {
        return send(&mut client, "501 Not Implemented", "text/plain", &mut &b"501 Not Implemented\n"[..], None);
    }
    let Some(parts) = parts(path) else {
        return send(&mut client, "400 Bad Request", "text/plain", &mut &b"400 Bad Request\n"[..], None);
    };
    let content = content(&directory.join(parts.join("/")), path);
    let Some((kind, length, mut bytes)) = content else {
        return send(&mut client, "404 Not Found", "text/plain", &mut &b"404 Not Found\n"[..], None);
    };
    if method == "HEAD" {
        bytes = Box::new(io::empty());
    }
    send(&mut client, "200 OK", kind, &mut bytes, Some(length))
}

fn send(client: &mut Client, status: &str, kind: &str, body: &mut dyn Read, length: Option<u64>) -> io::Result<()> {
    let length = length.map_or_else(String::new, |length| format!("Content-Length: {length}\r\n"));
    write!(client, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{length}Connection: close\r\n\r\n")?;
    io::copy(body, client)?;
    client.stream.shutdown(std::net::Shutdown::Write)
}

type Content = (&'static str, u64, Box<dyn Read>);

/// What is at a path: a file, a directory's `index.html`, or the list of what is in it.
fn content(path: &Path, asked: &str) -> Option<Content> {
    let index = path.join("index.html");
    let path = if path.is_dir() && index.is_file() { &index } else { path };
    if path.is_dir() {
        let list = listed(path, asked).ok()?;
        return Some(("text/html", list.len() as u64, Box::new(io::Cursor::new(list))));
    }
    let length = fs::metadata(path).ok()?.len();
    let kind = match path.extension().and_then(|end| end.to_str()) {
        Some("html" | "htm") => "text/html",
        Some("txt" | "log" | "md" | "conf") => "text/plain; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    };
    Some((kind, length, Box::new(File::open(path).ok()?.take(length))))
}

fn listed(path: &Path, asked: &str) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let mark = if entry.path().is_dir() { "/" } else { "" };
        names.push(format!("{}{mark}", entry.file_name().to_string_lossy()));
    }
    names.sort();
    let base = asked.trim_end_matches('/');
    let lines =
        names.iter().map(|name| format!("<a href=\"{}/{}\">{}</a>\n", escaped(base), encoded(name), escaped(name)));
    Ok(format!(
        "<html><head><title>Index</title></head><body><pre>\n{}</pre></body></html>\n",
        lines.collect::<String>()
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A request's path in parts; `None` if it is none, or leads out of the directory.
fn parts(path: &str) -> Option<Vec<String>> {
    let path = path.split('?').next()?.strip_prefix('/')?;
    let mut parts = Vec::new();
    for part in decoded(path)?.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part.to_owned()),
        }
    }
    Some(parts)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        let joined = |path: &str| parts(path).map(|parts| parts.join("/"));
        assert_eq!(joined("/a/./b?c").as_deref(), Some("a/b"));
        assert_eq!(joined("/a/../b%20c").as_deref(), Some("b c"));
        assert_eq!(joined("/"), Some(String::new()));
        for outside in ["/../x", "/%2e%2e/x", "x", "/%zz", "/%"] {
            assert_eq!(joined(outside), None, "{outside}");
        }
    }
}
