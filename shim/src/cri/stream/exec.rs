//! Commands in containers: ExecSync, which waits for the end, and Exec, which leads to streams.

use std::time::Duration;

use runtime::{Exit, Instance, Listener, LogStream, Stdio};
use tokio::time::timeout;

use super::relay::{self, Relayed};
use super::remote::{Ended, GOODBYE_WAIT, Remote, Wanted};
use super::server::Ticket;
use crate::cri::error::Error;
use crate::cri::message::{ExecRequest, ExecResponse, ExecSyncRequest, ExecSyncResponse};
use crate::cri::service::Service;

/// What ExecSync answers of each stream; the rest is dropped, as upstream does.
const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// Runs a command to its end. Its caller's leaving kills it.
pub(in crate::cri) async fn exec_sync(service: &Service, req: ExecSyncRequest) -> Result<ExecSyncResponse, Error> {
    let command = Command::start(service, &req.container_id, req.cmd, Stdio::default()).await?;
    let ended = command.output();
    if req.timeout <= 0 {
        return Ok(ended.await);
    }
    let limit = Duration::from_secs(u64::try_from(req.timeout).unwrap_or(0));
    // Dropping it kills the command.
    timeout(limit, ended).await.map_err(|_| Error::Expired)
}

/// Where to talk with a command.
pub(in crate::cri) fn exec(service: &Service, req: ExecRequest) -> Result<ExecResponse, Error> {
    Ok(ExecResponse { url: service.url(exec_ticket(service, req)?)? })
}

/// What Exec allows, for whoever needs no URL.
pub(crate) fn exec_ticket(service: &Service, req: ExecRequest) -> Result<Ticket, Error> {
    service.running(&req.container_id)?;
    let wanted = Wanted { stdin: req.stdin, stdout: req.stdout, stderr: req.stderr, tty: req.tty }.checked()?;
    Ok(Ticket::Exec { container_id: req.container_id, args: req.cmd, wanted })
}

/// Runs a command for a client. Either's leaving ends it, and so does the end of the container.
pub(super) async fn stream(
    service: &Service,
    container_id: &str,
    args: Vec<String>,
    wanted: Wanted,
    mut remote: Remote,
) {
    let stdio = Stdio { stdin: remote.stdin.take(), terminal: wanted.tty };
    let mut command = match Command::start(service, container_id, args, stdio).await {
        Ok(command) => command,
        Err(err) => return remote.end(&Ended::Failed(err.to_string())).await,
    };
    let outputs = relay::Outputs { stdout: remote.stdout.clone(), stderr: remote.stderr.clone(), tty: wanted.tty };
    let Command { instance, listener, beside } = &mut command;
    let container_ended = async {
        beside.wait().await;
        instance.kill();
        // The client gets what the command printed, if it takes it.
        tokio::time::sleep(GOODBYE_WAIT).await;
    };
    let relayed = tokio::select! {
        relayed = outputs.relay(listener) => relayed,
        () = container_ended => Relayed::Gone,
        () = remote.gone() => Relayed::Gone,
    };
    let exit = match relayed {
        Relayed::ToTheEnd => command.instance.wait().await,
        Relayed::Gone => command.instance.stop(Duration::ZERO).await,
    };
    remote.end(&Ended::Code(exit.code)).await;
}

/// A command under way, killed when this is dropped.
struct Command {
    instance: Instance,
    listener: Listener,
    /// The container's own program.
    beside: Instance,
}

impl Command {
    async fn start(service: &Service, container_id: &str, args: Vec<String>, stdio: Stdio) -> Result<Self, Error> {
        let beside = service.running(container_id)?;
        let started = service.runtime.exec(&beside, service.new_id(), args, stdio).await;
        let (instance, listener) = started.map_err(Error::Start)?;
        Ok(Self { instance, listener, beside })
    }

    /// Everything it prints, and how it ended.
    async fn output(mut self) -> ExecSyncResponse {
        let mut response = ExecSyncResponse::default();
        let beside = self.beside.clone();
        let heard = async {
            while let Some((stream, bytes)) = self.listener.next().await {
                let output = match stream {
                    LogStream::Stdout => &mut response.stdout,
                    LogStream::Stderr => &mut response.stderr,
                };
                let room = OUTPUT_BYTES_MAX - output.len();
                output.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        };
        let exit: Exit = tokio::select! {
            () = heard => self.instance.wait().await,
            _ = beside.wait() => self.instance.stop(Duration::ZERO).await,
        };
        ExecSyncResponse { exit_code: exit.code, ..response }
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        self.instance.kill();
    }
}
