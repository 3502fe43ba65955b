//! wasi:sockets/tcp for a group.

use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, Waker};

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use wasmtime_wasi::p2::bindings::sockets::tcp::{Host, HostTcpSocket, ShutdownType};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, SocketResult, TcpSocket};

use super::SocketsView;
use crate::network::Protocol;

type Socket = Resource<TcpSocket>;
type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

impl Host for SocketsView<'_> {}

impl HostTcpSocket for SocketsView<'_> {
    async fn start_bind(
        &mut self,
        socket: Socket,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        let wanted = SocketAddr::from(address);
        let host = self.own.network.bind(wanted).map_err(ErrorCode::from)?;
        let rep = socket.rep();
        HostTcpSocket::start_bind(&mut self.inner, socket, network, host.into()).await?;
        if wanted.ip().is_loopback() {
            self.own.loopback.insert(rep);
        }
        Ok(())
    }

    fn start_connect(
        &mut self,
        socket: Socket,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        let wanted = SocketAddr::from(address);
        let route = self.own.network.dial(Protocol::Tcp, wanted).map_err(ErrorCode::from)?;
        if let Some(from) = route.from {
            bind_source(self, &socket, &network, from)?;
        }
        let rep = socket.rep();
        HostTcpSocket::start_connect(&mut self.inner, socket, network, route.to.into())?;
        self.own.dialed.insert(rep, wanted);
        Ok(())
    }

    async fn start_listen(&mut self, socket: Socket) -> SocketResult<()> {
        HostTcpSocket::start_listen(&mut self.inner, socket).await
    }

    fn accept(
        &mut self,
        listener: Socket,
    ) -> SocketResult<(Socket, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let private = self.own.loopback.contains(&listener.rep());
        let (socket, input, output) = HostTcpSocket::accept(&mut self.inner, listener)?;
        if !private {
            return Ok((socket, input, output));
        }
        let peer = HostTcpSocket::remote_address(&mut self.inner, borrow(&socket))?;
        if self.own.network.seen(peer.into()).ip() == self.own.network.group.ip {
            return Ok((socket, input, output));
        }
        // Bound to the group's loopback, it hears only the group. For the guest nobody ever came.
        self.inner.table.delete(input)?;
        self.inner.table.delete(output)?;
        self.inner.table.delete(socket)?;
        Err(ErrorCode::WouldBlock.into())
    }

    fn local_address(&mut self, socket: Socket) -> SocketResult<IpSocketAddress> {
        let private = self.own.loopback.contains(&socket.rep());
        let host = HostTcpSocket::local_address(&mut self.inner, socket)?;
        let mut seen = self.own.network.seen(host.into());
        if private {
            seen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        Ok(seen.into())
    }

    fn remote_address(&mut self, socket: Socket) -> SocketResult<IpSocketAddress> {
        let dialed = self.own.dialed.get(&socket.rep()).copied();
        let host = HostTcpSocket::remote_address(&mut self.inner, socket)?;
        // What the guest dialed, not the endpoint that was chosen.
        Ok(dialed.unwrap_or_else(|| self.own.network.seen(host.into())).into())
    }

    fn drop(&mut self, socket: Socket) -> wasmtime::Result<()> {
        self.own.dialed.remove(&socket.rep());
        self.own.loopback.remove(&socket.rep());
        HostTcpSocket::drop(&mut self.inner, socket)
    }

    forward! { HostTcpSocket for Socket:
        finish_bind() -> SocketResult<()>;
        finish_connect() -> SocketResult<Streams>;
        finish_listen() -> SocketResult<()>;
        is_listening() -> wasmtime::Result<bool>;
        address_family() -> wasmtime::Result<IpAddressFamily>;
        set_listen_backlog_size(value: u64) -> SocketResult<()>;
        keep_alive_enabled() -> SocketResult<bool>;
        set_keep_alive_enabled(value: bool) -> SocketResult<()>;
        keep_alive_idle_time() -> SocketResult<u64>;
        set_keep_alive_idle_time(value: u64) -> SocketResult<()>;
        keep_alive_interval() -> SocketResult<u64>;
        set_keep_alive_interval(value: u64) -> SocketResult<()>;
        keep_alive_count() -> SocketResult<u32>;
        set_keep_alive_count(value: u32) -> SocketResult<()>;
        hop_limit() -> SocketResult<u8>;
        set_hop_limit(value: u8) -> SocketResult<()>;
        receive_buffer_size() -> SocketResult<u64>;
        set_receive_buffer_size(value: u64) -> SocketResult<()>;
        send_buffer_size() -> SocketResult<u64>;
        set_send_buffer_size(value: u64) -> SocketResult<()>;
        subscribe() -> wasmtime::Result<Resource<DynPollable>>;
        shutdown(value: ShutdownType) -> SocketResult<()>;
    }
}

/// Gives a socket that the guest did not bind the group's own address, by which its peers know it.
fn bind_source(
    view: &mut SocketsView<'_>,
    socket: &Socket,
    network: &Resource<Network>,
    from: IpAddr,
) -> SocketResult<()> {
    if HostTcpSocket::local_address(&mut view.inner, borrow(socket)).is_ok() {
        return Ok(());
    }
    let from = SocketAddr::new(from, 0).into();
    let network = Resource::new_borrow(network.rep());
    let bind = HostTcpSocket::start_bind(&mut view.inner, borrow(socket), network, from);
    // `start_connect` cannot wait, and need not: binding waits for nothing but the check, and ours answers at once.
    match std::pin::pin!(bind).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result?,
        Poll::Pending => return Err(ErrorCode::AccessDenied.into()),
    }
    HostTcpSocket::finish_bind(&mut view.inner, borrow(socket))
}

fn borrow(socket: &Socket) -> Socket {
    Resource::new_borrow(socket.rep())
}
