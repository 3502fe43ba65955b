//! wasi:sockets/ip-name-lookup for a group: names of the cluster from memory, all others from the host's resolver.

use std::net::IpAddr;

use futures::FutureExt;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, Network};
use wasmtime_wasi::p2::{DynPollable, Pollable, SocketResult};

use super::{GroupSockets, SocketsView, view};
use crate::host::bindings::wasi::sockets::ip_name_lookup::{self, Host, HostResolveAddressStream, IpAddress};
use crate::lookup::Lookup;
use crate::state::State;

const NAME_BYTES_MAX: usize = 253;

/// An answer that is there, or on its way; the lookup ends with the stream, which ends with the instance.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Addresses(Answer);

#[derive(Debug)]
enum Answer {
    Found(std::vec::IntoIter<IpAddr>),
    Asked(Lookup),
    /// Every later look says so too.
    Unknown,
}

impl Answer {
    /// What the resolver said; a lookup that failed found nothing.
    fn of(found: Vec<IpAddr>) -> Self {
        if found.is_empty() { Self::Unknown } else { Self::Found(found.into_iter()) }
    }
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
        let answer = match found.is_empty() {
            false => Answer::of(found),
            // Without a dot it can only be a name of the cluster, and the cluster does not have it.
            true if !name.contains('.') || name.ends_with(".cluster.local") => {
                return Err(ErrorCode::NameUnresolvable.into());
            }
            // The guest's libc says EAI_AGAIN: try again later.
            true => Answer::Asked(self.own.network.ask(&name).map_err(|_| ErrorCode::TemporaryResolverFailure)?),
        };
        Ok(self.inner.table.push(Addresses(answer))?)
    }
}

impl HostResolveAddressStream for SocketsView<'_> {
    fn resolve_next_address(&mut self, stream: Resource<Addresses>) -> SocketResult<Option<IpAddress>> {
        let Addresses(answer) = self.inner.table.get_mut(&stream)?;
        if let Answer::Asked(lookup) = answer {
            let Some(found) = lookup.now_or_never() else { return Err(ErrorCode::WouldBlock.into()) };
            *answer = Answer::of(found.unwrap_or_default());
        }
        match answer {
            Answer::Found(found) => Ok(found.next().map(IpAddress::from)),
            Answer::Asked(_) => Err(ErrorCode::WouldBlock.into()),
            Answer::Unknown => Err(ErrorCode::NameUnresolvable.into()),
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
        if let Answer::Asked(lookup) = &mut self.0 {
            let found = lookup.await;
            self.0 = Answer::of(found.unwrap_or_default());
        }
    }
}
