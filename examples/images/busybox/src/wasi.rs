//! The only file that knows what it runs on: what std lacks on `wasm32-wasip2`, and what stands for it where tests run.
//!
//! Exit codes: this toolchain's libc knows WASI 0.2.0, whose `exit` takes a mere `result`, so `std::process::exit(7)`
//! ends with 1. `exit-with-code` takes the code itself. It is stable since WASI 0.2.12, newer libcs call it
//! (<https://github.com/WebAssembly/wasi-libc/issues/859>), and Coracle's runtime has it; once a pinned toolchain brings
//! such a libc, `exit` here can be std's.

#[cfg(target_family = "wasm")]
pub use self::wasm::{enter_start_directory, exit, memory_bytes, relay, stdin};

#[cfg(not(target_family = "wasm"))]
pub use self::host::{enter_start_directory, exit, memory_bytes, relay, stdin};

/// Which end of a connection `relay` makes.
pub enum Peer {
    /// Call this address.
    Connect(std::net::SocketAddr),
    /// Take the first call to this address.
    Accept(std::net::SocketAddr),
}

#[cfg(target_family = "wasm")]
mod wasm {
    use std::io::{self, Read, Write};
    use std::net::{IpAddr, SocketAddr};

    use wasip2::io::poll::{Pollable, poll};
    use wasip2::io::streams::{InputStream, OutputStream, StreamError};
    use wasip2::sockets::instance_network::instance_network;
    use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress};
    use wasip2::sockets::tcp::{ShutdownType, TcpSocket};
    use wasip2::sockets::tcp_create_socket::create_tcp_socket;

    use super::Peer;
    use crate::call::Streams;

    /// How much is taken from a stream at a time; WASI's `blocking-write-and-flush` takes no more.
    const CHUNK_BYTES: u64 = 4096;
    const PAGE_BYTES: u64 = 64 << 10;

    /// Ends the instance with exactly this code.
    pub fn exit(code: u8) -> ! {
        wasip2::cli::exit::exit_with_code(code);
        unreachable!("`exit-with-code` does not come back")
    }

    /// Goes where the container starts; libc would start at `/`.
    pub fn enter_start_directory() {
        if let Some(directory) = wasip2::cli::environment::initial_cwd() {
            // A directory that is not there leaves us at `/`, as libc would.
            let _ = std::env::set_current_dir(directory);
        }
    }

    /// How much memory this instance has.
    pub fn memory_bytes() -> Option<u64> {
        Some(core::arch::wasm32::memory_size(0) as u64 * PAGE_BYTES)
    }

    /// What this process reads, without a buffer of std's between.
    pub fn stdin() -> Box<dyn Read> {
        Box::new(Stdin(wasip2::cli::stdin::get_stdin()))
    }

    struct Stdin(InputStream);

    impl Read for Stdin {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if buffer.is_empty() {
                return Ok(0);
            }
            match self.0.blocking_read(buffer.len() as u64) {
                Ok(bytes) => {
                    buffer[..bytes.len()].copy_from_slice(&bytes);
                    Ok(bytes.len())
                }
                Err(StreamError::Closed) => Ok(0),
                Err(StreamError::LastOperationFailed(err)) => Err(io::Error::other(err.to_debug_string())),
            }
        }
    }

    /// Copies input to the peer and what the peer says to the output, both at once, until the peer closes.
    ///
    /// # Errors
    /// No connection comes about, or it or the output breaks.
    pub fn relay(peer: Peer, streams: &mut Streams) -> io::Result<()> {
        let (socket, from_peer, to_peer) = match peer {
            Peer::Connect(address) => connect(address)?,
            Peer::Accept(address) => accept(address)?,
        };
        let pending = streams.input.take_buffered();
        write(&to_peer, &pending)?;
        if !streams.input.is_process() {
            let mut rest = Vec::new();
            streams.input.read_to_end(&mut rest)?;
            write(&to_peer, &rest)?;
            // A peer that is gone says so when it is read.
            let _ = socket.shutdown(ShutdownType::Send);
            return copy_from(&from_peer, &mut streams.out);
        }
        both_ways(&socket, &from_peer, &to_peer, &mut streams.out)
    }

    fn both_ways(
        socket: &TcpSocket,
        from_peer: &InputStream,
        to_peer: &OutputStream,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let stdin = wasip2::cli::stdin::get_stdin();
        let (peer_ready, stdin_ready) = (from_peer.subscribe(), stdin.subscribe());
        loop {
            let ready = poll(&[&peer_ready, &stdin_ready]);
            if ready.contains(&0) {
                let Some(bytes) = read(from_peer)? else { return Ok(()) };
                out.write_all(&bytes)?;
                out.flush()?;
            }
            if ready.contains(&1) {
                let Some(bytes) = read(&stdin)? else { break };
                write(to_peer, &bytes)?;
            }
        }
        let _ = socket.shutdown(ShutdownType::Send);
        copy_from(from_peer, out)
    }

    fn copy_from(peer: &InputStream, out: &mut impl Write) -> io::Result<()> {
        let ready = peer.subscribe();
        loop {
            ready.block();
            let Some(bytes) = read(peer)? else { return Ok(()) };
            out.write_all(&bytes)?;
            out.flush()?;
        }
    }

    /// What is there now; nothing more ever is `None`.
    fn read(stream: &InputStream) -> io::Result<Option<Vec<u8>>> {
        match stream.read(CHUNK_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StreamError::Closed) => Ok(None),
            Err(StreamError::LastOperationFailed(err)) => Err(io::Error::other(err.to_debug_string())),
        }
    }

    fn write(stream: &OutputStream, bytes: &[u8]) -> io::Result<()> {
        for chunk in bytes.chunks(CHUNK_BYTES as usize) {
            stream.blocking_write_and_flush(chunk).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(())
    }

    type Connection = (TcpSocket, InputStream, OutputStream);

    fn connect(address: SocketAddr) -> io::Result<Connection> {
        let socket = create_tcp_socket(family(address)).map_err(error)?;
        socket.start_connect(&instance_network(), of_std(address)).map_err(error)?;
        let (input, output) = wait(&socket.subscribe(), || socket.finish_connect())?;
        Ok((socket, input, output))
    }

    fn accept(address: SocketAddr) -> io::Result<Connection> {
        let socket = create_tcp_socket(family(address)).map_err(error)?;
        let ready = socket.subscribe();
        socket.start_bind(&instance_network(), of_std(address)).map_err(error)?;
        wait(&ready, || socket.finish_bind())?;
        socket.start_listen().map_err(error)?;
        wait(&ready, || socket.finish_listen())?;
        wait(&ready, || socket.accept())
    }

    fn wait<T>(ready: &Pollable, attempt: impl Fn() -> Result<T, ErrorCode>) -> io::Result<T> {
        loop {
            match attempt() {
                Err(ErrorCode::WouldBlock) => ready.block(),
                result => return result.map_err(error),
            }
        }
    }

    fn error(code: ErrorCode) -> io::Error {
        io::Error::other(code.name().replace('-', " "))
    }

    fn family(address: SocketAddr) -> IpAddressFamily {
        if address.is_ipv4() { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 }
    }

    fn of_std(address: SocketAddr) -> IpSocketAddress {
        let port = address.port();
        match address.ip() {
            IpAddr::V4(ip) => IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: ip.octets().into() }),
            IpAddr::V6(ip) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port,
                flow_info: 0,
                address: ip.segments().into(),
                scope_id: 0,
            }),
        }
    }
}

#[cfg(not(target_family = "wasm"))]
mod host {
    use std::io::{self, Read};

    use super::Peer;
    use crate::call::Streams;

    /// Ends the process.
    pub fn exit(code: u8) -> ! {
        std::process::exit(code.into())
    }

    /// A process starts where it was started.
    pub fn enter_start_directory() {}

    /// Only an instance has one memory.
    pub fn memory_bytes() -> Option<u64> {
        None
    }

    /// What this process reads.
    pub fn stdin() -> Box<dyn Read> {
        Box::new(io::stdin())
    }

    /// Needs WASI's way to wait.
    ///
    /// # Errors
    /// Always.
    pub fn relay(peer: Peer, _: &mut Streams) -> io::Result<()> {
        let (Peer::Connect(address) | Peer::Accept(address)) = peer;
        Err(io::Error::new(io::ErrorKind::Unsupported, format!("{address}: not outside WebAssembly")))
    }
}
