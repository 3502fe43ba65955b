//! Attach: listens to a container's program, and talks to it if it has an input.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::relay::Outputs;
use super::remote::{Ended, Remote, Wanted};
use super::server::Ticket;
use crate::cri::error::Error;
use crate::cri::message::{AttachRequest, AttachResponse};
use crate::cri::service::Service;

/// Where to talk with a container's program.
pub(in crate::cri) fn attach(service: &Service, req: AttachRequest) -> Result<AttachResponse, Error> {
    Ok(AttachResponse { url: service.url(attach_ticket(service, req)?)? })
}

/// What Attach allows, for whoever needs no URL.
pub(crate) fn attach_ticket(service: &Service, req: AttachRequest) -> Result<Ticket, Error> {
    service.running(&req.container_id)?;
    let wanted = Wanted { stdin: req.stdin, stdout: req.stdout, stderr: req.stderr, tty: req.tty }.checked()?;
    Ok(Ticket::Attach { container_id: req.container_id, wanted })
}

/// Joins a client and a program until either leaves. The program goes on; its input ends if its config says that one client is all.
pub(super) async fn stream(service: &Service, container_id: &str, wanted: Wanted, mut remote: Remote) {
    let listener = service.running(container_id).ok().and_then(|it| it.listen());
    let Some(mut listener) = listener else {
        return remote.end(&Ended::Failed(format!("container `{container_id}` is not running"))).await;
    };
    let input = service.input(container_id);
    let stdin = remote.stdin.take();
    let outputs = Outputs { stdout: remote.stdout.clone(), stderr: remote.stderr.clone(), tty: wanted.tty };
    tokio::select! {
        _ = outputs.relay(&mut listener) => {}
        () = remote.gone() => {}
        () = forward(service, container_id, stdin, input) => {}
    }
    if wanted.stdin {
        service.note_detached(container_id);
    }
    remote.end(&Ended::Code(0)).await;
}

/// Never ends: the client may still listen after its last word. A program that has one client hears that it was the last.
async fn forward(
    service: &Service,
    container_id: &str,
    stdin: Option<mpsc::Receiver<Bytes>>,
    input: Option<mpsc::Sender<Bytes>>,
) {
    if let (Some(mut stdin), Some(input)) = (stdin, input) {
        while let Some(bytes) = stdin.recv().await {
            // A program that does not read any more does not want it.
            let _ = input.send(bytes).await;
        }
        service.note_detached(container_id);
    }
    std::future::pending().await
}
