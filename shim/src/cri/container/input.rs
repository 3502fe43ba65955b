//! What the clients of a container's program may send to it.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::cri::service::Service;

impl Service {
    /// Where to send what a container's program reads; `None` if it reads nothing, or nothing more.
    pub(in crate::cri) fn input(&self, container_id: &str) -> Option<mpsc::Sender<Bytes>> {
        let state = self.state.lock();
        state.containers.get(container_id)?.input.as_ref().map(|it| it.sender.clone())
    }

    /// A client that could send has left: an input for one client only ends with it.
    pub(in crate::cri) fn note_detached(&self, container_id: &str) {
        let mut state = self.state.lock();
        if let Some(container) = state.containers.get_mut(container_id)
            && container.input.as_ref().is_some_and(|it| it.once)
        {
            container.input = None;
        }
    }
}
