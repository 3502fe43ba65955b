//! A job's status: the word for it, how long it took, and what a change of it may not say.

use std::collections::BTreeSet;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::field::{Error, Errors, Kind, Path};
use crate::object::Fields;
use crate::registry::resource::Now;
use crate::resources::age;
use crate::resources::apps::workload;
use crate::resources::batch::job::{index, spec};

fn is(object: &Value, condition: &str) -> bool {
    let conditions = object.list_at("status.conditions").iter();
    conditions.filter(|c| c.str_at("type") == condition).any(|c| c.str_at("status") == "True")
}

/// What `kubectl get` says of a job.
pub(super) fn word(object: &Value) -> &'static str {
    let deleting = object.at("metadata.deletionTimestamp").is_some_and(|time| !time.is_null());
    let first = |words: &[&'static str]| words.iter().copied().find(|word| is(object, word));
    first(&["Complete", "Failed"])
        .or(deleting.then_some("Terminating"))
        .or_else(|| first(&["Suspended", "FailureTarget", "SuccessCriteriaMet"]))
        .unwrap_or("Running")
}

/// How long a job has run, or ran.
pub(super) fn duration(object: &Value, now: Now) -> String {
    let (start, end) = (object.str_at("status.startTime"), object.str_at("status.completionTime"));
    match OffsetDateTime::parse(end, &Rfc3339) {
        _ if start.is_empty() => String::new(),
        Ok(end) => age::since(start, Now(end)),
        Err(_) => age::since(start, now),
    }
}

/// What is wrong with a changed status.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = workload::validate_counts(new, &["active", "succeeded", "failed", "ready", "terminating"]);
    errors.extend(validate_uncounted(new));
    errors.extend(validate_conditions(new));
    errors.extend(validate_indexes(new));
    let count = |object: &Value, field: &str| object.i64_at(&format!("status.{field}")).unwrap_or_default();
    for field in ["failed", "succeeded"] {
        if count(new, field) < count(old, field) {
            let fault = format!("cannot decrease the {field} counter");
            errors.push(Error::invalid(&Path::new("status").child(field), count(new, field), &fault));
        }
    }
    errors
}

fn validate_uncounted(object: &Value) -> Errors {
    let path = Path::new("status.uncountedTerminatedPods");
    let mut seen = BTreeSet::new();
    let mut errors = Errors::new();
    for field in ["succeeded", "failed"] {
        let uids = object.list_at(&format!("status.uncountedTerminatedPods.{field}"));
        for (i, uid) in uids.iter().filter_map(Value::as_str).enumerate() {
            let path = path.child(field).index(i);
            match (uid, seen.insert(uid)) {
                ("", _) => errors.push(Error::invalid(&path, "", "must not be empty")),
                (_, false) => errors.push(Error::duplicate(&path, uid)),
                (_, true) => {}
            }
        }
    }
    errors
}

fn validate_conditions(object: &Value) -> Errors {
    let path = Path::new("status");
    let time = |field: &str| object.str_at(&format!("status.{field}"));
    let (complete, failed) = (is(object, "Complete"), is(object, "Failed"));
    // Upstream shows no value with these.
    let wrong = |fault: &str| Error::new(Kind::Invalid, &path.child("conditions"), format!("Invalid value: {fault}"));
    let mut errors = Errors::new();
    if complete && failed {
        errors.push(wrong("cannot set Complete=True and Failed=true conditions"));
    }
    if complete && is(object, "FailureTarget") {
        errors.push(wrong("cannot set Complete=True and FailureTarget=true conditions"));
    }
    let at = path.child("completionTime");
    match (time("completionTime"), complete) {
        ("", true) => errors.push(Error::required(&at, "completionTime is required for Complete jobs")),
        ("", false) | (_, true) => {}
        (end, false) => {
            let fault = "cannot set completionTime when there is no Complete=True condition";
            errors.push(Error::invalid(&at, end, fault));
        }
    }
    if failed && !is(object, "FailureTarget") {
        errors.push(wrong("cannot set Failed=True condition without the FailureTarget=true condition"));
    }
    if complete && !is(object, "SuccessCriteriaMet") {
        errors.push(wrong("cannot set Complete=True condition without the SuccessCriteriaMet=true condition"));
    }
    if (complete || failed) && time("startTime").is_empty() {
        errors.push(Error::required(&path.child("startTime"), "startTime is required for finished job"));
    }
    let active = object.i64_at("status.active").unwrap_or_default();
    if (complete || failed) && active > 0 {
        errors.push(Error::invalid(&path.child("active"), active, "active>0 is invalid for finished job"));
    }
    errors
}

fn validate_indexes(object: &Value) -> Errors {
    let path = Path::new("status.completedIndexes");
    let indexes = object.str_at("status.completedIndexes");
    if indexes.is_empty() {
        return Errors::new();
    }
    if !spec::is_indexed(object) {
        let fault = "cannot set non-empty completedIndexes when non-indexed completion mode";
        return vec![Error::invalid(&path, indexes, fault)];
    }
    let counted = index::count(indexes, object.i64_at("spec.completions").unwrap_or_default());
    let fault = counted.err().map(|fault| format!("error parsing completedIndexes: {fault}"));
    fault.map(|fault| Error::invalid(&path, indexes, &fault)).into_iter().collect()
}
