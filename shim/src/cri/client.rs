//! A client of CRI over a unix socket: for tests, and for whoever measures runtimes side by side.

use std::path::Path;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Error};

use super::message::image_service_client::ImageServiceClient;
use super::message::runtime_service_client::RuntimeServiceClient;

/// What every client of CRI says whom it talks to.
const AUTHORITY: &str = "http://localhost";
/// As CRI's servers have it, each way.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Both services of one socket.
#[derive(Clone, Debug)]
pub struct Client {
    /// Sandboxes and containers.
    pub pods: RuntimeServiceClient<Channel>,
    /// Images.
    pub images: ImageServiceClient<Channel>,
}

/// A client of whoever listens on `socket`.
///
/// # Errors
/// Nobody does.
pub async fn connect(socket: &Path) -> Result<Client, Error> {
    let path = socket.to_owned();
    let connector = tower::service_fn(move |_: http::Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    let channel = Endpoint::from_static(AUTHORITY).connect_with_connector(connector).await?;
    Ok(Client {
        pods: RuntimeServiceClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
        images: ImageServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX),
    })
}
