//! The revisions of a DaemonSet: one for each template that it has had, for `kubectl rollout undo` and to tell pods apart.

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{
    api::{self, Api, Deletion, Error, Patch, Target},
    kinds, owner, template_hash, workload,
};

use super::{
    object::{DaemonSet, Revision},
    plan::HASH_LABEL,
};

/// How many old revisions stay, if the set does not say.
const HISTORY_MAX: usize = 10;

/// The revision of the set's template, which is made or made the latest if need be, and the others.
pub(super) struct History {
    /// The hash of the template, which its pods carry as a label.
    pub(super) hash: String,
    old: Vec<Revision>,
}

/// Reads the set's revisions, and makes that of its template the latest. `annotations` are the set's.
pub(super) async fn keep(api: &Api, set: &DaemonSet, annotations: &Value) -> Result<History, Error> {
    let mut owned = Vec::new();
    for object in api.list::<Value>(&kinds::CONTROLLER_REVISIONS, &set.metadata.namespace, "").await? {
        let revision: Revision = workload::read(object)?;
        if revision.metadata.is_controlled_by(&set.metadata.uid) {
            owned.push(revision);
        }
    }
    owned.sort_by_key(|revision| revision.revision);
    let data = data(&set.spec.template);
    let next = owned.last().map_or(1, |latest| latest.revision + 1);
    let Some(place) = owned.iter().rposition(|revision| revision.data == data) else {
        let hash = create(api, set, annotations, &data, next).await?;
        return Ok(History { hash, old: owned });
    };
    let current = owned.remove(place);
    let hash = current.metadata.labels.get(HASH_LABEL).unwrap_or_default().to_owned();
    if current.revision + 1 < next {
        let patch = json!({"metadata": {"uid": current.metadata.uid}, "revision": next});
        api.patch::<IgnoredAny>(target(&current), "", Patch::Merge, &patch).await?;
    }
    Ok(History { hash, old: owned })
}

/// What a revision says of a template: a patch that brings the template back.
fn data(template: &Value) -> Value {
    let mut template = template.clone();
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

async fn create(api: &Api, set: &DaemonSet, annotations: &Value, data: &Value, number: i64) -> Result<String, Error> {
    let meta = &set.metadata;
    let hash = template_hash::hash(&set.spec.template, set.status.collision_count.unwrap_or(0));
    let mut labels = set.spec.template["metadata"]["labels"].clone();
    labels[HASH_LABEL] = json!(hash);
    let revision = json!({
        "apiVersion": kinds::CONTROLLER_REVISIONS.api_version(),
        "kind": "ControllerRevision",
        "metadata": {
            "name": format!("{}-{hash}", meta.name),
            "namespace": meta.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner::reference(&kinds::DAEMON_SETS, meta)],
        },
        "data": data,
        "revision": number,
    });
    let Err(error) = api.create::<IgnoredAny>(&kinds::CONTROLLER_REVISIONS, &meta.namespace, &revision).await else {
        return Ok(hash);
    };
    // One of that name with another template (one with ours would have been found): the next hash will differ.
    if error.has_reason("AlreadyExists") {
        let collisions = set.status.collision_count.unwrap_or(0) + 1;
        let target = Target { resource: &kinds::DAEMON_SETS, namespace: &meta.namespace, name: &meta.name };
        let patch = json!({"status": {"collisionCount": collisions}});
        api.patch::<IgnoredAny>(target, "status", Patch::Merge, &patch).await?;
    }
    Err(error)
}

/// Deletes the oldest revisions that are too many, except those that `is_used` says a pod has.
pub(super) async fn clean_up(
    api: &Api,
    set: &DaemonSet,
    history: &History,
    is_used: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let hash = |revision: &Revision| revision.metadata.labels.get(HASH_LABEL).unwrap_or_default().to_owned();
    let unused: Vec<_> = history.old.iter().filter(|revision| !is_used(&hash(revision))).collect();
    let excess = unused.len().saturating_sub(set.spec.revision_history_limit.unwrap_or(HISTORY_MAX));
    for revision in &unused[..excess] {
        let deletion = Deletion::of_uid(&revision.metadata.uid);
        api::absent_as_none(api.delete::<IgnoredAny>(target(revision), &deletion).await)?;
    }
    Ok(())
}

fn target(revision: &Revision) -> Target<'_> {
    let meta = &revision.metadata;
    Target { resource: &kinds::CONTROLLER_REVISIONS, namespace: &meta.namespace, name: &meta.name }
}
