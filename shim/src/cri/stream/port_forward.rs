//! Port forwarding: each pair of streams is one connection to a port of the pod.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::server::Ticket;
use super::spdy::{Connection, Stream, StreamWriter};
use crate::cri::error::Error;
use crate::cri::message::{PodSandboxState, PortForwardRequest, PortForwardResponse};
use crate::cri::service::Service;

/// How long a dial may take.
const DIAL_WAIT: Duration = Duration::from_secs(10);
/// Streams whose partner has not come yet.
const HALVES_MAX: usize = 64;
/// What is read from the pod at once.
const BUFFER_BYTES: usize = 32 * 1024;

/// Says where a port of the pod is.
type Address = Arc<dyn Fn(u16) -> SocketAddr + Send + Sync>;

/// Where to reach ports of a sandbox.
pub(in crate::cri) fn port_forward(service: &Service, req: PortForwardRequest) -> Result<PortForwardResponse, Error> {
    Ok(PortForwardResponse { url: service.url(port_forward_ticket(service, req)?)? })
}

/// What PortForward allows, for whoever needs no URL.
pub(crate) fn port_forward_ticket(service: &Service, req: PortForwardRequest) -> Result<Ticket, Error> {
    dialer(service, &req.pod_sandbox_id)?;
    Ok(Ticket::PortForward { sandbox_id: req.pod_sandbox_id })
}

/// How to reach the ports of a sandbox that is ready.
pub(super) fn dialer(service: &Service, sandbox_id: &str) -> Result<Address, Error> {
    let state = service.state.lock();
    let sandbox = state.sandbox(sandbox_id)?;
    if sandbox.state() != PodSandboxState::SandboxReady {
        return Err(Error::State(format!("sandbox `{sandbox_id}` is not ready")));
    }
    let (runtime, ip) = (Arc::clone(&service.runtime), sandbox.ip);
    Ok(Arc::new(move |port| runtime.host_address(SocketAddr::from((ip, port)))))
}

/// Serves a client until it hangs up.
pub(crate) async fn serve(mut connection: Connection, address: Address) {
    let mut halves: HashMap<String, Stream> = HashMap::new();
    let mut connections = JoinSet::new();
    while let Some(stream) = connection.accept().await {
        while connections.try_join_next().is_some() {}
        let id = stream.header("requestid").unwrap_or_default().to_owned();
        let Some(other) = halves.remove(&id) else {
            if halves.len() < HALVES_MAX {
                halves.insert(id, stream);
            }
            continue;
        };
        let is_data = |it: &Stream| it.header("streamtype") == Some("data");
        let (data, error) = if is_data(&other) { (other, stream) } else { (stream, other) };
        connections.spawn(forward(data, error, Arc::clone(&address)));
    }
}

async fn forward(data: Stream, error: Stream, address: Address) {
    if let Err(message) = join(data, &*address).await {
        // A client that is gone needs no message.
        let _ = error.output.write(message.as_bytes()).await;
    }
    let _ = error.output.finish().await;
}

/// Joins a stream and a connection to the pod until either side has had enough.
async fn join(mut data: Stream, address: &(dyn Fn(u16) -> SocketAddr + Send + Sync)) -> Result<(), String> {
    let text = data.header("port").unwrap_or_default().to_owned();
    let port: u16 = text.parse().map_err(|_| format!("invalid port `{text}`"))?;
    let dialed = timeout(DIAL_WAIT, TcpStream::connect(address(port))).await;
    let failed = |why: &dyn std::fmt::Display| format!("error forwarding port {port}: {why}");
    let socket = match dialed {
        Ok(Ok(socket)) => socket,
        Ok(Err(err)) => {
            let _ = data.output.finish().await;
            return Err(failed(&err));
        }
        Err(_) => {
            let _ = data.output.finish().await;
            return Err(failed(&"the pod did not answer in time"));
        }
    };
    let (read, mut write) = socket.into_split();
    let to_pod = async {
        while let Some(bytes) = data.input.recv().await {
            write.write_all(&bytes).await?;
        }
        write.shutdown().await
    };
    let from_pod = to_client(read, &data.output);
    tokio::pin!(to_pod, from_pod);
    // The pod's last word ends it; a client that has said its last word may still listen. What comes from the pod is never
    // dropped half way: a frame that is cut off would end the whole connection.
    let sent = tokio::select! {
        got = &mut from_pod => return got.map_err(|err| failed(&err)),
        sent = &mut to_pod => sent,
    };
    let got = from_pod.await;
    sent.and(got).map_err(|err| failed(&err))
}

async fn to_client(mut read: OwnedReadHalf, output: &StreamWriter) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let ended = loop {
        let read = tokio::select! {
            read = read.read(&mut buffer) => read,
            () = output.given_up() => return Ok(()),
        };
        match read {
            Ok(0) => break Ok(()),
            Ok(len) => output.write(&buffer[..len]).await.map_err(std::io::Error::other)?,
            Err(err) => break Err(err),
        }
    };
    output.finish().await.map_err(std::io::Error::other)?;
    ended
}
