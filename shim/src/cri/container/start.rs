//! StartContainer: starts a program once, and notes when it ends.

use std::mem;
use std::path::Path;

use runtime::{Exit, ExitReason, Instance, Spec, StartError, Stdio};

use crate::cri::error::Error;
use crate::cri::message::{ContainerEventType, StartContainerRequest, StartContainerResponse};
use crate::cri::record::{Durability, Kind};
use crate::cri::service::{Service, now};
use crate::cri::state::{Container, Ending, Program};

/// What a container that did not start ended with, as containerd has it.
const START_ERROR_CODE: i32 = 128;
const START_ERROR_REASON: &str = "StartError";

/// Starts a container that was made and not started yet. If nobody waits for it any more, it has failed to start.
pub(in crate::cri) async fn start(
    service: &Service,
    req: StartContainerRequest,
) -> Result<StartContainerResponse, Error> {
    let ((spec, stdio), log_path) = take_spec(service, &req.container_id)?;
    let mut attempt = Attempt { service, id: &req.container_id, failure: Some("the start was given up".to_owned()) };
    let started = match make_log(&log_path).await {
        Ok(()) => service.runtime.start_with(spec, stdio).await,
        Err(source) => Err(StartError::Failed { operation: "make the log".to_owned(), source: source.into() }),
    };
    match started {
        Ok(instance) => {
            attempt.failure = None;
            note_start(service, &req.container_id, instance);
            save(service, &req.container_id).await;
            Ok(StartContainerResponse {})
        }
        Err(err) => {
            let err = Error::Start(err);
            attempt.failure = Some(err.to_string());
            drop(attempt);
            save(service, &req.container_id).await;
            Err(err)
        }
    }
}

/// A start that may fail, or be given up half-way.
struct Attempt<'a> {
    service: &'a Service,
    id: &'a str,
    failure: Option<String>,
}

// === impl Attempt ===

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let Some(message) = self.failure.take() else { return };
        let exit = Exit { code: START_ERROR_CODE, reason: ExitReason::Error, message };
        let mut state = self.service.state.lock();
        let Some(container) = state.containers.get_mut(self.id) else { return };
        container.program = Program::Gone;
        container.finish(Ending { exit: &exit, reason: START_ERROR_REASON, at: now() });
    }
}

fn take_spec(service: &Service, id: &str) -> Result<((Spec, Stdio), std::path::PathBuf), Error> {
    let mut state = service.state.lock();
    let container = state.container_mut(id)?;
    match mem::replace(&mut container.program, Program::Starting) {
        Program::Ready(what) => Ok((*what, container.log_path.clone())),
        other @ (Program::Starting | Program::Started(_) | Program::Gone) => {
            container.program = other;
            Err(Error::State(format!("container `{id}` was started before")))
        }
    }
}

/// A client may open the log as soon as the call has returned.
pub(super) async fn make_log(path: &Path) -> std::io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        tokio::fs::create_dir_all(directory).await?;
    }
    tokio::fs::OpenOptions::new().create(true).append(true).open(path).await.map(drop)
}

/// Notes that it runs, and waits for its end on the side.
fn note_start(service: &Service, id: &str, instance: Instance) {
    {
        let mut state = service.state.lock();
        // Removed meanwhile: removal found no instance to stop.
        let Some(container) = state.containers.get_mut(id) else {
            service.waiters.spawn(async move { instance.stop(std::time::Duration::ZERO).await });
            return;
        };
        container.started_at = now();
        container.program = Program::Started(instance.clone());
        service.tell(&state, id, ContainerEventType::ContainerStartedEvent);
    }
    let Some(service) = service.me.upgrade() else { return };
    let waiters = service.waiters.clone();
    waiters.spawn(async move {
        let exit = instance.wait().await;
        service.note_end(instance.id(), &exit).await;
    });
}

/// Writes the record of a container as it is now. Without it a restart finds one that was made and never started, which
/// has been lost all the same.
async fn save(service: &Service, id: &str) {
    let turn = service.records.turn().await;
    let record = || service.state.lock().containers.get(id).map(Container::record);
    if let Err(err) = turn.write(Kind::Container, id, Durability::Kill, record).await {
        tracing::error!(container = id, %err, "when it started is not on disk");
    }
}

impl Service {
    /// Notes that a container has ended; twice is once. Nobody hears of it before it is on disk.
    pub(in crate::cri) async fn note_end(&self, id: &str, exit: &Exit) {
        let turn = self.records.turn().await;
        let ending = Ending::of(exit, now());
        let running = |it: &&Container| it.finished_at == 0;
        if self.state.lock().containers.get(id).filter(running).is_none() {
            return;
        }
        let record = || self.state.lock().containers.get(id).map(|it| it.ended_record(ending));
        if let Err(err) = turn.write(Kind::Container, id, Durability::PowerCut, record).await {
            tracing::error!(container = id, %err, "how it ended is not on disk");
        }
        let mut state = self.state.lock();
        let Some(container) = state.containers.get_mut(id) else { return };
        container.finish(ending);
        container.input = None;
        self.tell(&state, id, ContainerEventType::ContainerStoppedEvent);
    }
}
