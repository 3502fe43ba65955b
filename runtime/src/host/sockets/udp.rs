//! wasi:sockets/udp for a group.

use std::net::SocketAddr;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use wasmtime_wasi::p2::bindings::sockets::udp::{
    Host, HostIncomingDatagramStream, HostOutgoingDatagramStream, HostUdpSocket, IncomingDatagram,
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream,
};
use wasmtime_wasi::p2::{DynPollable, SocketResult, UdpSocket};

use super::SocketsView;
use crate::network::Protocol;

type Socket = Resource<UdpSocket>;

impl SocketsView<'_> {
    /// The endpoint to send to, remembered so that its answers come from whom the guest dialed.
    fn send_to(&mut self, wanted: SocketAddr) -> Result<SocketAddr, ErrorCode> {
        let route = self.own.network.dial(Protocol::Udp, wanted)?;
        self.own.remember_peer(route.to, wanted);
        Ok(route.to)
    }
}

impl Host for SocketsView<'_> {}

impl HostUdpSocket for SocketsView<'_> {
    async fn start_bind(
        &mut self,
        socket: Socket,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        let host = self.own.network.bind(address.into()).map_err(ErrorCode::from)?;
        HostUdpSocket::start_bind(&mut self.inner, socket, network, host.into()).await
    }

    async fn stream(
        &mut self,
        socket: Socket,
        remote: Option<IpSocketAddress>,
    ) -> SocketResult<(Resource<IncomingDatagramStream>, Resource<OutgoingDatagramStream>)> {
        let remote = match remote {
            Some(wanted) => Some(self.send_to(wanted.into())?.into()),
            None => None,
        };
        HostUdpSocket::stream(&mut self.inner, socket, remote).await
    }

    fn local_address(&mut self, socket: Socket) -> SocketResult<IpSocketAddress> {
        let host = HostUdpSocket::local_address(&mut self.inner, socket)?;
        Ok(self.own.network.seen(host.into()).into())
    }

    fn remote_address(&mut self, socket: Socket) -> SocketResult<IpSocketAddress> {
        let host = HostUdpSocket::remote_address(&mut self.inner, socket)?;
        Ok(self.own.seen_peer(host.into()).into())
    }

    forward! { HostUdpSocket for Socket:
        finish_bind() -> SocketResult<()>;
        address_family() -> wasmtime::Result<IpAddressFamily>;
        unicast_hop_limit() -> SocketResult<u8>;
        set_unicast_hop_limit(value: u8) -> SocketResult<()>;
        receive_buffer_size() -> SocketResult<u64>;
        set_receive_buffer_size(value: u64) -> SocketResult<()>;
        send_buffer_size() -> SocketResult<u64>;
        set_send_buffer_size(value: u64) -> SocketResult<()>;
        subscribe() -> wasmtime::Result<Resource<DynPollable>>;
        drop() -> wasmtime::Result<()>;
    }
}

impl HostIncomingDatagramStream for SocketsView<'_> {
    fn receive(
        &mut self,
        stream: Resource<IncomingDatagramStream>,
        results_max: u64,
    ) -> SocketResult<Vec<IncomingDatagram>> {
        let mut datagrams = HostIncomingDatagramStream::receive(&mut self.inner, stream, results_max)?;
        for datagram in &mut datagrams {
            datagram.remote_address = self.own.seen_peer(datagram.remote_address.into()).into();
        }
        Ok(datagrams)
    }

    forward! { HostIncomingDatagramStream for Resource<IncomingDatagramStream>:
        subscribe() -> wasmtime::Result<Resource<DynPollable>>;
        drop() -> wasmtime::Result<()>;
    }
}

impl HostOutgoingDatagramStream for SocketsView<'_> {
    forward! { HostOutgoingDatagramStream for Resource<OutgoingDatagramStream>:
        check_send() -> SocketResult<u64>;
        subscribe() -> wasmtime::Result<Resource<DynPollable>>;
    }

    fn send(
        &mut self,
        stream: Resource<OutgoingDatagramStream>,
        mut datagrams: Vec<OutgoingDatagram>,
    ) -> SocketResult<u64> {
        for datagram in &mut datagrams {
            if let Some(wanted) = datagram.remote_address {
                datagram.remote_address = Some(self.send_to(wanted.into())?.into());
            }
        }
        HostOutgoingDatagramStream::send(&mut self.inner, stream, datagrams)
    }

    async fn drop(&mut self, stream: Resource<OutgoingDatagramStream>) -> wasmtime::Result<()> {
        HostOutgoingDatagramStream::drop(&mut self.inner, stream).await
    }
}
