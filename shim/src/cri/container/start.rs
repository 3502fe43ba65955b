//! StartContainer: starts a program once, and notes when it ends.

use std::mem;
use std::path::Path;

use runtime::{Exit, ExitReason, Instance, Spec, StartError};

use crate::cri::error::Error;
use crate::cri::message::{ContainerEventType, StartContainerRequest, StartContainerResponse};
use crate::cri::service::{Service, now};
use crate::cri::state::{Container, Program};

/// What a container that did not start ended with, as containerd has it.
const START_ERROR_CODE: i32 = 128;

/// Starts a container that was made and not started yet.
pub(in crate::cri) async fn start(
    service: &Service,
    req: StartContainerRequest,
) -> Result<StartContainerResponse, Error> {
    let spec = take_spec(service, &req.container_id)?;
    let started = match make_log(&spec.log_path).await {
        Ok(()) => service.runtime.start(*spec).await,
        Err(source) => Err(StartError::Failed { operation: "make the log".to_owned(), source: source.into() }),
    };
    match started {
        Ok(instance) => {
            note_start(service, &req.container_id, instance);
            Ok(StartContainerResponse {})
        }
        Err(err) => {
            let err = Error::Start(err);
            note_failure(service, &req.container_id, err.to_string());
            Err(err)
        }
    }
}

fn take_spec(service: &Service, id: &str) -> Result<Box<Spec>, Error> {
    let mut state = service.state.lock();
    let Some(container) = state.containers.get_mut(id) else {
        return Err(Error::NotFound { kind: "container", id: id.to_owned() });
    };
    match mem::replace(&mut container.program, Program::Starting) {
        Program::Ready(spec) => Ok(spec),
        other @ (Program::Starting | Program::Started(_) | Program::Failed) => {
            container.program = other;
            Err(Error::State(format!("container `{id}` was started before")))
        }
    }
}

/// A client may open the log as soon as the call has returned.
async fn make_log(path: &Path) -> std::io::Result<()> {
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
        service.note_end(instance.id(), &exit);
    });
}

fn note_failure(service: &Service, id: &str, message: String) {
    let exit = Exit { code: START_ERROR_CODE, reason: ExitReason::Error, message };
    let mut state = service.state.lock();
    let Some(container) = state.containers.get_mut(id) else { return };
    container.program = Program::Failed;
    container.finish(&exit, now());
    container.reason = "StartError";
}

impl Service {
    /// Notes that a container has ended; twice is once.
    pub(in crate::cri) fn note_end(&self, id: &str, exit: &Exit) {
        let mut state = self.state.lock();
        let Some(container) = state.containers.get_mut(id).filter(|it: &&mut Container| it.finished_at == 0) else {
            return;
        };
        container.finish(exit, now());
        self.tell(&state, id, ContainerEventType::ContainerStoppedEvent);
    }
}
