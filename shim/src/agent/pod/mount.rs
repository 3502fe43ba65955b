//! Gets a pod's volumes: files in memory for what the API server has, a directory for `emptyDir`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Container, Pod, ServiceAccount, Volume, VolumeMount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::PostParams;

use super::source::{Names, Sources};
use super::volume::{self, Inputs};
use super::worker::Worker;
use crate::agent::recorder::Kind;
use crate::cri::message::Mount;

/// As the API server has it where the pod says nothing.
const TOKEN_SECONDS_DEFAULT: i64 = 3600;

// === impl Worker ===

impl Worker {
    /// Gets the pod's volumes, or tells which is not to be had.
    pub(super) async fn mount(&mut self, pod: &Pod) {
        let volumes = pod.spec.as_ref().and_then(|it| it.volumes.clone()).unwrap_or_default();
        let sources = Names::of_volumes(&volumes).fetch(&self.agent.client, &self.entry.namespace).await;
        let sources = match sources {
            Ok(sources) => sources,
            Err(err) => {
                tracing::warn!(pod = %self.entry.name, %err, "could not get a pod's volumes");
                return self.note_mounted(false);
            }
        };
        for volume in &volumes {
            if let Err(message) = self.mount_one(pod, volume, &sources).await {
                let message = format!("MountVolume.SetUp failed for volume \"{}\" : {message}", volume.name);
                self.agent.recorder.pod(pod, None, Kind::Warning, "FailedMount", &message);
                return self.note_mounted(false);
            }
        }
        self.note_mounted(true);
    }

    async fn mount_one(&self, pod: &Pod, volume: &Volume, sources: &Sources) -> Result<(), String> {
        if volume.empty_dir.is_some() {
            let dir = self.empty_dir(&volume.name);
            return tokio::fs::create_dir_all(&dir).await.map_err(|err| err.to_string());
        }
        let tokens = self.tokens(pod, volume).await?;
        let facts = self.agent.facts(self.life.ip());
        let files = volume::files(volume, &Inputs { pod, sources, facts: &facts, tokens: &tokens })?;
        if let Some(files) = files {
            self.agent.files.put(&self.set_name(&volume.name), Arc::new(files));
        }
        Ok(())
    }

    /// A token for each of the volume's sources that asks for one.
    async fn tokens(&self, pod: &Pod, volume: &Volume) -> Result<Vec<String>, String> {
        let sources = volume.projected.as_ref().and_then(|it| it.sources.as_ref());
        let asked = sources.into_iter().flatten().filter_map(|it| it.service_account_token.as_ref());
        let account = pod.spec.as_ref().and_then(|it| it.service_account_name.as_deref()).unwrap_or("default");
        let api: Api<ServiceAccount> = Api::namespaced(self.agent.client.clone(), &self.entry.namespace);
        let mut tokens = Vec::new();
        for source in asked {
            let request = TokenRequest {
                metadata: ObjectMeta::default(),
                spec: Some(TokenRequestSpec {
                    audiences: Some(source.audience.iter().filter(|it| !it.is_empty()).cloned().collect()),
                    attestations: None,
                    expiration_seconds: Some(source.expiration_seconds.unwrap_or(TOKEN_SECONDS_DEFAULT)),
                    bound_object_ref: Some(BoundObjectReference {
                        api_version: Some("v1".to_owned()),
                        kind: Some("Pod".to_owned()),
                        name: Some(self.entry.name.clone()),
                        uid: Some(self.entry.uid.clone()),
                    }),
                }),
                status: None,
            };
            let answer = api.create_token_request(account, &PostParams::default(), &request).await;
            let answer = answer.map_err(|err| format!("failed to fetch token: {err}"))?;
            tokens.push(answer.status.and_then(|it| it.token).unwrap_or_default());
        }
        Ok(tokens)
    }

    /// CRI's mounts of a container.
    pub(super) async fn container_mounts(&self, pod: &Pod, container: &Container) -> Result<Vec<Mount>, String> {
        let volumes: BTreeMap<&str, &Volume> =
            pod.spec.iter().flat_map(|it| it.volumes.iter().flatten()).map(|it| (it.name.as_str(), it)).collect();
        let mut mounts = Vec::new();
        for mount in container.volume_mounts.iter().flatten() {
            let Some(volume) = volumes.get(mount.name.as_str()) else {
                return Err(format!("volume \"{}\" not found", mount.name));
            };
            let host_path = self.host_path(volume, mount).await?;
            // Files in memory cannot be written: they are another's, as on a read-only mount.
            let readonly = mount.read_only == Some(true) || volume.empty_dir.is_none();
            mounts.push(Mount { container_path: mount.mount_path.clone(), host_path, readonly, ..Default::default() });
        }
        Ok(mounts)
    }

    async fn host_path(&self, volume: &Volume, mount: &VolumeMount) -> Result<String, String> {
        let sub_path = mount.sub_path.as_deref().unwrap_or_default().trim_matches('/');
        if volume.empty_dir.is_some() {
            let dir = below(&self.empty_dir(&volume.name), sub_path).await?;
            return Ok(dir.display().to_string());
        }
        let name = self.set_name(&volume.name);
        if sub_path.is_empty() {
            return Ok(format!("{}{name}", crate::cri::files::SCHEME));
        }
        let whole = self.agent.files.get(&format!("{}{name}", crate::cri::files::SCHEME));
        let part = volume::sub_path(&whole.unwrap_or_default(), sub_path);
        Ok(self.agent.files.put(&format!("{name}//{sub_path}"), Arc::new(part)))
    }

    fn set_name(&self, volume: &str) -> String {
        format!("{}/{volume}", self.entry.uid)
    }

    fn empty_dir(&self, volume: &str) -> PathBuf {
        self.agent.pod_dir(&self.entry.uid).join("volumes").join(volume)
    }
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
