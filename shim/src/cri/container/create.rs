//! CreateContainer: turns a container's config into a program's spec, and says no to what a program cannot have.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use runtime::{ImageFiles, Spec, Stdio};
use tokio::sync::mpsc;

use super::spec::{self, Place};
use super::{contract, path, volume};
use crate::cri::error::Error;
use crate::cri::image;
use crate::cri::message::{
    ContainerConfig, ContainerEventType, CreateContainerRequest, CreateContainerResponse, ImageSpec,
    LinuxContainerSecurityContext, LinuxContainerUser, PodSandboxState, Signal,
};
use crate::cri::record::{Durability, Kind};
use crate::cri::service::{Service, now};
use crate::cri::state::{Container, Input, Program};

/// Pieces of input that wait for a program to read; the streams bound each.
const INPUT_CHUNKS_MAX: usize = 2;

/// Makes a container in a sandbox that is ready.
pub(in crate::cri) async fn create(
    service: &Service,
    req: CreateContainerRequest,
) -> Result<CreateContainerResponse, Error> {
    let mut config = req.config.ok_or_else(|| Error::Invalid("a container needs a config".to_owned()))?;
    contract::refuse(&config)?;
    let wanted = config.image.as_ref().map(|it| it.image.as_str()).unwrap_or_default();
    let found = image::resolve(service, wanted).await?;
    let image = found.ok_or_else(|| Error::NotFound { kind: "image", id: wanted.to_owned() })?;

    path::refuse(&config, &volume::files(service, &image.id).await?)?;
    let volumes = volume::resolve(service, &mut config.mounts).await?;

    let id = service.new_id();
    let (spec, log_path) = plan(service, &id, &req.pod_sandbox_id, (&image.id, volumes), &config)?;
    let container = container(id.clone(), req.pod_sandbox_id, image, spec, log_path, config);
    let turn = service.records.turn().await;
    // Removed meanwhile: without this its record would outlive it.
    service.state.lock().sandbox(&container.sandbox_id)?;
    turn.write(Kind::Container, &id, Durability::Kill, || Some(container.record())).await?;

    let mut state = service.state.lock();
    let Some(sandbox) = state.sandboxes.get_mut(&container.sandbox_id) else {
        return Err(Error::NotFound { kind: "sandbox", id: container.sandbox_id });
    };
    sandbox.containers.push(id.clone());
    state.containers.insert(id.clone(), container);
    service.tell(&state, &id, ContainerEventType::ContainerCreatedEvent);
    Ok(CreateContainerResponse { container_id: id })
}

fn plan(
    service: &Service,
    id: &str,
    sandbox_id: &str,
    (image_id, volumes): (&str, Vec<Option<ImageFiles>>),
    config: &ContainerConfig,
) -> Result<(Spec, PathBuf), Error> {
    let state = service.state.lock();
    let sandbox = state.sandbox(sandbox_id)?;
    if sandbox.state() != PodSandboxState::SandboxReady {
        return Err(Error::State(format!("sandbox `{sandbox_id}` is not ready")));
    }
    let group = Arc::clone(&sandbox.group);
    let place = Place { files: service.files(), volumes, sandbox: &sandbox.config, group };
    let log_path = spec::log_path(&sandbox.config, config)?.unwrap_or_default();
    Ok((spec::spec(id, image_id, place, config)?, log_path))
}

fn container(
    id: String,
    sandbox_id: String,
    image: runtime::Image,
    spec: Spec,
    log_path: PathBuf,
    config: ContainerConfig,
) -> Container {
    let linux = config.linux.unwrap_or_default();
    let (stdio, input) = streams(config.stdin, config.stdin_once, config.tty);
    Container {
        id,
        sandbox_id,
        metadata: config.metadata.unwrap_or_default(),
        image: named(config.image.unwrap_or_default(), &image),
        image_id: image.id,
        labels: config.labels,
        annotations: config.annotations,
        mounts: config.mounts,
        log_path,
        resources: linux.resources.unwrap_or_default(),
        user: user(linux.security_context.as_ref()),
        stop_signal: stop_signal(config.stop_signal),
        created_at: now(),
        started_at: 0,
        finished_at: 0,
        exit_code: 0,
        reason: Cow::Borrowed(""),
        message: String::new(),
        program: Program::Ready(Box::new((spec, stdio))),
        input,
    }
}

/// What its program reads and what it believes of it.
fn streams(stdin: bool, stdin_once: bool, tty: bool) -> (Stdio, Option<Input>) {
    if !stdin {
        return (Stdio { stdin: None, terminal: tty }, None);
    }
    let (sender, receiver) = mpsc::channel(INPUT_CHUNKS_MAX);
    (Stdio { stdin: Some(receiver), terminal: tty }, Some(Input { sender, once: stdin_once }))
}

/// A kubelet gives the id that a pull answered; people know the image by a name.
fn named(spec: ImageSpec, image: &runtime::Image) -> ImageSpec {
    if spec.image != image.id {
        return spec;
    }
    let said = Some(&spec.user_specified_image).filter(|it| !it.is_empty());
    match said.or(image.references.first()).cloned() {
        Some(name) => ImageSpec { image: name, ..spec },
        None => spec,
    }
}

/// As whom it runs: inside Wasm there is nobody, so it is who the config says or else who its image says.
fn user(security: Option<&LinuxContainerSecurityContext>) -> LinuxContainerUser {
    let number = |it: &Option<crate::cri::message::Int64Value>| it.map_or(image::UID_NOBODY, |it| it.value);
    match security {
        Some(it) => LinuxContainerUser {
            uid: number(&it.run_as_user),
            gid: number(&it.run_as_group),
            supplemental_groups: it.supplemental_groups.clone(),
        },
        None => LinuxContainerUser { uid: image::UID_NOBODY, gid: image::UID_NOBODY, supplemental_groups: Vec::new() },
    }
}

/// What asks it to end: the config's word, or the usual one.
fn stop_signal(asked: i32) -> i32 {
    if asked == i32::from(Signal::RuntimeDefault) { Signal::Sigterm.into() } else { asked }
}
