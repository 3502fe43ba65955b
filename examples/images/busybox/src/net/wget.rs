//! `wget`: fetches over http. There is no TLS in here, and it says so.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::resolve;
use crate::call::{Call, fail};
use crate::clock::duration;
use crate::files::open::{self, Before};
use crate::options::options;

const REDIRECTS_MAX: usize = 5;
const HEAD_BYTES_MAX: u64 = 64 << 10;

/// Where to ask for what.
#[derive(Debug, PartialEq)]
struct Target {
    host: String,
    port: u16,
    path: String,
}

/// What was answered, up to its content.
struct Answer {
    status: u16,
    line: String,
    headers: Vec<(String, String)>,
    body: BufReader<TcpStream>,
}

/// `wget`.
///
/// # Errors
/// An option is not known, the server cannot be reached, or it answers with an error.
pub fn wget(call: &mut Call) -> io::Result<u8> {
    let (long, short): (Vec<String>, Vec<String>) = call.args.iter().cloned().partition(|word| word.starts_with("--"));
    let options = options(&short, "qSO:T:Y:U:")?;
    if let Some(unknown) = long.iter().find(|word| *word != "--spider") {
        return fail(format_args!("unknown option {unknown}"));
    }
    let [url] = options.words.as_slice() else { return fail("expected one URL") };
    let wait = options.value('T').map(duration).transpose()?;
    let (mut target, mut left) = (target(url)?, REDIRECTS_MAX);
    let answer = loop {
        let answer = ask(&target, wait)?;
        if options.has('S') {
            writeln!(call.streams.err, "  {}", answer.line)?;
            for (name, value) in &answer.headers {
                writeln!(call.streams.err, "  {name}: {value}")?;
            }
        }
        match answer.header("location") {
            Some(to) if (300..400).contains(&answer.status) && left > 0 => target = moved(&target, to)?,
            _ => break answer,
        }
        left -= 1;
    };
    if !(200..300).contains(&answer.status) {
        return fail(format_args!("server returned error: {}", answer.line));
    }
    if long.is_empty() {
        save(call, answer, options.value('O').unwrap_or_else(|| name_of(&target.path)), options.has('q'))?;
    }
    Ok(0)
}

fn save(call: &mut Call, answer: Answer, name: &str, quiet: bool) -> io::Result<()> {
    let mut out = open::write(name, Before::Replace, &call.streams)?;
    let bytes = answer.copy_body(&mut out)?;
    out.flush()?;
    if !quiet {
        writeln!(call.streams.err, "'{name}' saved, {bytes} bytes")?;
    }
    Ok(())
}

fn ask(target: &Target, wait: Option<std::time::Duration>) -> io::Result<Answer> {
    let addresses = resolve(&target.host, target.port)?;
    let mut stream = match (wait, addresses.as_slice()) {
        (Some(wait), [first, ..]) => TcpStream::connect_timeout(first, wait)?,
        _ => TcpStream::connect(addresses.as_slice())?,
    };
    if wait.is_some() {
        stream.set_read_timeout(wait)?;
    }
    let host = if target.port == 80 { target.host.clone() } else { format!("{}:{}", target.host, target.port) };
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Wget\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        target.path
    );
    stream.write_all(request.as_bytes())?;
    let mut body = BufReader::new(stream);
    let mut lines = Vec::new();
    let mut head = (&mut body).take(HEAD_BYTES_MAX);
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return fail("the server closed the connection before it answered");
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let Some(line) = lines.first().cloned() else { return fail("no HTTP answer") };
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let Some(status) = status.filter(|_| line.starts_with("HTTP/")) else { return fail("no HTTP answer") };
    let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Ok(Answer { status, line, headers, body })
}

// === impl Answer ===

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Copies the content; how long it was.
    fn copy_body(mut self, out: &mut impl Write) -> io::Result<u64> {
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return copy_chunks(&mut self.body, out);
        }
        let Some(length) = self.header("content-length").map(str::to_owned) else {
            return open::copy(&mut self.body, out);
        };
        let length = crate::options::number(&length)?;
        let copied = open::copy(&mut self.body.take(length), out)?;
        if copied < length { fail("connection closed prematurely") } else { Ok(copied) }
    }
}

fn copy_chunks(body: &mut impl BufRead, out: &mut impl Write) -> io::Result<u64> {
    let mut sum = 0;
    loop {
        let mut line = String::new();
        body.by_ref().take(HEAD_BYTES_MAX).read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = u64::from_str_radix(size, 16) else { return fail("connection closed prematurely") };
        if size == 0 {
            return Ok(sum);
        }
        if open::copy(&mut body.by_ref().take(size), out)? < size {
            return fail("connection closed prematurely");
        }
        sum += size;
        body.read_line(&mut String::new())?;
    }
}

fn target(url: &str) -> io::Result<Target> {
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some(("https", _)) => return fail("https is not built in: there is no TLS in here"),
        Some((scheme, _)) => return fail(format_args!("not an http URL: {scheme}")),
        None => url,
    };
    let (place, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, crate::options::number(port)?),
        _ => (place, 80),
    };
    if host.is_empty() {
        return fail(format_args!("bad address '{url}'"));
    }
    let path = path.split('#').next().unwrap_or(path);
    Ok(Target { host: host.to_owned(), port, path: path.to_owned() })
}

fn moved(from: &Target, to: &str) -> io::Result<Target> {
    if to.contains("://") {
        return target(to);
    }
    let Target { host, port, .. } = from;
    let path = if to.starts_with('/') { to.to_owned() } else { format!("/{to}") };
    Ok(Target { host: host.clone(), port: *port, path })
}

/// What a file is called if nobody says.
fn name_of(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or(path);
    path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("index.html")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn urls_name_host_port_and_path() {
        for (url, host, port, path) in [
            ("http://web/x?y#z", "web", 80, "/x?y"),
            ("web:8080", "web", 8080, "/"),
            ("http://[::1]:80/", "[::1]", 80, "/"),
            ("http://user@web/", "web", 80, "/"),
        ] {
            assert_eq!(target(url).unwrap(), Target { host: host.into(), port, path: path.into() });
        }
        assert!(target("https://web/").is_err() && target("http:///x").is_err());
    }

    #[test]
    fn chunks_are_joined() {
        let mut out = Vec::new();
        assert_eq!(copy_chunks(&mut &b"3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n"[..], &mut out).unwrap(), 5);
        assert_eq!(out, b"abcde");
        assert!(copy_chunks(&mut &b"5\r\nab"[..], &mut out).is_err());
    }
}
