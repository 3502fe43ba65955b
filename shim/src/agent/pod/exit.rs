//! How containers end: which of a pod's have, with their exit codes and termination messages.

use std::path::Path;

use k8s_openapi::api::core::v1::Container;
use k8s_openapi::jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::context::{ContainerContext, PodContext};
use super::phase::{Which, Wish};
use super::probe::Probes;
use super::record::{End, Record};
use super::restart::{self, Verdict};
use super::state::PodState;
use super::status::full_name;
use crate::agent::logs;
use crate::agent::recorder::EventType;
use crate::cri::Error;
use crate::cri::message::{ContainerState, ContainerStatus, ContainerStatusRequest};

/// The end of a termination message that counts.
const MESSAGE_BYTES_MAX: u64 = 4096;
/// The end of a log that stands in for a termination message.
const LOG_LINES_MAX: usize = 80;
const LOG_BYTES_MAX: usize = 2048;
/// What a container ended with that nobody saw ending.
const LOST_CODE: i32 = 137;

/// Notes which of the containers that ran have ended.
pub(super) async fn look(cx: PodContext<'_>, state: &mut PodState, probes: &mut Probes) {
    for (which, run_id) in state.running() {
        let Some(container) = cx.container(which) else { continue };
        let Some(end) = ended(container, run_id).await else { continue };
        if let Which::Main(index) = which {
            probes.end(index);
        }
        let record = state.record(which);
        record.end(end);
        tell_back_off(container, record);
    }
}

/// How a run ended, if it has.
async fn ended(cx: ContainerContext<'_>, run_id: String) -> Option<End> {
    let req = ContainerStatusRequest { container_id: run_id, verbose: false };
    match cx.pod.agent.cri.container_status(req).await.map(|it| it.status.unwrap_or_default()) {
        Ok(status) if status.state == i32::from(ContainerState::ContainerExited) => {
            Some(end(cx.container, &status).await)
        }
        Ok(_) => None,
        Err(Error::NotFound { .. }) => Some(End {
            code: LOST_CODE,
            reason: "ContainerStatusUnknown".to_owned(),
            message: "The container could not be located when the pod was terminated".to_owned(),
            finished_at: Timestamp::now(),
        }),
        Err(err) => {
            tracing::warn!(pod = %cx.pod.entry.name, %err, "could not look at a container");
            None
        }
    }
}

/// A container that will not restart at once is news.
fn tell_back_off(cx: ContainerContext<'_>, record: &Record) {
    let pod = cx.pod.pod;
    let policy = Wish::of(pod, false).policy;
    let policy = if matches!(cx.which, Which::Init(_)) { policy.of_init() } else { policy };
    if let Verdict::BackOff { .. } = restart::verdict(policy, record, Timestamp::now())
        && pod.metadata.deletion_timestamp.is_none()
    {
        let message = format!("Back-off restarting failed container {} in pod {}", record.name, full_name(pod));
        cx.tell(EventType::Warning, "BackOff", &message);
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
