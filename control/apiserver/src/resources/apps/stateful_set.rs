//! StatefulSet: pods with names, an order and volumes of their own.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Now, Resource, Subresource};
use crate::registry::strategy::NameRule;
use crate::resources::apps::deployment::amount;
use crate::resources::apps::workload::{self, Words, Workload};
use crate::resources::{age, cell};
use crate::validation::{check, names, number, one_of};

const WORDS: Words = Words { kind: "statefulset", template_of: "StatefulSet", bad_selector: "" };

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["sts"],
        categories: &["all"],
        subresources: &[Subresource::SCALE, Subresource::STATUS],
        columns: const {
            &[Column::NAME, Column::text("Ready"), Column::AGE, Column::wide("Containers"), Column::wide("Images")]
        },
        cells,
        strategy: &STATEFUL_SET,
        generation: Generation::Spec,
        status_takes_labels: true,
        ..super::new("StatefulSet", "statefulsets", "apps/v1.StatefulSet")
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let count = |path: &str| object.i64_at(path).unwrap_or_default();
    let [containers, images] = cell::containers(object);
    let ready = format!("{}/{}", count("status.readyReplicas"), count("spec.replicas"));
    vec![cell::name(object), ready.into(), age::of(object, now), containers, images]
}

const STATEFUL_SET: Workload = Workload {
    default,
    validate,
    validate_change,
    validate_status,
    advice,
    name_rule: NameRule::DnsLabel,
    ..Workload::ORDINARY
};

fn default(object: &mut Value) {
    for (path, text) in [
        ("spec.podManagementPolicy", "OrderedReady"),
        ("spec.updateStrategy.type", "RollingUpdate"),
        ("spec.persistentVolumeClaimRetentionPolicy.whenDeleted", "Retain"),
        ("spec.persistentVolumeClaimRetentionPolicy.whenScaled", "Retain"),
    ] {
        if object.str_at(path).is_empty() {
            object.set(path, text);
        }
    }
    if object.str_at("spec.updateStrategy.type") == "RollingUpdate" {
        object.set_default("spec.updateStrategy.rollingUpdate", json!({}));
        object.set_default("spec.updateStrategy.rollingUpdate.partition", 0);
        object.set_default("spec.updateStrategy.rollingUpdate.maxUnavailable", 1);
    }
    object.set_default("spec.replicas", 1);
    object.set_default("spec.revisionHistoryLimit", 10);
    object.set_default("spec.template", json!({}));
    let claims = object.at_mut("spec.volumeClaimTemplates").and_then(Value::as_array_mut);
    claims.into_iter().flatten().for_each(default_claim);
}

fn advice(object: &Value) -> Vec<String> {
    let is_negative = object.i64_at("spec.revisionHistoryLimit").is_some_and(|limit| limit < 0);
    let advice = "a negative value retains all historical revisions; a value >= 0 is recommended";
    is_negative.then(|| format!("spec.revisionHistoryLimit: {advice}")).into_iter().collect()
}

fn default_claim(claim: &mut Value) {
    claim.set("apiVersion", "v1");
    claim.set("kind", "PersistentVolumeClaim");
    claim.set_default("spec.volumeMode", "Filesystem");
    if claim.str_at("status.phase").is_empty() {
        claim.set("status.phase", "Pending");
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let number = |field: &str| object.i64_at(&format!("spec.{field}"));
    let mut errors = Errors::new();
    let service = object.str_at("spec.serviceName");
    if !service.is_empty() {
        errors.extend(check(&path.child("serviceName"), service, names::dns_label));
    }
    let policy = object.str_at("spec.podManagementPolicy");
    if !matches!(policy, "OrderedReady" | "Parallel") {
        let fault = "must be 'OrderedReady' or 'Parallel'";
        errors.push(Error::invalid(&path.child("podManagementPolicy"), policy, fault));
    }
    errors.extend(validate_strategy(object));
    for field in ["whenDeleted", "whenScaled"] {
        let path = path.child("persistentVolumeClaimRetentionPolicy").child(field);
        let text = object.str_at(&path.to_string()).to_owned();
        errors.extend(one_of(&path, &text, &["Retain", "Delete"]));
    }
    errors.extend(number::non_negative(&path.child("replicas"), number("replicas")));
    errors.extend(number::non_negative(&path.child("minReadySeconds"), number("minReadySeconds")));
    errors.extend(number::non_negative(&path.child("ordinals.start"), number("ordinals.start")));
    errors.extend(validate_claims(object));
    errors.extend(workload::validate_selector_and_template(&with_claimed_volumes(object), &WORDS));
    errors
}

/// The set with a volume in its template for each claim template, as its pods will have them.
fn with_claimed_volumes(object: &Value) -> Value {
    let claims = object.list_at("spec.volumeClaimTemplates").iter().map(|claim| claim.str_at("metadata.name"));
    let claimed: Vec<Value> =
        claims.map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}})).collect();
    if claimed.is_empty() {
        return object.clone();
    }
    let mut object = object.clone();
    let own = object.list_at("spec.template.spec.volumes").iter();
    let own = own.filter(|volume| !claimed.iter().any(|claim| claim["name"] == volume["name"])).cloned();
    let volumes: Vec<Value> = claimed.iter().cloned().chain(own).collect();
    object.set("spec.template.spec.volumes", volumes);
    object
}

fn validate_strategy(object: &Value) -> Errors {
    let path = Path::new("spec.updateStrategy");
    let rolling = object.at("spec.updateStrategy.rollingUpdate").filter(|rolling| !rolling.is_null());
    let at = path.child("rollingUpdate");
    match (object.str_at("spec.updateStrategy.type"), rolling) {
        ("OnDelete", Some(rolling)) => {
            vec![Error::invalid(&at, rolling.clone(), "only allowed for updateStrategy 'RollingUpdate'")]
        }
        ("OnDelete", None) => Errors::new(),
        ("RollingUpdate", rolling) => rolling.map(|rolling| validate_rolling(&at, rolling)).unwrap_or_default(),
        (_, _) => {
            let value = object.at("spec.updateStrategy").cloned().unwrap_or_default();
            vec![Error::invalid(&path, value, "must be 'RollingUpdate' or 'OnDelete'")]
        }
    }
}

fn validate_rolling(path: &Path, rolling: &Value) -> Errors {
    let mut errors = number::non_negative(&path.child("partition"), rolling.i64_at("partition"));
    let Some(unavailable) = rolling.at("maxUnavailable") else { return errors };
    let path = path.child("maxUnavailable");
    errors.extend(number::non_negative_int_or_percent(&path, unavailable));
    if amount(Some(unavailable)) == 0 {
        errors.push(Error::invalid(&path, unavailable.clone(), "cannot be 0"));
    }
    if unavailable.is_string() && amount(Some(unavailable)) > 100 {
        errors.push(Error::invalid(&path, unavailable.clone(), "must not be greater than 100%"));
    }
    errors
}

fn validate_claims(object: &Value) -> Errors {
    let path = Path::new("spec.volumeClaimTemplates");
    let mut errors = Errors::new();
    for (i, claim) in object.list_at("spec.volumeClaimTemplates").iter().enumerate() {
        let path = path.index(i).child("spec");
        if claim.list_at("spec.accessModes").is_empty() {
            errors.push(Error::required(&path.child("accessModes"), "at least 1 access mode is required"));
        }
        if claim.at("spec.resources.requests.storage").is_none() {
            errors.push(Error::required(&path.child("resources").key("storage"), ""));
        }
    }
    errors
}

/// What of a stateful set does not change.
fn validate_change(new: &Value, old: &Value) -> Errors {
    let fixed = ["podManagementPolicy", "serviceName", "selector"];
    let mut errors: Errors = fixed.iter().filter_map(|field| workload::validate_immutable(new, old, field)).collect();
    let claims = |object: &Value| object.list_at("spec.volumeClaimTemplates").to_vec();
    if claims(new) != claims(old) {
        let path = Path::new("spec.volumeClaimTemplates");
        let value = Some(claims(new)).filter(|claims| !claims.is_empty()).map_or(Value::Null, Value::Array);
        errors.push(Error::invalid(&path, value, "field is immutable"));
    }
    errors
}

fn validate_status(object: &Value) -> Errors {
    let parts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
    let counts = [&["replicas"], &parts[..], &["observedGeneration", "collisionCount"]].concat();
    let mut errors = workload::validate_counts(object, &counts);
    errors.extend(workload::validate_parts(object, &parts, "status.readyReplicas"));
    errors
}
