//! wasi:sockets as a group sees it: the built-in sockets of wasmtime-wasi, with every address translated on the way in
//! and out by the group's network.
//!
//! # Guarantees
//! Everything that takes or gives an address is decorated here, so that no program binds an address but its group's, or
//! reaches one that the network refuses. Everything else is forwarded.

/// Leaves the methods of an interface that take and give no address to the built-in host.
macro_rules! forward {
    ($interface:ident for $resource:ty: $($name:ident($($arg:ident: $ty:ty),*) -> $result:ty;)*) => { $(
        fn $name(&mut self, resource: $resource $(, $arg: $ty)*) -> $result {
            $interface::$name(&mut self.inner, resource $(, $arg)*)
        }
    )* }
}

pub(crate) mod names;
mod tcp;
mod udp;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, Network};
use wasmtime_wasi::p2::bindings::sockets::{tcp as wasi_tcp, udp as wasi_udp};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsCtxView};

use crate::network::{GroupNetwork, Refused};
use crate::state::State;

/// Peers of which one store remembers what was dialed; older ones then show the endpoint.
const DIALED_PEERS_MAX: usize = 256;

/// What one store remembers of its sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    network: Arc<GroupNetwork>,
    /// What the guest dialed, by TCP socket.
    dialed: HashMap<u32, SocketAddr>,
    /// TCP sockets that are bound to the group's loopback.
    loopback: HashSet<u32>,
    /// What the guest sent datagrams to, by the endpoint that was chosen for it.
    dialed_peers: HashMap<SocketAddr, SocketAddr>,
}

impl Sockets {
    pub(crate) fn new(network: Arc<GroupNetwork>) -> Self {
        Self { network, dialed: HashMap::new(), loopback: HashSet::new(), dialed_peers: HashMap::new() }
    }

    fn remember_peer(&mut self, host: SocketAddr, wanted: SocketAddr) {
        if self.network.seen(host) == wanted {
            return;
        }
        if self.dialed_peers.len() >= DIALED_PEERS_MAX {
            self.dialed_peers.clear();
        }
        self.dialed_peers.insert(host, wanted);
    }

    /// What a datagram's sender is to the guest: whom it dialed, if this is the answer.
    fn seen_peer(&self, host: SocketAddr) -> SocketAddr {
        self.dialed_peers.get(&host).copied().unwrap_or_else(|| self.network.seen(host))
    }
}

/// Lets a context use the sockets that `Sockets` leads to the right address, and bind nothing else.
pub(crate) fn permit(builder: &mut WasiCtxBuilder, own: IpAddr) {
    builder.allow_tcp(true).allow_udp(true).socket_addr_check(move |address, usage| {
        let allowed = match usage {
            // The wildcard with port 0 is a client that was never bound: it dials from the host's address.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => {
                address.ip() == own || (address.ip().is_unspecified() && address.port() == 0)
            }
            SocketAddrUse::TcpListen => address.ip() == own,
            SocketAddrUse::TcpConnect
            | SocketAddrUse::TcpAccept
            | SocketAddrUse::UdpSend
            | SocketAddrUse::UdpReceive => true,
        };
        // Answers at once: `tcp::bind_source` relies on it.
        Box::pin(std::future::ready(allowed))
    });
}

/// Puts the decorated interfaces over the built-in ones.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasi_tcp::add_to_linker::<State, GroupSockets>(linker, view)?;
    wasi_udp::add_to_linker::<State, GroupSockets>(linker, view)?;
    names::add_to_linker(linker)
}

struct GroupSockets;

impl HasData for GroupSockets {
    type Data<'a> = SocketsView<'a>;
}

/// The built-in view and what this file adds to it, for one host call.
struct SocketsView<'a> {
    inner: WasiSocketsCtxView<'a>,
    own: &'a mut Sockets,
}

fn view(state: &mut State) -> SocketsView<'_> {
    let (ctx, table, own): (_, &mut ResourceTable, _) = state.sockets();
    SocketsView { inner: WasiSocketsCtxView { ctx, table }, own }
}

impl network::Host for SocketsView<'_> {
    fn convert_error_code(&mut self, err: wasmtime_wasi::p2::SocketError) -> wasmtime::Result<ErrorCode> {
        network::Host::convert_error_code(&mut self.inner, err)
    }

    fn network_error_code(&mut self, err: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        network::Host::network_error_code(&mut self.inner, err)
    }
}

impl network::HostNetwork for SocketsView<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        network::HostNetwork::drop(&mut self.inner, network)
    }
}

impl From<Refused> for ErrorCode {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotBindable => Self::AddressNotBindable,
            Refused::NoEndpoint => Self::ConnectionRefused,
            Refused::Denied => Self::AccessDenied,
        }
    }
}
