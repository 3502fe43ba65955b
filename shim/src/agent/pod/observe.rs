//! Looks at a pod's containers through CRI and notes which have ended, with their termination messages.

use std::path::Path;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::life::{End, Record};
use super::phase::{Which, Wish};
use super::restart::{self, Verdict};
use super::status::full_name;
use super::worker::Worker;
use crate::agent::logs;
use crate::agent::recorder::Kind;
use crate::cri::Error;
use crate::cri::message::{ContainerState, ContainerStatus, ContainerStatusRequest};

/// The end of a termination message that counts.
const MESSAGE_BYTES_MAX: u64 = 4096;
/// The end of a log that stands in for a termination message.
const LOG_LINES_MAX: usize = 80;
const LOG_BYTES_MAX: usize = 2048;
/// What a container ended with that nobody saw ending.
const LOST_CODE: i32 = 137;

// === impl Worker ===

impl Worker {
    /// Notes which of the containers that ran have ended.
    pub(super) async fn observe(&mut self, pod: &Pod) {
        let spec = pod.spec.as_ref();
        let init = spec.and_then(|it| it.init_containers.as_deref()).unwrap_or_default();
        let main = spec.map(|it| it.containers.as_slice()).unwrap_or_default();
        for index in 0..self.life.init.len() {
            self.observe_one(pod, Which::Init(index), init.get(index)).await;
        }
        for index in 0..self.life.main.len() {
            self.observe_one(pod, Which::Main(index), main.get(index)).await;
        }
    }

    async fn observe_one(&mut self, pod: &Pod, which: Which, container: Option<&Container>) {
        let Some(container) = container.filter(|_| self.record(which).running()) else { return };
        let Some(run_id) = self.record(which).run.as_ref().map(|run| run.id.clone()) else { return };
        let status = self.agent.cri.container_status(ContainerStatusRequest { container_id: run_id, verbose: false });
        let end = match status.await.map(|it| it.status.unwrap_or_default()) {
            Ok(status) if status.state == i32::from(ContainerState::ContainerExited) => end(container, &status).await,
            Ok(_) => return,
            Err(Error::NotFound { .. }) => End {
                code: LOST_CODE,
                reason: "ContainerStatusUnknown".to_owned(),
                message: "The container could not be located when the pod was terminated".to_owned(),
                finished_at: Timestamp::now(),
            },
            Err(err) => {
                tracing::warn!(pod = %self.entry.name, %err, "could not look at a container");
                return;
            }
        };
        if let Which::Main(index) = which {
            self.probes.retain(|(it, _)| *it != index);
        }
        let record = self.record(which);
        if let Some(run) = &mut record.run {
            run.ended = Some(end);
        }
        (record.started, record.ready, record.unhealthy) = (false, false, None);
        self.tell_back_off(pod, which);
    }

    /// A container that will not restart at once is news.
    fn tell_back_off(&mut self, pod: &Pod, which: Which) {
        let policy = Wish::of(pod, false).policy;
        let policy = if matches!(which, Which::Init(_)) { policy.of_init() } else { policy };
        let record: &Record = self.record(which);
        if let Verdict::BackOff { .. } = restart::verdict(policy, record, Timestamp::now())
            && pod.metadata.deletion_timestamp.is_none()
        {
            let name = record.name.clone();
            let message = format!("Back-off restarting failed container {name} in pod {}", full_name(pod));
            self.tell(pod, which, Kind::Warning, "BackOff", &message);
        }
    }
}

/// How a container ended, and what it says of it.
async fn end(container: &Container, status: &ContainerStatus) -> End {
    let path = container.termination_message_path.as_deref().unwrap_or_default();
    let file = status.mounts.iter().find(|it| !path.is_empty() && it.container_path == path);
    let told = match file {
        Some(mount) => read_end(Path::new(&mount.host_path)).await,
        None => String::new(),
    };
    let failed = status.exit_code != 0 || status.reason == "OOMKilled";
    let falls_back = container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
    let message = if !told.is_empty() {
        told
    } else if failed && falls_back && status.started_at != 0 {
        logs::tail(Path::new(&status.log_path), LOG_LINES_MAX, LOG_BYTES_MAX).await
    } else {
        String::new()
    };
    End {
        code: status.exit_code,
        reason: status.reason.clone(),
        message: if message.is_empty() { status.message.clone() } else { message },
        finished_at: timestamp(status.finished_at),
    }
}

/// A time of CRI's.
pub(super) fn timestamp(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The end of a file, as text; nothing if it cannot be read.
async fn read_end(path: &Path) -> String {
    let read = async {
        let mut file = tokio::fs::File::open(path).await?;
        let length = file.metadata().await?.len();
        file.seek(std::io::SeekFrom::Start(length.saturating_sub(MESSAGE_BYTES_MAX))).await?;
        let mut bytes = Vec::new();
        file.take(MESSAGE_BYTES_MAX).read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes)
    };
    String::from_utf8_lossy(&read.await.unwrap_or_default()).into_owned()
}
