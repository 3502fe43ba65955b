//! Joins a client's connection with a node's: both have agreed to speak something else than HTTP, and we only pass it on.
//!
//! # Flow
//! A handler answers 101 with a [`Tunnel`] among the response's extensions. [`serve`](crate::serve) takes it off, sends the
//! answer and runs the tunnel in the connection's place, so that it counts as one and ends with the server.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, copy, split};
use tracing::debug;

/// Two connections that are about to leave HTTP.
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// The one that we were asked on.
    pub client: OnUpgrade,
    /// The one that we asked on.
    pub node: OnUpgrade,
}

// === impl Tunnel ===

impl Tunnel {
    /// Passes bytes both ways until one side has said its last. What the node said before it ended still arrives.
    pub(crate) async fn run(self) {
        let (client, node) = match tokio::try_join!(self.client, self.node) {
            Ok(both) => both,
            Err(error) => return debug!(%error, "a connection did not leave HTTP"),
        };
        let (mut from_client, mut to_client) = split(TokioIo::new(client));
        let (mut from_node, mut to_node) = split(TokioIo::new(node));
        let ended = tokio::select! {
            ended = copy(&mut from_client, &mut to_node) => ended,
            ended = copy(&mut from_node, &mut to_client) => ended,
        };
        if let Err(error) = ended {
            debug!(%error, "a tunnel broke");
        }
        // Both peers hear of the end; one that is gone already need not.
        let _ = tokio::join!(to_client.shutdown(), to_node.shutdown());
    }
}
