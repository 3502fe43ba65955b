//! `metadata` of new and changed objects (`k8s.io/apimachinery/pkg/api/validation/objectmeta.go`), and the part of it
//! that the server owns.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::{Fields, as_map};
use crate::registry::resource::{Now, Resource, Scope};
use crate::registry::strategy::NameRule;
use crate::schema;
use crate::validation::{Faults, check, labels, names};

/// The finalizer of a deletion in the foreground.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of a deletion that leaves dependents alone.
pub const ORPHAN: &str = "orphan";

/// Finalizers without a domain that are allowed.
const STANDARD_FINALIZERS: &[&str] = &["kubernetes", ORPHAN, FOREGROUND];

/// Clears what clients may not say about a new object and says it for them.
pub fn fill(object: &mut Value, uid: String, now: Now) {
    let metadata = as_map(as_map(object).entry("metadata").or_insert(Value::Null));
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"] {
        metadata.remove(key);
    }
    metadata
        .insert("creationTimestamp".to_owned(), schema::time::format(now.0, schema::time::Precision::Seconds).into());
    metadata.insert("uid".to_owned(), uid.into());
}

/// Where owners that stand twice were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// In a body.
    InBody,
    /// In what a patch made of the object, which upstream sees only after admission.
    AfterAdmission,
}

// === impl Found ===

impl Found {
    fn when(self) -> &'static str {
        match self {
            Found::InBody => "",
            Found::AfterAdmission => " after mutating admission happens",
        }
    }
}

/// Leaves one of owners that are named twice; the warning says so.
pub fn dedup_owners(object: &mut Value, found: Found) -> Option<String> {
    let owners = object.at_mut("metadata.ownerReferences")?.as_array_mut()?;
    let (mut kept, mut twice): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    for owner in owners.drain(..) {
        if kept.contains(&owner) {
            let uid = owner.str_at("uid").to_owned();
            if !twice.contains(&uid) {
                twice.push(uid);
            }
        } else {
            kept.push(owner);
        }
    }
    *owners = kept;
    (!twice.is_empty()).then(|| {
        format!(
            ".metadata.ownerReferences contains duplicate entries{}; API server dedups owner references in 1.20+, and may \
             reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
            found.when(),
            twice.join(", ")
        )
    })
}

/// What is wrong with the metadata of an object, new or not.
pub fn validate(resource: &Resource, object: &Value) -> Errors {
    let path = Path::new("metadata");
    let mut errors = Vec::new();
    let rule = rule(resource.strategy.name_rule());
    let generate = object.str_at("metadata.generateName");
    let name_path = path.child("name");
    match object.str_at("metadata.name") {
        "" if generate.is_empty() => {
            errors.push(Error::required(&name_path, "name or generateName is required"));
        }
        // What is generated ends in letters: a prefix may end with a dash.
        "" => errors.extend(check(&path.child("generateName"), generate.trim_end_matches('-'), rule)),
        name => errors.extend(check(&name_path, name, rule)),
    }
    if resource.scope == Scope::Cluster && !object.str_at("metadata.namespace").is_empty() {
        errors.push(Error::forbidden(&path.child("namespace"), "not allowed on this type"));
    }
    if let Some(generation) = object.i64_at("metadata.generation").filter(|generation| *generation < 0) {
        errors.push(Error::invalid(&path.child("generation"), generation, "must be greater than or equal to 0"));
    }
    errors.extend(labels::validate(&path.child("labels"), object.at("metadata.labels")));
    errors.extend(labels::validate_annotations(&path.child("annotations"), object.at("metadata.annotations")));
    errors.extend(validate_owners(&path.child("ownerReferences"), object.list_at("metadata.ownerReferences")));
    errors.extend(validate_finalizers(&path.child("finalizers"), object.list_at("metadata.finalizers")));
    errors
}

/// What is wrong with a change of metadata.
pub fn validate_update(resource: &Resource, new: &Value, old: &Value) -> Errors {
    let path = Path::new("metadata");
    let mut errors = Vec::new();
    if old.at("metadata.deletionTimestamp").is_some() {
        let had = old.list_at("metadata.finalizers");
        let mut added: Vec<&str> = new
            .list_at("metadata.finalizers")
            .iter()
            .filter(|one| !had.contains(one))
            .filter_map(Value::as_str)
            .collect();
        added.sort_unstable();
        if !added.is_empty() {
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers {}",
                go_set(&added)
            );
            errors.push(Error::forbidden(&path.child("finalizers"), &detail));
        }
    }
    for key in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (was, is) = (old.at("metadata").and_then(|m| m.get(key)), new.at("metadata").and_then(|m| m.get(key)));
        if was != is {
            errors.push(Error::invalid(&path.child(key), is.cloned().unwrap_or(Value::Null), "field is immutable"));
        }
    }
    let checked = validate(resource, new);
    // The name was checked when the object was made, by the rules of then.
    let name = path.child("name");
    errors.extend(checked.into_iter().filter(|error| error.path != name));
    errors
}

/// Go's `%#v` of a set of strings' sorted list.
fn go_set(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| crate::field::quote(value)).collect();
    format!("[]string{{{}}}", quoted.join(", "))
}

fn rule(rule: NameRule) -> fn(&str) -> Faults {
    match rule {
        NameRule::DnsSubdomain => names::dns_subdomain,
        NameRule::DnsLabel => names::dns_label,
        NameRule::Dns1035Label => names::dns_1035_label,
        NameRule::PathSegment => names::path_segment,
    }
}

fn validate_owners(path: &Path, owners: &[Value]) -> Errors {
    let mut errors: Errors = Vec::new();
    let mut controller: Option<String> = None;
    for (at, owner) in owners.iter().enumerate() {
        let path_of = path.index(at);
        errors.extend(validate_owner(&path_of, owner));
        if owner.bool_at("controller") {
            let named = format!("{}/{}", owner.str_at("kind"), owner.str_at("name"));
            match &controller {
                Some(first) => {
                    let detail = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and \
                         {named}"
                    );
                    errors.push(Error::invalid(
                        path,
                        Value::from(owners.iter().map(shown_owner).collect::<Vec<_>>()),
                        &detail,
                    ));
                }
                None => controller = Some(named),
            }
        }
    }
    errors
}

fn validate_owner(path: &Path, owner: &Value) -> Errors {
    let mut errors = Vec::new();
    let api_version = owner.str_at("apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if version.is_empty() {
        errors.push(Error::required(&path.child("apiVersion"), "must not be empty"));
    } else if version.contains('/') {
        errors.push(Error::invalid(&path.child("apiVersion"), api_version, "must be <group>/<version> or <version>"));
    }
    for key in ["kind", "name", "uid"] {
        if owner.str_at(key).is_empty() {
            errors.push(Error::required(&path.child(key), "must not be empty"));
        }
    }
    if owner.str_at("kind") == "Event" && version == "v1" && matches!(group, "" | "events.k8s.io") {
        let detail = format!("{group}/{version}, Kind=Event is disallowed from being an owner");
        errors.push(Error::invalid(path, shown_owner(owner), &detail));
    }
    errors
}

/// An owner with its members in upstream's order of declaration: messages show it.
fn shown_owner(owner: &Value) -> Value {
    let members = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    let mut shown = json!({});
    for member in members {
        let value = owner.at(member).cloned().unwrap_or_else(|| json!(""));
        if owner.at(member).is_some() || matches!(member, "apiVersion" | "kind" | "name" | "uid") {
            shown[member] = value;
        }
    }
    shown
}

fn validate_finalizers(path: &Path, finalizers: &[Value]) -> Errors {
    let mut errors = Vec::new();
    for (at, finalizer) in finalizers.iter().enumerate() {
        let text = finalizer.as_str().unwrap_or_default();
        errors.extend(names::qualified_name(text).iter().map(|fault| Error::invalid(path, text, fault)));
        if !text.contains('/') && !STANDARD_FINALIZERS.contains(&text) {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(Error::invalid(&path.index(at), text, detail));
        }
    }
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    if has(ORPHAN) && has(FOREGROUND) {
        let detail = format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set");
        errors.push(Error::invalid(path, Value::from(finalizers), &detail));
    }
    errors
}
