//! The ConfigMaps and Secrets that a container or volume names: fetched when needed, kept no longer than that.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, Container, Secret, Volume};
use kube::{Api, Client};

/// What a pod names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// ConfigMaps.
    pub(crate) config_maps: BTreeSet<String>,
    /// Secrets.
    pub(crate) secrets: BTreeSet<String>,
}

/// What is there of it; a name that is not among the keys does not exist.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// ConfigMaps by name.
    pub(crate) config_maps: BTreeMap<String, ConfigMap>,
    /// Secrets by name.
    pub(crate) secrets: BTreeMap<String, Secret>,
}

// === impl Names ===

impl Names {
    /// What a container's environment names.
    pub(crate) fn of_env(container: &Container) -> Self {
        let mut names = Self::default();
        for from in container.env_from.iter().flatten() {
            names.config_maps.extend(from.config_map_ref.as_ref().map(|it| it.name.clone()));
            names.secrets.extend(from.secret_ref.as_ref().map(|it| it.name.clone()));
        }
        for from in container.env.iter().flatten().filter_map(|it| it.value_from.as_ref()) {
            names.config_maps.extend(from.config_map_key_ref.as_ref().map(|it| it.name.clone()));
            names.secrets.extend(from.secret_key_ref.as_ref().map(|it| it.name.clone()));
        }
        names
    }

    /// What volumes name.
    pub(crate) fn of_volumes(volumes: &[Volume]) -> Self {
        let mut names = Self::default();
        for volume in volumes {
            names.config_maps.extend(volume.config_map.as_ref().map(|it| it.name.clone()));
            names.secrets.extend(volume.secret.as_ref().and_then(|it| it.secret_name.clone()));
            let projected = volume.projected.as_ref().and_then(|it| it.sources.as_ref());
            for source in projected.into_iter().flatten() {
                names.config_maps.extend(source.config_map.as_ref().map(|it| it.name.clone()));
                names.secrets.extend(source.secret.as_ref().map(|it| it.name.clone()));
            }
        }
        names
    }

    /// Fetches them.
    ///
    /// # Errors
    /// The API server does not answer, or not to this node. What does not exist is not an error.
    pub(crate) async fn fetch(&self, client: &Client, namespace: &str) -> Result<Sources, kube::Error> {
        let mut sources = Sources::default();
        let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        for name in self.config_maps.iter().filter(|it| !it.is_empty()) {
            if let Some(found) = config_maps.get_opt(name).await? {
                sources.config_maps.insert(name.clone(), found);
            }
        }
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        for name in self.secrets.iter().filter(|it| !it.is_empty()) {
            if let Some(found) = secrets.get_opt(name).await? {
                sources.secrets.insert(name.clone(), found);
            }
        }
        Ok(sources)
    }
}

/// The bytes of a ConfigMap's key.
pub(crate) fn config_map_value(map: &ConfigMap, key: &str) -> Option<Vec<u8>> {
    let text = map.data.as_ref().and_then(|it| it.get(key)).map(|it| it.clone().into_bytes());
    text.or_else(|| map.binary_data.as_ref().and_then(|it| it.get(key)).map(|it| it.0.clone()))
}

/// The bytes of a Secret's key.
pub(crate) fn secret_value(secret: &Secret, key: &str) -> Option<Vec<u8>> {
    secret.data.as_ref().and_then(|it| it.get(key)).map(|it| it.0.clone())
}
