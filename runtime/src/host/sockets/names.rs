//! wasi:sockets/ip-name-lookup for a group: names of the cluster from memory, all others from the host's resolver.

use std::net::IpAddr;

use tokio::sync::oneshot;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, Network};
use wasmtime_wasi::p2::{DynPollable, Pollable, SocketResult};

use super::{GroupSockets, SocketsView, view};
use crate::host::bindings::wasi::sockets::ip_name_lookup::{self, Host, HostResolveAddressStream, IpAddress};
use crate::state::State;

/// Addresses that one name gives at most.
const ADDRESSES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 253;

/// An answer that is there, or on its way.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub enum Addresses {
    Found(std::vec::IntoIter<IpAddr>),
    Asked(oneshot::Receiver<Vec<IpAddr>>),
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    ip_name_lookup::add_to_linker::<State, GroupSockets>(linker, view)
}

impl Host for SocketsView<'_> {
    fn resolve_addresses(&mut self, network: Resource<Network>, name: String) -> SocketResult<Resource<Addresses>> {
        // Holding a network is what allows to ask.
        self.inner.table.get(&network)?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(ErrorCode::InvalidArgument.into());
        }
        let found = self.own.network.resolve(&name);
        let addresses = match found.is_empty() {
            false => Addresses::Found(found.into_iter()),
            // Without a dot it can only be a name of the cluster, and the cluster does not have it.
            true if !name.contains('.') || name.ends_with(".cluster.local") => {
                return Err(ErrorCode::NameUnresolvable.into());
            }
            true => Addresses::Asked(ask(name)),
        };
        Ok(self.inner.table.push(addresses)?)
    }
}

impl HostResolveAddressStream for SocketsView<'_> {
    fn resolve_next_address(&mut self, stream: Resource<Addresses>) -> SocketResult<Option<IpAddress>> {
        let addresses = self.inner.table.get_mut(&stream)?;
        if let Addresses::Asked(answer) = addresses {
            match answer.try_recv() {
                Ok(found) => *addresses = Addresses::Found(found.into_iter()),
                Err(oneshot::error::TryRecvError::Empty) => return Err(ErrorCode::WouldBlock.into()),
                Err(oneshot::error::TryRecvError::Closed) => return Err(ErrorCode::NameUnresolvable.into()),
            }
        }
        match addresses {
            Addresses::Found(found) => Ok(found.next().map(IpAddress::from)),
            Addresses::Asked(_) => Err(ErrorCode::WouldBlock.into()),
        }
    }

    fn subscribe(&mut self, stream: Resource<Addresses>) -> wasmtime::Result<Resource<DynPollable>> {
        wasmtime_wasi::p2::subscribe(self.inner.table, stream)
    }

    fn drop(&mut self, stream: Resource<Addresses>) -> wasmtime::Result<()> {
        self.inner.table.delete(stream)?;
        Ok(())
    }
}

#[async_trait]
impl Pollable for Addresses {
    async fn ready(&mut self) {
        if let Self::Asked(answer) = self {
            *self = match answer.await {
                Ok(found) => Self::Found(found.into_iter()),
                // The sender is gone for good, so every later look says so too.
                Err(_) => Self::Asked(oneshot::channel().1),
            };
        }
    }
}

/// Asks the host's resolver. The task ends with the lookup, which the system bounds.
fn ask(name: String) -> oneshot::Receiver<Vec<IpAddr>> {
    let (answer, heard) = oneshot::channel();
    tokio::spawn(async move {
        if let Ok(found) = tokio::net::lookup_host((name.as_str(), 0)).await {
            // The guest may have stopped waiting.
            let _ = answer.send(found.take(ADDRESSES_MAX).map(|address| address.ip()).collect());
        }
    });
    heard
}
