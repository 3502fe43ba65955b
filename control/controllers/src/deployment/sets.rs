//! The ReplicaSets of a Deployment: which one is new, what revision each has, and the annotations that say so.

use std::{cmp::Reverse, collections::BTreeMap};

use serde_json::{Value, json};

use crate::{
    api::Error,
    kinds,
    meta::Meta,
    owner,
    replicaset::object::{self, ReplicaSet},
    template_hash, workload,
};

use super::object::Deployment;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
/// The label that tells the pods of two templates apart.
pub(super) const HASH_LABEL: &str = "pod-template-hash";

/// What a ReplicaSet does not inherit from its Deployment.
const NOT_INHERITED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
];
/// The annotation that remembers old revisions is at most so long.
const REVISION_HISTORY_CHARS_MAX: usize = 2000;

pub(super) type Annotations = BTreeMap<String, String>;

/// A ReplicaSet as a rollout sees and changes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub(super) meta: Meta,
    pub(super) annotations: Annotations,
    pub(super) replicas: i64,
    pub(super) min_ready_seconds: i64,
    pub(super) template: Value,
    pub(super) status: object::Status,
}

// === impl Set ===

impl Set {
    /// Reads a ReplicaSet as the API answers it.
    pub(super) fn read(object: Value) -> Result<Self, Error> {
        let annotations = annotations(&object);
        let set: ReplicaSet = workload::read(object)?;
        let (spec, status) = (set.spec, set.status);
        Ok(Self {
            meta: set.metadata,
            annotations,
            replicas: spec.replicas,
            min_ready_seconds: spec.min_ready_seconds,
            template: spec.template,
            status,
        })
    }

    /// The revision that it stands for; 0 if it does not say.
    pub(super) fn revision(&self) -> i64 {
        self.annotations.get(REVISION).and_then(|revision| revision.parse().ok()).unwrap_or(0)
    }

    /// How many of its pods are available.
    pub(super) fn available(&self) -> i64 {
        self.status.available_replicas.unwrap_or(0)
    }

    /// Oldest first; the name decides between equals.
    pub(super) fn age_order(&self) -> (Option<crate::clock::Time>, std::sync::Arc<str>) {
        (self.meta.creation_timestamp, self.meta.name.clone())
    }

    /// Whether it has the template of the Deployment.
    pub(super) fn has_template(&self, template: &Value) -> bool {
        let mut own = self.template.clone();
        if let Some(labels) = own["metadata"]["labels"].as_object_mut() {
            labels.remove(HASH_LABEL);
        }
        own == *template
    }

    /// Notes what the Deployment's scale is, and answers whether that was news.
    pub(super) fn note_scale(&mut self, deployment: &Deployment) -> bool {
        let replicas = deployment.replicas();
        let max = replicas + deployment.max_surge();
        let desired = self.annotations.insert(DESIRED_REPLICAS.into(), replicas.to_string());
        let most = self.annotations.insert(MAX_REPLICAS.into(), max.to_string());
        desired != Some(replicas.to_string()) || most != Some(max.to_string())
    }

    /// Gives it the Deployment's annotations and a revision, and answers whether that was news.
    pub(super) fn note_revision(&mut self, inherited: &Annotations, revision: i64) -> bool {
        let before = self.annotations.clone();
        let inherited = inherited.iter().filter(|(key, _)| !NOT_INHERITED.contains(&key.as_str()));
        self.annotations.extend(inherited.map(|(key, value)| (key.clone(), value.clone())));
        if self.revision() < revision
            && let Some(old) = self.annotations.insert(REVISION.into(), revision.to_string())
        {
            self.remember(&old);
        }
        self.annotations != before
    }

    fn remember(&mut self, revision: &str) {
        let history = self.annotations.entry(REVISION_HISTORY.into()).or_default();
        if history.is_empty() {
            revision.clone_into(history);
            return;
        }
        let mut all: Vec<&str> = history.split(',').chain([revision]).collect();
        while all.iter().map(|one| one.len() + 1).sum::<usize>() > REVISION_HISTORY_CHARS_MAX + 1 {
            all.remove(0);
        }
        *history = all.join(",");
    }
}

/// The whole annotations of an object.
pub(super) fn annotations(object: &Value) -> Annotations {
    serde_json::from_value(object["metadata"]["annotations"].clone()).unwrap_or_default()
}

/// Where the set with the Deployment's template is. If there are several, the oldest counts.
pub(super) fn find_new(sets: &[Set], template: &Value) -> Option<usize> {
    let matching = sets.iter().enumerate().filter(|(_, set)| set.has_template(template));
    matching.min_by_key(|(_, set)| set.age_order()).map(|(at, _)| at)
}

/// The set that the whole scale goes to: the only one with pods or, if none has any, the new one or the newest.
pub(super) fn active_or_latest(sets: &[Set], new: Option<usize>) -> Option<usize> {
    let mut active = (0..sets.len()).filter(|at| sets[*at].replicas > 0);
    match (active.next(), active.next()) {
        (Some(_), Some(_)) => None,
        (Some(only), None) => Some(only),
        (None, _) => new.or_else(|| (0..sets.len()).max_by_key(|at| (sets[*at].age_order(), Reverse(*at)))),
    }
}

/// A new ReplicaSet for the Deployment's template.
pub(super) fn new_set(deployment: &Deployment, inherited: &Annotations, revision: i64) -> (Set, Value) {
    let spec = &deployment.spec;
    let hash = template_hash::hash(&spec.template, deployment.status.collision_count.unwrap_or(0));
    let mut template = spec.template.clone();
    template["metadata"]["labels"][HASH_LABEL] = hash.clone().into();
    let mut selector = json!(spec.selector);
    selector["matchLabels"][HASH_LABEL] = hash.clone().into();
    let name = format!("{}-{hash}", deployment.metadata.name);
    let meta = Meta { name: name.as_str().into(), namespace: deployment.metadata.namespace.clone(), ..Meta::default() };
    let mut set = Set { meta, template: template.clone(), ..Set::default() };
    set.note_revision(inherited, revision);
    set.note_scale(deployment);
    set.min_ready_seconds = spec.min_ready_seconds;
    let object = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": deployment.metadata.namespace,
            "labels": template["metadata"]["labels"],
            "annotations": set.annotations,
            "ownerReferences": [owner::reference(&kinds::DEPLOYMENTS, &deployment.metadata)],
        },
        "spec": {
            "minReadySeconds": spec.min_ready_seconds,
            "selector": selector,
            "template": template,
        },
    });
    (set, object)
}
