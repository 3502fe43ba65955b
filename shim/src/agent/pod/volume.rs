//! Volumes as files: what a ConfigMap, Secret, downward API or projected volume shows to a program.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use bytes::Bytes;
use k8s_openapi::api::core::v1::{
    ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, ProjectedVolumeSource, Secret, Volume,
};
use runtime::File;

use super::downward::{self, Facts};
use super::env::find_container;
use super::source::{self, Sources};
use super::token::Token;
use crate::cri::files::Files;

/// Permission bits where nothing else is said.
const MODE_DEFAULT: i32 = 0o644;
const MODE_MASK: u32 = 0o777;

/// What volumes are made of.
pub(crate) struct Inputs<'a> {
    /// The pod.
    pub(crate) pod: &'a Pod,
    /// ConfigMaps and Secrets.
    pub(crate) sources: &'a Sources,
    /// What the pod may know of the node.
    pub(crate) facts: &'a Facts,
    /// Tokens of the volume's `serviceAccountToken` sources, in order.
    pub(crate) tokens: &'a [Token],
}

/// The files of a volume; `None` if it is not one of files in memory.
///
/// # Errors
/// Something is not there, in the words of the `FailedMount` event.
pub(crate) fn files(volume: &Volume, inputs: &Inputs<'_>) -> Result<Option<Files>, String> {
    let mut files = Files::new();
    if let Some(it) = &volume.config_map {
        let map = inputs.sources.config_maps.get(&it.name);
        let from = Keys { items: it.items.as_deref(), mode: it.default_mode, optional: it.optional == Some(true) };
        from_config_map(&mut files, &it.name, map, &from)?;
    } else if let Some(it) = &volume.secret {
        let name = it.secret_name.as_deref().unwrap_or_default();
        let from = Keys { items: it.items.as_deref(), mode: it.default_mode, optional: it.optional == Some(true) };
        from_secret(&mut files, name, inputs.sources.secrets.get(name), &from)?;
    } else if let Some(it) = &volume.downward_api {
        from_downward_api(&mut files, it.items.as_deref().unwrap_or_default(), it.default_mode, inputs)?;
    } else if let Some(it) = &volume.projected {
        from_projected(&mut files, it, inputs)?;
    } else {
        return Ok(None);
    }
    Ok(Some(files))
}

/// The part of a volume that a mount with `subPath` shows; a file is under the empty path.
pub(crate) fn sub_path(files: &Files, path: &str) -> Files {
    if let Some(file) = files.get(path) {
        return Files::from([(String::new(), file.clone())]);
    }
    let below = |(name, file): (&String, &File)| {
        let rest = name.strip_prefix(path)?.strip_prefix('/')?;
        Some((rest.to_owned(), file.clone()))
    };
    files.iter().filter_map(below).collect()
}

/// A hash of the labels and annotations of a pod whose volumes show any; they are all of it that changes in its life.
pub(crate) fn shown_labels(pod: &Pod) -> Option<u64> {
    let volumes = pod.spec.as_ref()?.volumes.iter().flatten();
    let shows = |items: &Option<Vec<DownwardAPIVolumeFile>>| {
        let mut fields = items.iter().flatten().filter_map(|it| it.field_ref.as_ref());
        fields
            .any(|it| it.field_path.starts_with("metadata.labels") || it.field_path.starts_with("metadata.annotations"))
    };
    let mut volumes = volumes.filter(|volume| {
        let projected = volume.projected.iter().flat_map(|it| it.sources.iter().flatten());
        volume.downward_api.as_ref().is_some_and(|it| shows(&it.items))
            || projected.filter_map(|it| it.downward_api.as_ref()).any(|it| shows(&it.items))
    });
    volumes.next()?;
    let shown = (&pod.metadata.labels, &pod.metadata.annotations);
    Some(BuildHasherDefault::<DefaultHasher>::default().hash_one(shown))
}

/// Which keys become files, and with which permissions.
struct Keys<'a> {
    items: Option<&'a [KeyToPath]>,
    mode: Option<i32>,
    optional: bool,
}

fn from_config_map(files: &mut Files, name: &str, map: Option<&ConfigMap>, from: &Keys<'_>) -> Result<(), String> {
    let Some(map) = map else {
        return if from.optional { Ok(()) } else { Err(format!("configmap \"{name}\" not found")) };
    };
    let keys = map.data.iter().flat_map(|it| it.keys()).chain(map.binary_data.iter().flat_map(|it| it.keys()));
    put_keys(
        files,
        keys,
        from,
        |key| source::config_map_value(map, key),
        "configmap references non-existent config key",
    )
}

fn from_secret(files: &mut Files, name: &str, secret: Option<&Secret>, from: &Keys<'_>) -> Result<(), String> {
    let Some(secret) = secret else {
        return if from.optional { Ok(()) } else { Err(format!("secret \"{name}\" not found")) };
    };
    let keys = secret.data.iter().flat_map(|it| it.keys());
    put_keys(files, keys, from, |key| source::secret_value(secret, key), "references non-existent secret key")
}

fn put_keys<'a>(
    files: &mut Files,
    keys: impl Iterator<Item = &'a String>,
    from: &Keys<'_>,
    value: impl Fn(&str) -> Option<Vec<u8>>,
    missing: &str,
) -> Result<(), String> {
    let Some(items) = from.items.filter(|it| !it.is_empty()) else {
        for key in keys {
            put(files, key, value(key).unwrap_or_default(), from.mode)?;
        }
        return Ok(());
    };
    for item in items {
        match value(&item.key) {
            Some(data) => put(files, &item.path, data, item.mode.or(from.mode))?,
            None if from.optional => {}
            None => return Err(format!("{missing}: {}", item.key)),
        }
    }
    Ok(())
}

fn from_downward_api(
    files: &mut Files,
    items: &[DownwardAPIVolumeFile],
    mode: Option<i32>,
    inputs: &Inputs<'_>,
) -> Result<(), String> {
    for item in items {
        let value = match (&item.field_ref, &item.resource_field_ref) {
            (Some(it), _) => downward::field(inputs.pod, inputs.facts, &it.field_path)?,
            (None, Some(it)) => {
                let name = it.container_name.as_deref().unwrap_or_default();
                let container = find_container(inputs.pod, name).ok_or(format!("container {name} not found"))?;
                downward::resource(container, inputs.facts, it)?
            }
            (None, None) => continue,
        };
        put(files, &item.path, value.into_bytes(), item.mode.or(mode))?;
    }
    Ok(())
}

/// All that is missing is told at once, as upstream does.
fn from_projected(files: &mut Files, volume: &ProjectedVolumeSource, inputs: &Inputs<'_>) -> Result<(), String> {
    let mode = volume.default_mode;
    let mut tokens = inputs.tokens.iter();
    let mut errors = Vec::new();
    for source in volume.sources.iter().flatten() {
        let result = if let Some(it) = &source.config_map {
            let from = Keys { items: it.items.as_deref(), mode, optional: it.optional == Some(true) };
            from_config_map(files, &it.name, inputs.sources.config_maps.get(&it.name), &from)
        } else if let Some(it) = &source.secret {
            let from = Keys { items: it.items.as_deref(), mode, optional: it.optional == Some(true) };
            from_secret(files, &it.name, inputs.sources.secrets.get(&it.name), &from)
        } else if let Some(it) = &source.downward_api {
            from_downward_api(files, it.items.as_deref().unwrap_or_default(), mode, inputs)
        } else if let Some(it) = &source.service_account_token {
            match tokens.next() {
                Some(token) => put(files, &it.path, token.text.clone(), mode),
                None => Err("no token for the service account".to_owned()),
            }
        } else {
            Ok(())
        };
        errors.extend(result.err());
    }
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}

fn put(files: &mut Files, path: &str, data: impl Into<Bytes>, mode: Option<i32>) -> Result<(), String> {
    // The API server has validated this; it is looked at again because a file must not leave its mount.
    if path.is_empty() || path.starts_with('/') || path.split('/').any(|it| it == ".." || it == ".") {
        return Err(format!("invalid path: {path}"));
    }
    let mode = u32::try_from(mode.unwrap_or(MODE_DEFAULT)).unwrap_or_default() & MODE_MASK;
    files.insert(path.to_owned(), File { data: data.into(), mode });
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn show(volume: serde_json::Value) -> Result<Vec<String>, String> {
        let volume: Volume = serde_json::from_value(volume).unwrap();
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "p", "labels": {"b": "2", "a": "\"1\""}}})).unwrap();
        let mut sources = Sources::default();
        let map = json!({"data": {"a.txt": "one\n"}, "binaryData": {"bin": "AAEC"}});
        sources.config_maps.insert("conf".to_owned(), serde_json::from_value(map).unwrap());
        let token = Token { text: "token".into(), renew_at: None };
        let inputs = Inputs { pod: &pod, sources: &sources, facts: &Facts::default(), tokens: &[token] };
        let files = files(&volume, &inputs)?.unwrap();
        let mut rows: Vec<String> =
            files.iter().map(|(path, file)| format!("{path} {:o} {:?}", file.mode, file.data)).collect();
        rows.sort();
        Ok(rows)
    }

    #[test]
    fn keys_become_files() {
        let all = show(json!({"name": "v", "configMap": {"name": "conf"}})).unwrap();
        assert_eq!(all, ["a.txt 644 b\"one\\n\"", "bin 644 b\"\\0\\x01\\x02\""]);
        let some =
            json!({"name": "v", "configMap": {"name": "conf", "items": [{"key": "bin", "path": "d/x", "mode": 256}]}});
        assert_eq!(show(some).unwrap(), ["d/x 400 b\"\\0\\x01\\x02\""]);
    }

    #[test]
    fn a_projected_volume_gathers_its_sources() {
        let rows = show(json!({"name": "v", "projected": {"sources": [
            {"serviceAccountToken": {"path": "token"}},
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}}))
        .unwrap();
        assert_eq!(rows, ["labels 644 b\"a=\\\"\\\\\\\"1\\\\\\\"\\\"\\nb=\\\"2\\\"\"", "token 644 b\"token\""]);
    }

    /// `oracle/kubelet/volumes-missing.txt`.
    #[test]
    fn what_is_missing_is_named() {
        let rows = [
            (json!({"configMap": {"name": "absent"}}), "configmap \"absent\" not found"),
            (json!({"secret": {"secretName": "absent"}}), "secret \"absent\" not found"),
            (
                json!({"configMap": {"name": "conf", "items": [{"key": "b", "path": "b"}]}}),
                "configmap references non-existent config key: b",
            ),
            (
                json!({"projected": {"sources": [{"configMap": {"name": "absent"}}, {"secret": {"name": "absent"}}]}}),
                "[configmap \"absent\" not found, secret \"absent\" not found]",
            ),
            (json!({"configMap": {"name": "conf", "items": [{"key": "bin", "path": "../x"}]}}), "invalid path: ../x"),
        ];
        for (mut volume, message) in rows {
            volume["name"] = json!("v");
            assert_eq!(show(volume).unwrap_err(), message);
        }
    }

    #[test]
    fn labels_count_only_where_they_are_shown() {
        let shown = |path: &str, label: &str| {
            let volume = json!({"name": "v", "projected": {"sources": [{"downwardAPI": {"items": [
                {"path": "x", "fieldRef": {"fieldPath": path}}]}}]}});
            let pod = json!({"metadata": {"labels": {"a": label}}, "spec": {"containers": [], "volumes": [volume]}});
            shown_labels(&serde_json::from_value(pod).unwrap())
        };
        assert_eq!(shown("metadata.name", "1"), None);
        assert_eq!(shown("metadata.labels", "1"), shown("metadata.labels['a']", "1"));
        assert_ne!(shown("metadata.labels", "1"), shown("metadata.labels", "2"));
    }

    #[test]
    fn a_sub_path_is_a_file_or_a_directory() {
        let file = File { data: Bytes::from_static(b"x"), mode: 0o644 };
        let files = Files::from([("a".to_owned(), file.clone()), ("d/b".to_owned(), file)]);
        assert_eq!(sub_path(&files, "a").keys().collect::<Vec<_>>(), [""]);
        assert_eq!(sub_path(&files, "d").keys().collect::<Vec<_>>(), ["b"]);
        assert!(sub_path(&files, "none").is_empty());
    }
}
