//! Decides what a namespace says of its deletion, and when it may go.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{api::Resource, clock::Time, meta::Meta};

/// The finalizer that holds a namespace until it is empty.
const FINALIZER: &str = "kubernetes";

/// What was seen after everything was told to go.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Group versions that did not say what they serve.
    pub(super) undiscovered: Vec<String>,
    /// What went wrong while deleting.
    pub(super) failures: Vec<String>,
    pub(super) remaining: Vec<Remaining>,
}

/// The objects of one resource that are still there.
#[derive(Debug)]
pub(super) struct Remaining {
    /// `<plural>.<group>`.
    resource: String,
    count: usize,
    finalizers: BTreeMap<Box<str>, usize>,
}

/// What to write: the status, and the finalizers that stay if it may go.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) status: Option<Value>,
    pub(super) finalizers: Option<Value>,
}

/// One condition: its type, what it says when all is well, and what it says otherwise.
struct Row {
    name: &'static str,
    well: (&'static str, &'static str),
    reason: &'static str,
    message: fn(&Observed) -> Option<String>,
}

const CONDITIONS: [Row; 5] = [
    Row {
        name: "NamespaceDeletionDiscoveryFailure",
        well: ("ResourcesDiscovered", "All resources successfully discovered"),
        reason: "DiscoveryFailed",
        message: undiscovered,
    },
    Row {
        name: "NamespaceDeletionGroupVersionParsingFailure",
        well: ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        reason: "GroupVersionParsingFailed",
        message: |_| None,
    },
    Row {
        name: "NamespaceDeletionContentFailure",
        well: ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        reason: "ContentDeletionFailed",
        message: failures,
    },
    Row {
        name: "NamespaceContentRemaining",
        well: ("ContentRemoved", "All content successfully removed"),
        reason: "SomeResourcesRemain",
        message: remaining,
    },
    Row {
        name: "NamespaceFinalizersRemaining",
        well: ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        reason: "SomeFinalizersRemain",
        message: finalizers,
    },
];

// === impl Remaining ===

impl Remaining {
    /// Counts objects and what holds them.
    pub(super) fn of(resource: &Resource, objects: &[Meta]) -> Self {
        let mut finalizers = BTreeMap::new();
        for finalizer in objects.iter().flat_map(|object| &object.finalizers) {
            *finalizers.entry(finalizer.clone()).or_default() += 1;
        }
        Self { resource: format!("{}.{}", resource.plural, resource.group), count: objects.len(), finalizers }
    }
}

/// Decides from the namespace as it is and what is left in it.
pub(super) fn plan(namespace: &Value, observed: &Observed, now: Time) -> Plan {
    let mut conditions = namespace["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let before = conditions.clone();
    for row in &CONDITIONS {
        set(&mut conditions, row, (row.message)(observed), now);
    }
    let mut status = namespace["status"].clone();
    let changed = conditions != before;
    status["conditions"] = conditions.into();
    let empty = observed.remaining.is_empty() && observed.failures.is_empty() && observed.undiscovered.is_empty();
    Plan { status: changed.then_some(status), finalizers: empty.then(|| without_ours(namespace)) }
}

fn without_ours(namespace: &Value) -> Value {
    let finalizers = namespace["spec"]["finalizers"].as_array();
    finalizers.into_iter().flatten().filter(|finalizer| *finalizer != FINALIZER).cloned().collect()
}

fn set(conditions: &mut Vec<Value>, row: &Row, trouble: Option<String>, now: Time) {
    let (status, reason, message) = match trouble {
        Some(message) => ("True", row.reason, message),
        None => ("False", row.well.0, row.well.1.to_owned()),
    };
    let condition = json!({
        "type": row.name, "status": status, "reason": reason, "message": message, "lastTransitionTime": now,
    });
    let at = conditions.iter().position(|condition| condition["type"] == row.name);
    match at.map(|at| &mut conditions[at]) {
        None => conditions.push(condition),
        Some(old) if old["status"] == status && old["reason"] == reason && old["message"] == message => {}
        Some(old) => *old = condition,
    }
}

fn undiscovered(observed: &Observed) -> Option<String> {
    let failed = &observed.undiscovered;
    let names = failed.join(", ");
    (!failed.is_empty()).then(|| format!("Discovery failed for some groups, {} failing: {names}", failed.len()))
}

fn failures(observed: &Observed) -> Option<String> {
    let failures = &observed.failures;
    let texts = failures.join(", ");
    (!failures.is_empty())
        .then(|| format!("Failed to delete all resource types, {} remaining: {texts}", failures.len()))
}

fn remaining(observed: &Observed) -> Option<String> {
    let each = observed.remaining.iter().map(|left| format!("{} has {} resource instances", left.resource, left.count));
    listed("Some resources are remaining", each)
}

fn finalizers(observed: &Observed) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (finalizer, count) in observed.remaining.iter().flat_map(|left| &left.finalizers) {
        *counts.entry(finalizer).or_default() += count;
    }
    let each = counts.into_iter().map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"));
    listed("Some content in the namespace has finalizers remaining", each)
}

fn listed(what: &str, each: impl Iterator<Item = String>) -> Option<String> {
    let mut texts: Vec<_> = each.collect();
    texts.sort_unstable();
    (!texts.is_empty()).then(|| format!("{what}: {}", texts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    #[test]
    fn what_is_left_is_named_with_what_holds_it() {
        let namespace = json!({"spec": {"finalizers": [FINALIZER]}, "status": {"phase": "Terminating"}});
        let held = Meta { finalizers: Box::from(["example.com/hold".into()]), ..Meta::default() };
        let remaining = vec![Remaining::of(&kinds::CONFIG_MAPS, &[held])];
        let plan = plan(&namespace, &Observed { remaining, ..Observed::default() }, Time(0));
        let conditions = &plan.status.expect("conditions changed")["conditions"];
        assert_eq!(conditions[3]["message"], "Some resources are remaining: configmaps. has 1 resource instances");
        let finalizers =
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances";
        assert_eq!(conditions[4]["message"], finalizers);
        assert_eq!(plan.finalizers, None);
    }

    #[test]
    fn an_empty_namespace_loses_our_finalizer_only() {
        let namespace = json!({"spec": {"finalizers": ["example.com/mine", FINALIZER]}, "status": {}});
        let plan = plan(&namespace, &Observed::default(), Time(0));
        assert_eq!(plan.finalizers, Some(json!(["example.com/mine"])));
    }
}
