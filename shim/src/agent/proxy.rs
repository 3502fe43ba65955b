//! The host's own way to Services: a small listener on each cluster address and port, which passes bytes to a pod.
//!
//! Programs do not come this way: the runtime sends them to an endpoint when they connect.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use runtime::AddressMapping;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::network::Network;

/// Ports that are listened on; Services beyond that are reached by programs only.
const LISTENERS_MAX: usize = 4096;
/// Connections that are open at once; others wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// How long an endpoint may take to answer.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long accepting rests after it failed, for want of file descriptors most likely.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Cluster address and port to the addresses behind it.
type Table = HashMap<SocketAddr, Arc<[SocketAddr]>>;
/// Tells the proxy of a new table.
pub(crate) type TableSender = watch::Sender<Table>;

/// A sender of tables and what `run` takes.
pub(crate) fn channel() -> (TableSender, watch::Receiver<Table>) {
    watch::channel(Table::new())
}

/// Listens for what the latest table has, until the sender is gone.
pub(crate) async fn run(network: Network, mut table: watch::Receiver<Table>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut tasks = JoinSet::new();
    let mut listeners: HashMap<SocketAddr, AbortHandle> = HashMap::new();
    while table.changed().await.is_ok() {
        let wanted: Vec<SocketAddr> = table.borrow_and_update().keys().copied().collect();
        listeners.retain(|address, task| {
            let keep = wanted.contains(address) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for address in wanted {
            if listeners.contains_key(&address) || listeners.len() >= LISTENERS_MAX {
                continue;
            }
            let host = network.services.host_address(address);
            match TcpListener::bind(host).await {
                Ok(listener) => {
                    let front = Front { listener, address, pods: network.pods, table: table.clone() };
                    listeners.insert(address, tasks.spawn(front.run(Arc::clone(&connections))));
                }
                Err(err) => tracing::debug!(%address, %host, %err, "could not listen for a Service"),
            }
        }
        while tasks.try_join_next().is_some() {}
    }
}

/// One address and port of a Service.
struct Front {
    listener: TcpListener,
    address: SocketAddr,
    pods: AddressMapping,
    table: watch::Receiver<Table>,
}

// === impl Front ===

impl Front {
    async fn run(self, connections: Arc<Semaphore>) {
        // Its connections end with it, when the Service goes.
        let mut open = JoinSet::new();
        let mut turn = 0_usize;
        loop {
            let client = match self.listener.accept().await {
                Ok((client, _)) => client,
                Err(err) => {
                    tracing::warn!(address = %self.address, %err, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_REST).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
            turn = turn.wrapping_add(1);
            let behind = self.table.borrow().get(&self.address).cloned();
            let endpoint = behind.filter(|it| !it.is_empty()).map(|it| self.pods.host_address(it[turn % it.len()]));
            open.spawn(async move {
                if let Some(endpoint) = endpoint {
                    pass(client, endpoint).await;
                }
                drop(permit);
            });
            while open.try_join_next().is_some() {}
        }
    }
}

/// Passes bytes both ways until both sides are done.
async fn pass(mut client: TcpStream, endpoint: SocketAddr) {
    let dialed = tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect(endpoint)).await;
    let Ok(Ok(mut server)) = dialed else { return };
    // A broken connection is its two ends' affair.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_connection_to_a_service_reaches_an_endpoint() {
        let endpoint = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = endpoint.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = endpoint.accept().await.unwrap();
            stream.write_all(b"hello").await.unwrap();
        });
        // A port that was free a moment ago.
        let front = TcpListener::bind("127.0.0.2:0").await.unwrap().local_addr().unwrap();
        let (sender, table) = channel();
        let same = AddressMapping::AnyIp { network: Ipv4Addr::LOCALHOST, prefix_len: 32 };
        let network = Network { pods: same, services: same };
        let proxy = tokio::spawn(run(network, table));
        sender.send(Table::from([(front, [behind].into())])).unwrap();
        let mut text = String::new();
        for _ in 0..1000 {
            match TcpStream::connect(front).await {
                Ok(mut stream) => {
                    stream.read_to_string(&mut text).await.unwrap();
                    break;
                }
                Err(_) => tokio::task::yield_now().await,
            }
        }
        assert_eq!(text, "hello");
        drop(sender);
        proxy.await.unwrap();
    }
}
