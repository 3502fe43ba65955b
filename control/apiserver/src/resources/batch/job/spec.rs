//! What is wrong with a job's spec (`validateJobSpec`).

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::apps::workload;
use crate::resources::batch::job::{failure_policy, success_policy};
use crate::resources::pod_template;
use crate::validation::{check, names, number, one_of, selector};

const INDEXES_MAX: i64 = 100_000;
const INDEXES_AT_ONCE_MAX: i64 = 10_000;
const MANAGED_BY_BYTES_MAX: usize = 63;

/// The spec with its selector, which must select the template.
pub(super) fn validate_with_selector(object: &Value) -> Errors {
    let path = Path::new("spec.selector");
    let mut errors = validate(object);
    let given = object.at("spec.selector").filter(|selector| !selector.is_null());
    let of_selector = match given {
        None => vec![Error::required(&path, "")],
        Some(_) => selector::validate(&path, given),
    };
    let is_valid = given.is_none() || of_selector.is_empty();
    errors.extend(of_selector);
    if is_valid {
        errors.extend(workload::validate_match(object));
    }
    errors
}

/// Whether the pods have indexes.
pub(super) fn is_indexed(object: &Value) -> bool {
    object.str_at("spec.completionMode") == "Indexed"
}

fn number(object: &Value, field: &str) -> Option<i64> {
    object.i64_at(&format!("spec.{field}"))
}

/// The spec alone, as a CronJob's template has it.
pub(in crate::resources::batch) fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    let mut errors: Errors =
        counts.iter().flat_map(|field| number::non_negative(&path.child(field), number(object, field))).collect();
    if let Some(manager) = object.at("spec.managedBy").and_then(Value::as_str) {
        errors.extend(validate_manager(&path.child("managedBy"), manager));
    }
    let mode = object.str_at("spec.completionMode");
    match mode {
        "Indexed" => errors.extend(validate_indexed(&path, object)),
        "" | "NonIndexed" => errors.extend(forbid_indexes(&path, object)),
        other => errors.push(Error::not_supported(&path.child("completionMode"), other, &["NonIndexed", "Indexed"])),
    }
    if number(object, "backoffLimitPerIndex").is_none() && number(object, "maxFailedIndexes").is_some() {
        errors.push(Error::required(&path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
    }
    errors.extend(failure_policy::validate(object));
    errors.extend(success_policy::validate(object));
    errors.extend(validate_replacement(&path.child("podReplacementPolicy"), object));
    errors.extend(validate_template(&path.child("template"), object));
    errors
}

fn validate_manager(path: &Path, manager: &str) -> Errors {
    let mut errors = match manager.split_once('/') {
        _ if manager.is_empty() => vec![Error::required(path, "")],
        Some((domain, rest)) if !domain.is_empty() && !rest.is_empty() => {
            names::dns_subdomain(domain).iter().map(|fault| Error::invalid(path, domain, fault)).collect()
        }
        _ => vec![Error::invalid(path, manager, "must be a domain-prefixed path (such as \"acme.io/foo\")")],
    };
    if manager.len() > MANAGED_BY_BYTES_MAX {
        errors.push(Error::too_long(path, MANAGED_BY_BYTES_MAX));
    }
    errors
}

fn validate_indexed(path: &Path, object: &Value) -> Errors {
    let at_most = |field: &str, max: i64, rest: &str| {
        number(object, field)
            .filter(|n| *n > max)
            .map(|n| Error::invalid(&path.child(field), n, &format!("must be less than or equal to {max}{rest}")))
    };
    let mut errors = Errors::new();
    let Some(completions) = number(object, "completions") else {
        errors.push(Error::required(&path.child("completions"), "when completion mode is Indexed"));
        errors.extend(at_most("parallelism", INDEXES_MAX, " when completion mode is Indexed"));
        return errors;
    };
    errors.extend(at_most("parallelism", INDEXES_MAX, " when completion mode is Indexed"));
    let failed = number(object, "maxFailedIndexes");
    if let Some(failed) = failed.filter(|failed| *failed > completions) {
        let fault = "must be less than or equal to completions";
        errors.push(Error::invalid(&path.child("maxFailedIndexes"), failed, fault));
    }
    errors.extend(at_most("maxFailedIndexes", INDEXES_MAX, ""));
    if completions > INDEXES_MAX && number(object, "backoffLimitPerIndex").is_some() {
        if failed.is_none() {
            let fault = format!("must be specified when completions is above {INDEXES_MAX}");
            errors.push(Error::required(&path.child("maxFailedIndexes"), &fault));
        }
        let rest = format!(" when completions are above {INDEXES_MAX} and used with backoff limit per index");
        errors.extend(at_most("parallelism", INDEXES_AT_ONCE_MAX, &rest));
        errors.extend(at_most("maxFailedIndexes", INDEXES_AT_ONCE_MAX, &rest));
    }
    errors
}

fn forbid_indexes(path: &Path, object: &Value) -> Errors {
    ["backoffLimitPerIndex", "maxFailedIndexes"]
        .into_iter()
        .filter_map(|field| Some((field, number(object, field)?)))
        .map(|(field, n)| Error::invalid(&path.child(field), n, "requires indexed completion mode"))
        .collect()
}

fn validate_replacement(path: &Path, object: &Value) -> Errors {
    let supported: &[&str] = match object.at("spec.podFailurePolicy").is_some_and(Value::is_object) {
        true => &["Failed"],
        false => &["Failed", "TerminatingOrFailed"],
    };
    match object.str_at("spec.podReplacementPolicy") {
        "" => Errors::new(),
        policy => one_of(path, policy, supported),
    }
}

fn validate_template(path: &Path, object: &Value) -> Errors {
    let template = object.at("spec.template").unwrap_or(&Value::Null);
    let mut errors = pod_template::validate(path, template);
    let at = path.child("spec.restartPolicy");
    let has_failure_policy = object.at("spec.podFailurePolicy").is_some_and(Value::is_object);
    match template.str_at("spec.restartPolicy") {
        "" | "Always" => errors.push(Error::required(&at, "valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if has_failure_policy => {
            let fault = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.push(Error::invalid(&at, "OnFailure", fault));
        }
        policy => errors.extend(one_of(&at, policy, &["OnFailure", "Never"])),
    }
    errors
}

/// The name that the pod with the highest index gets must be a host name.
pub(super) fn validate_name(object: &Value) -> Errors {
    let last = object.i64_at("spec.completions").filter(|n| is_indexed(object) && *n > 0).map(|n| n - 1);
    let Some(last) = last else { return Errors::new() };
    let hostname = format!("{}-{last}", object.str_at("metadata.name"));
    let path = Path::new("metadata.name");
    if check(&path, &hostname, names::dns_label).is_empty() {
        return Errors::new();
    }
    let fault = format!("will not able to create pod with invalid DNS label: {hostname}");
    vec![Error::invalid(&path, object.str_at("metadata.name"), &fault)]
}
