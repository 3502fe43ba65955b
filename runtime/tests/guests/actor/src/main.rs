//! Does what its arguments say, good and bad, so that tests can watch the runtime deal with it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["print", text] => println!("{text}"),
        ["both"] => {
            print!("out without end");
            eprintln!("err");
        }
        ["args", ..] => println!("{}", std::env::args().collect::<Vec<_>>().join(",")),
        ["env"] => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        ["cat"] => drop(std::io::copy(&mut std::io::stdin(), &mut std::io::stdout())),
        ["exit", code] => wasip2::cli::exit::exit_with_code(number(code) as u8),
        ["fail"] => std::process::exit(1),
        ["panic"] => panic!("as told"),
        ["loop"] => loop {
            std::hint::black_box(0);
        },
        ["burn", millis] => burn(Duration::from_millis(number(millis))),
        ["sleep", millis] => std::thread::sleep(Duration::from_millis(number(millis))),
        ["allocate", mebibytes] => allocate(number(mebibytes)),
        ["recurse"] => println!("{}", recurse(1)),
        ["handles"] => handles(),
        ["flood", bytes] => flood(number(bytes)),
        ["random", bytes] => println!("{}", wasip2::random::random::get_random_bytes(number(bytes)).len()),
        ["read", path] => print!("{}", shown(std::fs::read_to_string(path))),
        ["follow", paths @ ..] => follow(paths),
        ["write", path, text] => println!("{}", shown(std::fs::write(path, text).map(|()| "written".to_owned()))),
        ["append", path, text] => println!("{}", shown(append(path, text))),
        ["list", path] => println!("{}", shown(list(path))),
        ["stat", path] => println!("{}", shown(stat(path))),
        ["mkdir", path] => println!("{}", shown(std::fs::create_dir(path).map(|()| "made".to_owned()))),
        ["remove", path] => println!("{}", shown(std::fs::remove_file(path).map(|()| "removed".to_owned()))),
        ["rename", from, to] => println!("{}", shown(std::fs::rename(from, to).map(|()| "renamed".to_owned()))),
        ["resolve", name] => println!("{}", shown(resolve(name))),
        ["serve", address] => println!("{}", shown(serve(address))),
        ["dial", address] => println!("{}", shown(dial(address))),
        ["udp-serve", address] => println!("{}", shown(udp_serve(address))),
        ["udp-dial", address] => println!("{}", shown(udp_dial(address))),
        ["get", authority, path] => println!("{}", get(authority, path)),
        _ => panic!("no such act: {words:?}"),
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn shown(result: std::io::Result<String>) -> String {
    result.unwrap_or_else(|err| format!("error: {:?} {err}", err.kind()))
}

/// Tells what files hold, and again when that is something else.
fn follow(paths: &[&str]) {
    let mut before = vec![String::new(); paths.len()];
    loop {
        for (path, before) in paths.iter().zip(&mut before) {
            let now = shown(std::fs::read_to_string(path));
            if *before != now {
                println!("{path}: {now}");
                *before = now;
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn burn(time: Duration) {
    let start = std::time::Instant::now();
    while start.elapsed() < time {
        for n in 0..10_000_u64 {
            std::hint::black_box(n);
        }
    }
}

fn allocate(mebibytes: u64) {
    let mut kept = Vec::new();
    for _ in 0..mebibytes {
        kept.push(vec![1_u8; 1 << 20]);
    }
    println!("allocated {}", kept.len());
}

fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + frame[63] }
}

fn handles() {
    let mut kept = Vec::new();
    loop {
        kept.push(wasip2::clocks::monotonic_clock::subscribe_duration(u64::MAX));
        if kept.len() % 1000 == 0 {
            println!("{}", kept.len());
        }
    }
}

fn flood(bytes: u64) {
    let line = "x".repeat(1023);
    for _ in 0..bytes / 1024 {
        println!("{line}");
    }
}

fn append(path: &str, text: &str) -> std::io::Result<String> {
    std::fs::OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())?;
    std::fs::read_to_string(path)
}

fn list(path: &str) -> std::io::Result<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let mark = if entry.file_type()?.is_dir() { "/" } else { "" };
        names.push(format!("{}{mark}", entry.file_name().to_string_lossy()));
    }
    names.sort();
    Ok(names.join(" "))
}

fn stat(path: &str) -> std::io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    Ok(format!("{} {}", if metadata.is_dir() { "dir" } else { "file" }, metadata.len()))
}

fn resolve(name: &str) -> std::io::Result<String> {
    let mut addresses: Vec<String> = (name, 0).to_socket_addrs()?.map(|address| address.ip().to_string()).collect();
    addresses.dedup();
    Ok(addresses.join(" "))
}

fn serve(address: &str) -> std::io::Result<String> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let (mut stream, peer) = listener.accept()?;
    write!(stream, "you are {peer}")?;
    Ok(format!("served {}", peer.ip()))
}

fn dial(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let peer = stream.peer_addr()?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(format!("{peer} says {text}"))
}

fn udp_serve(address: &str) -> std::io::Result<String> {
    let socket = UdpSocket::bind(address)?;
    println!("bound to {}", socket.local_addr()?);
    let mut buffer = [0; 64];
    let (count, peer) = socket.recv_from(&mut buffer)?;
    socket.send_to(&buffer[..count], peer)?;
    Ok(format!("echoed {count} bytes to {}", peer.ip()))
}

fn udp_dial(address: &str) -> std::io::Result<String> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.send_to(b"ping", address)?;
    let mut buffer = [0; 64];
    let (count, peer) = socket.recv_from(&mut buffer)?;
    Ok(format!("{peer} says {}", String::from_utf8_lossy(&buffer[..count])))
}

fn get(authority: &str, path: &str) -> String {
    use wasip2::http::outgoing_handler::handle;
    use wasip2::http::types::{Fields, OutgoingRequest, Scheme};
    let (scheme, authority) = match authority.strip_prefix("https://") {
        Some(authority) => (Scheme::Https, authority),
        None => (Scheme::Http, authority),
    };
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&scheme)).expect("a scheme");
    request.set_authority(Some(authority)).expect("an authority");
    request.set_path_with_query(Some(path)).expect("a path");
    let answer = match handle(request, None) {
        Ok(answer) => answer,
        Err(code) => return format!("error: {code:?}"),
    };
    answer.subscribe().block();
    match answer.get().expect("it is ready").expect("it was not taken") {
        Ok(response) => {
            let status = response.status();
            let body = response.consume().expect("the body was not taken");
            let stream = body.stream().expect("the stream was not taken");
            let mut text = Vec::new();
            while let Ok(bytes) = stream.blocking_read(4096) {
                text.extend(bytes);
            }
            format!("{status} {}", String::from_utf8_lossy(&text))
        }
        Err(code) => format!("error: {code:?}"),
    }
}
