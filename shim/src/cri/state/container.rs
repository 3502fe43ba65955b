//! One container: what was asked, what happened when, and what that means.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;

use bytes::Bytes;
use runtime::{ExitReason, Instance, Spec, Stdio};
use tokio::sync::mpsc;

use crate::cri::message::{
    ContainerMetadata, ContainerResources, ContainerState, ContainerStatus, ContainerUser, ImageSpec,
    LinuxContainerResources, LinuxContainerUser, Mount,
};
use crate::cri::record::ContainerRecord;

/// What a program ended with that was running when the service ended: programs die with it.
const LOST_CODE: i32 = 137;
const LOST_REASON: &str = "RuntimeRestarted";
const LOST_MESSAGE: &str = "the runtime was restarted, and its programs with it";

/// One container.
#[derive(Debug)]
pub(in crate::cri) struct Container {
    pub(in crate::cri) id: String,
    pub(in crate::cri) sandbox_id: String,
    pub(in crate::cri) metadata: ContainerMetadata,
    pub(in crate::cri) image: ImageSpec,
    pub(in crate::cri) image_id: String,
    pub(in crate::cri) labels: HashMap<String, String>,
    pub(in crate::cri) annotations: HashMap<String, String>,
    pub(in crate::cri) mounts: Vec<Mount>,
    /// Empty if nobody wants its output.
    pub(in crate::cri) log_path: PathBuf,
    pub(in crate::cri) resources: LinuxContainerResources,
    pub(in crate::cri) user: LinuxContainerUser,
    pub(in crate::cri) stop_signal: i32,
    pub(in crate::cri) created_at: i64,
    pub(in crate::cri) started_at: i64,
    pub(in crate::cri) finished_at: i64,
    pub(in crate::cri) exit_code: i32,
    pub(in crate::cri) reason: Cow<'static, str>,
    pub(in crate::cri) message: String,
    pub(in crate::cri) program: Program,
    /// Its program's input, while anybody may still send to it.
    pub(in crate::cri) input: Option<Input>,
}

/// What a program reads, as its config asks.
#[derive(Clone, Debug)]
pub(in crate::cri) struct Input {
    pub(in crate::cri) sender: mpsc::Sender<Bytes>,
    /// It ends when the first client leaves.
    pub(in crate::cri) once: bool,
}

/// What there is of a container's program.
#[derive(Debug)]
pub(in crate::cri) enum Program {
    /// What to start, with which streams.
    Ready(Box<(Spec, Stdio)>),
    /// `StartContainer` is at it.
    Starting,
    /// It started; it may have ended since.
    Started(Instance),
    /// It never started, or ended before this process began.
    Gone,
}

// === impl Container ===

impl Container {
    pub(super) fn restored(record: ContainerRecord, now: i64) -> Self {
        let mut container = Self {
            id: record.id,
            sandbox_id: record.sandbox_id,
            metadata: record.metadata.unwrap_or_default(),
            image: record.image.unwrap_or_default(),
            image_id: record.image_id,
            labels: record.labels,
            annotations: record.annotations,
            mounts: record.mounts,
            log_path: record.log_path.into(),
            resources: record.resources.unwrap_or_default(),
            user: record.user.unwrap_or_default(),
            stop_signal: record.stop_signal,
            created_at: record.created_at,
            started_at: record.started_at,
            finished_at: record.finished_at,
            exit_code: record.exit_code,
            reason: Cow::Owned(record.reason),
            message: record.message,
            program: Program::Gone,
            input: None,
        };
        if container.finished_at == 0 {
            container.finished_at = now;
            container.exit_code = LOST_CODE;
            container.reason = Cow::Borrowed(LOST_REASON);
            container.message = LOST_MESSAGE.to_owned();
        }
        container
    }

    pub(in crate::cri) fn record(&self) -> ContainerRecord {
        ContainerRecord {
            id: self.id.clone(),
            sandbox_id: self.sandbox_id.clone(),
            metadata: Some(self.metadata.clone()),
            image: Some(self.image.clone()),
            image_id: self.image_id.clone(),
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            mounts: self.mounts.clone(),
            log_path: self.log_path.display().to_string(),
            resources: Some(self.resources.clone()),
            user: Some(self.user.clone()),
            stop_signal: self.stop_signal,
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            exit_code: self.exit_code,
            reason: self.reason.clone().into_owned(),
            message: self.message.clone(),
        }
    }

    /// Its record as it will be once `ending` has come.
    pub(in crate::cri) fn ended_record(&self, ending: Ending<'_>) -> ContainerRecord {
        ContainerRecord {
            finished_at: ending.at,
            exit_code: ending.exit.code,
            reason: ending.reason.to_owned(),
            message: ending.exit.message.clone(),
            ..self.record()
        }
    }

    pub(in crate::cri) fn state(&self) -> ContainerState {
        match (self.started_at, self.finished_at) {
            (_, finished) if finished != 0 => ContainerState::ContainerExited,
            (0, _) => ContainerState::ContainerCreated,
            (_, _) => ContainerState::ContainerRunning,
        }
    }

    pub(in crate::cri) fn is_running(&self) -> bool {
        self.state() == ContainerState::ContainerRunning
    }

    /// Notes how it ended.
    pub(in crate::cri) fn finish(&mut self, ending: Ending<'_>) {
        self.finished_at = ending.at;
        self.exit_code = ending.exit.code;
        self.reason = Cow::Borrowed(ending.reason);
        self.message.clone_from(&ending.exit.message);
    }

    pub(in crate::cri) fn status(&self) -> ContainerStatus {
        ContainerStatus {
            id: self.id.clone(),
            metadata: Some(self.metadata.clone()),
            state: self.state().into(),
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            exit_code: self.exit_code,
            image: Some(self.image.clone()),
            image_ref: self.image_id.clone(),
            reason: self.reason.clone().into_owned(),
            message: self.message.clone(),
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            mounts: self.mounts.clone(),
            log_path: self.log_path.display().to_string(),
            resources: Some(ContainerResources { linux: Some(self.resources.clone()), windows: None }),
            image_id: self.image_id.clone(),
            user: Some(ContainerUser { linux: Some(self.user.clone()) }),
            stop_signal: self.stop_signal,
        }
    }
}

/// How and when a program ended.
#[derive(Clone, Copy)]
pub(in crate::cri) struct Ending<'a> {
    pub(in crate::cri) exit: &'a runtime::Exit,
    pub(in crate::cri) reason: &'static str,
    pub(in crate::cri) at: i64,
}

// === impl Ending ===

impl<'a> Ending<'a> {
    /// With CRI's word for it.
    pub(in crate::cri) fn of(exit: &'a runtime::Exit, at: i64) -> Self {
        let reason = match (exit.reason, exit.code) {
            (ExitReason::OutOfMemory, _) => "OOMKilled",
            (ExitReason::Completed | ExitReason::Stopped, 0) => "Completed",
            (ExitReason::Completed | ExitReason::Stopped | ExitReason::Error, _) => "Error",
        };
        Self { exit, reason, at }
    }
}
