//! Gets a pod's volumes and keeps them up to date: files in memory for what the API server has, a directory for `emptyDir`.
//!
//! # Flow
//! Volumes are filled before the sandbox is made. `versions` tells when a ConfigMap or Secret that they show is another,
//! the pod itself when its labels are; tokens are renewed on their own clock. Then they are filled again.
//!
//! # Guarantees
//! - A program sees the old files or the new ones, never some of each: a volume's set is replaced as a whole, which is what
//!   the kubelet's `..data` link is for.
//! - What cannot be had any more stays as it was, as the kubelet leaves it. A mount with `subPath` never changes.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use k8s_openapi::api::core::v1::{Volume, VolumeMount};
use k8s_openapi::jiff::Timestamp;

use super::context::{ContainerContext, PodContext};
use super::source::{Names, Sources};
use super::state::{Mounted, PodState, Volumes};
use super::token::{self, Token};
use super::volume::{self, Inputs};
use super::worker::RETRY;
use crate::agent::recorder::EventType;
use crate::cri::files::SCHEME;
use crate::cri::message::Mount;

/// Gets the pod's volumes, or tells which are not to be had.
pub(super) async fn mount(cx: PodContext<'_>) -> Volumes {
    let now = Timestamp::now();
    match fill(cx, Tokens::New).await {
        Ok(Filled { missing: false, tokens_until }) => {
            Volumes::Mounted(Mounted { stale_at: None, renew_at: tokens_until, labels: volume::shown_labels(cx.pod) })
        }
        Ok(Filled { missing: true, .. }) | Err(()) => Volumes::Wanted(now + RETRY),
    }
}

/// Brings the pod's volumes up to date. What fails is told and tried again, and they stay as they are.
pub(super) async fn refresh(cx: PodContext<'_>, before: Volumes) -> Volumes {
    let Volumes::Mounted(before) = before else { return before };
    let now = Timestamp::now();
    let tokens = if before.renew_at.is_some_and(|at| at <= now) { Tokens::New } else { Tokens::AsTheyAre };
    let labels = volume::shown_labels(cx.pod);
    Volumes::Mounted(match (fill(cx, tokens).await, tokens) {
        (Ok(filled), Tokens::New) => Mounted { stale_at: None, renew_at: filled.tokens_until, labels },
        (Ok(_), Tokens::AsTheyAre) => Mounted { stale_at: None, renew_at: before.renew_at, labels },
        (Err(()), Tokens::New) => Mounted { stale_at: None, renew_at: Some(now + RETRY), labels },
        (Err(()), Tokens::AsTheyAre) => Mounted { stale_at: Some(now + RETRY), renew_at: before.renew_at, labels },
    })
}

/// Notes what has changed of what the pod's volumes show.
pub(super) fn note_changes(cx: PodContext<'_>, state: &mut PodState) {
    let told = cx.entry.take_stale();
    let Volumes::Mounted(mounted) = &mut state.volumes else { return };
    if told || mounted.labels != volume::shown_labels(cx.pod) {
        mounted.stale_at = Some(Timestamp::now());
    }
}

/// What to do about tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tokens {
    New,
    AsTheyAre,
}

/// What came of filling volumes.
#[derive(Debug, Default)]
struct Filled {
    /// Something that a volume shows is not there, which was told.
    missing: bool,
    /// When the first of the new tokens must be renewed.
    tokens_until: Option<Timestamp>,
}

/// Fills each volume with what there is now.
///
/// # Errors
/// The API server did not give what is surely there; that was told.
async fn fill(cx: PodContext<'_>, tokens: Tokens) -> Result<Filled, ()> {
    let volumes = cx.pod.spec.as_ref().and_then(|it| it.volumes.as_deref()).unwrap_or_default();
    let names = Names::of_volumes(volumes);
    let sources = names.fetch(&cx.agent.client, &cx.entry.namespace).await.map_err(|err| {
        tracing::warn!(pod = %cx.entry.name, %err, "could not get a pod's volumes");
    })?;
    cx.agent.versions.track(cx.entry, &names, &sources);
    let mut filled = Filled::default();
    let mut failed = false;
    for volume in volumes {
        let tell = |message: &str| {
            let message = format!("MountVolume.SetUp failed for volume \"{}\" : {message}", volume.name);
            cx.tell(EventType::Warning, "FailedMount", &message);
        };
        let tokens = match get_tokens(cx, volume, tokens).await {
            Ok(tokens) => tokens,
            Err(message) => {
                tell(&message);
                failed = true;
                continue;
            }
        };
        filled.tokens_until = filled.tokens_until.into_iter().chain(tokens.iter().filter_map(|it| it.renew_at)).min();
        if let Err(message) = fill_one(cx, volume, &sources, &tokens).await {
            tell(&message);
            filled.missing = true;
        }
    }
    if failed { Err(()) } else { Ok(filled) }
}

async fn fill_one(cx: PodContext<'_>, volume: &Volume, sources: &Sources, tokens: &[Token]) -> Result<(), String> {
    if volume.empty_dir.is_some() {
        let dir = empty_dir(cx, &volume.name);
        return tokio::fs::create_dir_all(&dir).await.map_err(|err| err.to_string());
    }
    let facts = cx.agent.facts(None);
    if let Some(files) = volume::files(volume, &Inputs { pod: cx.pod, sources, facts: &facts, tokens })? {
        cx.agent.files.replace(&set_name(cx, &volume.name), files);
    }
    Ok(())
}

/// A token for each of the volume's sources that asks for one.
async fn get_tokens(cx: PodContext<'_>, volume: &Volume, tokens: Tokens) -> Result<Vec<Token>, String> {
    let sources = volume.projected.as_ref().and_then(|it| it.sources.as_ref());
    let asked = sources.into_iter().flatten().filter_map(|it| it.service_account_token.as_ref());
    let set =
        cx.agent.files.get(&format!("{SCHEME}{}", set_name(cx, &volume.name))).filter(|_| tokens == Tokens::AsTheyAre);
    let before = set.map(|it| it.files()).unwrap_or_default();
    let mut got = Vec::new();
    for source in asked {
        got.push(match before.get(&source.path) {
            Some(file) => Token { text: file.data.clone(), renew_at: None },
            None => token::request(cx, source).await?,
        });
    }
    Ok(got)
}

/// CRI's mounts of a container.
pub(super) async fn of_container(cx: ContainerContext<'_>) -> Result<Vec<Mount>, String> {
    let volumes: BTreeMap<&str, &Volume> =
        cx.pod.pod.spec.iter().flat_map(|it| it.volumes.iter().flatten()).map(|it| (it.name.as_str(), it)).collect();
    let mut mounts = Vec::new();
    for mount in cx.container.volume_mounts.iter().flatten() {
        let Some(volume) = volumes.get(mount.name.as_str()) else {
            return Err(format!("volume \"{}\" not found", mount.name));
        };
        let host_path = host_path(cx.pod, volume, mount).await?;
        // Files in memory cannot be written: they are another's, as on a read-only mount.
        let readonly = mount.read_only == Some(true) || volume.empty_dir.is_none();
        mounts.push(Mount { container_path: mount.mount_path.clone(), host_path, readonly, ..Default::default() });
    }
    Ok(mounts)
}

async fn host_path(cx: PodContext<'_>, volume: &Volume, mount: &VolumeMount) -> Result<String, String> {
    let sub_path = mount.sub_path.as_deref().unwrap_or_default().trim_matches('/');
    if volume.empty_dir.is_some() {
        let dir = below(&empty_dir(cx, &volume.name), sub_path).await?;
        return Ok(dir.display().to_string());
    }
    let name = set_name(cx, &volume.name);
    if sub_path.is_empty() {
        return Ok(format!("{SCHEME}{name}"));
    }
    let whole = cx.agent.files.get(&format!("{SCHEME}{name}")).map(|it| it.files()).unwrap_or_default();
    // A set of its own for each run: other containers keep what they began with.
    Ok(cx.agent.files.put(&format!("{name}//{sub_path}"), volume::sub_path(&whole, sub_path)))
}

fn set_name(cx: PodContext<'_>, volume: &str) -> String {
    format!("{}/{volume}", cx.entry.uid)
}

fn empty_dir(cx: PodContext<'_>, volume: &str) -> PathBuf {
    cx.agent.pod_dir(&cx.entry.uid).join("volumes").join(volume)
}

/// A directory below another, made if it is not there. A program may have put links in the way: they lead nowhere.
async fn below(dir: &Path, sub_path: &str) -> Result<PathBuf, String> {
    let relative = Path::new(sub_path);
    if relative.components().any(|it| !matches!(it, Component::Normal(_))) {
        return Err(format!("subPath \"{sub_path}\" must stay below its volume"));
    }
    let mut path = dir.to_owned();
    for part in relative.components() {
        path.push(part);
        match tokio::fs::symlink_metadata(&path).await {
            Ok(it) if it.is_symlink() => return Err(format!("subPath \"{sub_path}\" goes through a link")),
            Ok(_) => {}
            Err(_) => {
                tokio::fs::create_dir(&path).await.map_err(|err| format!("make subPath \"{sub_path}\": {err}"))?
            }
        }
    }
    Ok(path)
}
