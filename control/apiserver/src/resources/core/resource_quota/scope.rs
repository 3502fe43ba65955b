//! Scopes of quotas: which there are, which resources they fit, and how a quota may name them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::{entries, is_given, quantity};

/// Scopes of pods by how they end and what they ask for, which exist or do not: they have no values.
const WITHOUT_VALUES: [&str; 5] =
    ["BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"];
/// Scopes that no object has both of.
const PAIRS: [[&str; 2]; 2] = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]];
/// What a quota can count of the computing that pods do.
const COMPUTE: [&str; 6] = ["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
const NOT_FIT: &str = "unsupported scope applied to resource";
const ONLY_EXISTS: &str = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
                           ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, \
                           ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

/// What is wrong with `scopes` and `scopeSelector`.
pub(super) fn validate(object: &Value) -> Errors {
    let spec = object.at("spec").unwrap_or(&Value::Null);
    let mut errors = validate_scopes(&Path::new("spec.scopes"), spec);
    errors.extend(validate_selector(&Path::new("spec.scopeSelector.matchExpressions"), spec));
    errors
}

fn validate_scopes(path: &Path, spec: &Value) -> Errors {
    let all = || spec.get("scopes").cloned().unwrap_or_default();
    let scopes: Vec<&str> = spec.list_at("scopes").iter().filter_map(Value::as_str).collect();
    let mut errors = Errors::new();
    for scope in &scopes {
        if !is_scope(scope) {
            errors.push(Error::invalid(path, all(), "unsupported scope"));
        }
        errors.extend(misfits(spec, scope).map(|()| Error::invalid(path, all(), NOT_FIT)));
    }
    errors.extend(conflicts(&scopes).map(|()| Error::invalid(path, all(), "conflicting scopes")));
    errors
}

fn validate_selector(path: &Path, spec: &Value) -> Errors {
    let selector = || spec.get("scopeSelector").cloned().unwrap_or_default();
    let requirements = spec.list_at("scopeSelector.matchExpressions");
    let mut errors = Errors::new();
    for requirement in requirements {
        let (scope, operator) = (requirement.str_at("scopeName"), requirement.str_at("operator"));
        if !is_scope(scope) {
            errors.push(Error::invalid(&path.child("scopeName"), scope, "unsupported scope"));
        }
        errors.extend(misfits(spec, scope).map(|()| Error::invalid(path, selector(), NOT_FIT)));
        if WITHOUT_VALUES.contains(&scope) && operator != "Exists" {
            errors.push(Error::invalid(&path.child("operator"), operator, ONLY_EXISTS));
        }
        errors.extend(validate_values(path, operator, requirement.get("values")));
    }
    let scopes: Vec<&str> = requirements.iter().map(|requirement| requirement.str_at("scopeName")).collect();
    errors.extend(conflicts(&scopes).map(|()| Error::invalid(path, scopes.clone(), "conflicting scopes")));
    errors
}

fn validate_values(path: &Path, operator: &str, values: Option<&Value>) -> Option<Error> {
    let at = path.child("values");
    match (operator, is_given(values)) {
        ("In" | "NotIn", false) => {
            let what = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
            Some(Error::required(&at, what))
        }
        ("Exists" | "DoesNotExist", true) => {
            let what = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            Some(Error::invalid(&at, values.cloned().unwrap_or_default(), what))
        }
        ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => None,
        _ => Some(Error::invalid(&path.child("operator"), operator, "not a valid selector operator")),
    }
}

fn is_scope(scope: &str) -> bool {
    WITHOUT_VALUES.contains(&scope) || matches!(scope, "PriorityClass" | "VolumeAttributesClass")
}

/// Once for each counted resource that a scope does not fit.
fn misfits<'a>(spec: &'a Value, scope: &'a str) -> impl Iterator<Item = ()> + use<'a> {
    entries(spec.get("hard"))
        .filter(|(name, _)| quantity::is_standard_for_quotas(name) && !fits(scope, name))
        .map(|_| ())
}

fn conflicts(scopes: &[&str]) -> impl Iterator<Item = ()> + use<> {
    let set: BTreeSet<&str> = scopes.iter().copied().collect();
    let count = PAIRS.iter().filter(|pair| pair.iter().all(|scope| set.contains(scope))).count();
    std::iter::repeat_n((), count)
}

/// Whether a scope can be asked of what a resource counts (`IsResourceQuotaScopeValidForResource`).
fn fits(scope: &str, resource: &str) -> bool {
    match scope {
        "BestEffort" => resource == "pods",
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => {
            resource == "pods" || COMPUTE.contains(&resource)
        }
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    }
}
