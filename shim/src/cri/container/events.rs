//! GetContainerEvents: what happens to containers, from now on.

use std::sync::Arc;

use futures::stream::{self, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::cri::error::Error;
use crate::cri::message::ContainerEventResponse;

/// A listener's events; one that is too slow hears how many it missed and goes on.
pub(in crate::cri) fn events(
    receiver: Receiver<Arc<ContainerEventResponse>>,
) -> impl Stream<Item = Result<ContainerEventResponse, Error>> {
    stream::unfold(receiver, |mut receiver| async move {
        match receiver.recv().await {
            Ok(event) => Some((Ok(Arc::unwrap_or_clone(event)), receiver)),
            Err(RecvError::Lagged(missed)) => Some((Err(Error::Lagged(missed)), receiver)),
            Err(RecvError::Closed) => None,
        }
    })
}
