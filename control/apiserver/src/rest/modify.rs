//! The compare-and-swap loop that every change of a stored object goes through.
//!
//! # Flow
//! read → compute what the client wants → preconditions → keep what the server owns → mutate → prepare → validate → admit →
//! store; again from the start when somebody else was faster, unless the client named the version it knew.

use serde_json::Value;
use storage::{Object, Precondition};

use crate::admission::Operation;
use crate::error::Failure;
use crate::field;
use crate::object::Fields;
use crate::query::parse_uint;
use crate::registry::resource::{Generation, Resource};
use crate::rest::Call;
use crate::rest::answer::Shown;
use crate::rest::create::canonicalise;
use crate::rest::options::Write;
use crate::stored;
use crate::validation::object_meta::{self, Found};

/// How often a change is computed anew because somebody else was faster.
const ATTEMPTS_MAX: usize = 64;

/// How a change is asked for: what its errors are called differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// PUT: the version and uid in the body are preconditions.
    Update,
    /// PATCH: what it leaves alone is no precondition.
    Patch,
}

// === impl By ===

impl By {
    fn found(self) -> Found {
        match self {
            By::Update => Found::InBody,
            By::Patch => Found::AfterAdmission,
        }
    }
}

/// Changes the object that the path names. `compute` gets it as it is stored and answers with it as it should be.
///
/// # Errors
/// 404 if it is not there, 409 if its version or uid is another, what `compute` says, 422 if it is not valid then.
pub(super) async fn modify<F>(call: &Call, options: Write, by: By, compute: F) -> Result<Shown, Failure>
where
    F: Fn(&Value) -> Result<Value, Failure> + Sync,
{
    let storage = &call.server.registry.storage;
    for _ in 0..ATTEMPTS_MAX {
        let current = storage.get(&call.checked_key()?).await?.ok_or_else(|| call.not_found())?;
        let old = stored::decode(&current);
        let mut new = compute(&old)?;
        let pinned = check_preconditions(call, by, &new, &old)?;
        if let Some(warning) = object_meta::dedup_owners(&mut new, by.found()) {
            call.warn(warning);
        }
        if let Some(shown) = swap(call, options, &current, old, new, pinned).await? {
            return Ok(shown);
        }
    }
    Err(conflict(call))
}

/// One attempt; `None` when somebody else was faster and the change may be computed anew.
async fn swap(
    call: &Call,
    options: Write,
    current: &Object,
    old: Value,
    mut new: Value,
    pinned: bool,
) -> Result<Option<Shown>, Failure> {
    let (owner, strategy) = (&call.owner, call.owner.strategy);
    let cx = call.strategy_context(options.dry_run);
    let admission = call.admission_context(Operation::Update, &call.info.name, Some(&old), options.dry_run);
    call.server.admission.mutate(&admission, &mut new).await?;
    keep_metadata(&mut new, &old);
    let mut allocation = None;
    if call.subresource.is_none() {
        allocation = strategy.begin(&cx, &mut new, Some(&old)).await?;
        strategy.prepare_for_update(&cx, &mut new, &old);
    } else {
        prepare_subresource(call, &cx, &mut new, &old);
    }
    canonicalise(call, &mut new);
    raise_generation(owner, &mut new, &old);
    let mut errors = object_meta::validate_update(owner, &new, &old);
    errors.extend(strategy.validate_update(&cx, &new, &old));
    if !errors.is_empty() {
        return Err(Failure::invalid(
            &owner.gvk.group,
            &owner.gvk.kind,
            new.str_at("metadata.name"),
            &field::distinct(errors),
        ));
    }
    call.server.admission.validate(&admission, &new).await?;
    strategy.warnings(&cx, &new, Some(&old)).into_iter().for_each(|warning| call.warn(warning));
    new.set("metadata.resourceVersion", old.str_at("metadata.resourceVersion"));
    if options.dry_run {
        return Ok(Some(Shown::Tree(new)));
    }
    if new == old && !strategy.is_kept_otherwise(&old) {
        return Ok(Some(Shown::Stored(current.value.clone())));
    }
    let storage = &call.server.registry.storage;
    let written = if is_released(call, &new) {
        storage.delete(current.key.clone(), current.revision).await.map(|revision| {
            strategy.after_delete(&cx, &new);
            new.set("metadata.resourceVersion", revision.0.to_string());
            Shown::Tree(new)
        })
    } else {
        let draft = stored::draft(owner, &new);
        let put = storage.put(current.key.clone(), draft, Precondition::At(current.revision)).await;
        put.map(|object| Shown::Stored(object.value))
    };
    match written {
        Ok(shown) => {
            if let Some(allocation) = allocation {
                allocation.commit();
            }
            Ok(Some(shown))
        }
        Err(storage::Error::Conflict { .. }) if pinned => Err(conflict(call)),
        Err(storage::Error::Conflict { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether nothing holds a deleted object back any more.
pub(super) fn is_released(call: &Call, object: &Value) -> bool {
    object.at("metadata.deletionTimestamp").is_some()
        && object.list_at("metadata.finalizers").is_empty()
        && object.i64_at("metadata.deletionGracePeriodSeconds").unwrap_or(0) == 0
        && call.owner.strategy.may_go(object)
}

/// Whether the client named the version that it knew, which then must be the current one.
fn check_preconditions(call: &Call, by: By, new: &Value, old: &Value) -> Result<bool, Failure> {
    let (said_uid, is_uid) = (new.str_at("metadata.uid"), old.str_at("metadata.uid"));
    if by == By::Update && !said_uid.is_empty() && said_uid != is_uid {
        return Err(wrong_uid(call, said_uid, is_uid));
    }
    let (said, is) = (new.str_at("metadata.resourceVersion"), old.str_at("metadata.resourceVersion"));
    // A patch leaves the version alone: then it is none of the client's.
    let pinned = match (by, said) {
        (_, "" | "0") => false,
        (By::Patch, said) if said == is => false,
        (_, said) => {
            parse_uint(said).map_err(Failure::bare)?;
            true
        }
    };
    if by == By::Update && !pinned && !call.owner.unconditional_update && call.subresource_name() != "scale" {
        let path = field::Path::new("metadata.resourceVersion");
        let error = field::Error::invalid(&path, 0, "must be specified for an update");
        // Upstream names the resource and not the kind here.
        let name = new.str_at("metadata.name");
        return Err(Failure::invalid(&call.owner.gvk.group, &call.owner.plural, name, &[error]));
    }
    if pinned && said != is { Err(conflict(call)) } else { Ok(pinned) }
}

fn wrong_uid(call: &Call, said: &str, is: &str) -> Failure {
    let (group, plural, name) = (&call.resource.gvk.group, &call.resource.plural, &call.info.name);
    if call.subresource_name() == "scale" {
        let what = format!("Precondition failed: UID in precondition: {said}, UID in object meta: {is}");
        return Failure::conflict(group, plural, name, &what);
    }
    uid_conflict(&call.resource, &call.info.namespace, name, said, is)
}

/// 409: the object has another uid than the client said.
pub(crate) fn uid_conflict(resource: &Resource, namespace: &str, name: &str, said: &str, is: &str) -> Failure {
    // Upstream shows the path in etcd.
    let folder = resource.etcd_folder.unwrap_or(&resource.plural);
    let place = [folder, namespace, name].iter().filter(|s| !s.is_empty()).map(|s| format!("/{s}")).collect::<String>();
    let what = format!(
        "StorageError: invalid object, Code: 4, Key: /registry{place}, ResourceVersion: 0, AdditionalErrorMsg: \
         Precondition failed: UID in precondition: {said}, UID in object meta: {is}"
    );
    Failure::conflict(&resource.gvk.group, &resource.plural, name, &what)
}

/// 409: the object has changed since the client read it.
pub(super) fn conflict(call: &Call) -> Failure {
    let what = "the object has been modified; please apply your changes to the latest version and try again";
    Failure::conflict(&call.resource.gvk.group, &call.resource.plural, &call.info.name, what)
}

/// Keeps the metadata that no update may change, whatever the client sent.
fn keep_metadata(new: &mut Value, old: &Value) {
    if new.str_at("metadata.uid").is_empty() {
        new.set("metadata.uid", old.str_at("metadata.uid"));
    }
    for path in ["metadata.creationTimestamp", "metadata.generation"] {
        restore(new, old, path);
    }
    if old.at("metadata.deletionTimestamp").is_some() {
        restore(new, old, "metadata.deletionTimestamp");
        if new.at("metadata.deletionGracePeriodSeconds").is_none() {
            restore(new, old, "metadata.deletionGracePeriodSeconds");
        }
    }
    for path in ["metadata.selfLink", "metadata.managedFields"] {
        new.remove(path);
    }
}

fn restore(new: &mut Value, old: &Value, path: &str) {
    match old.at(path) {
        Some(value) => new.set(path, value.clone()),
        None => drop(new.remove(path)),
    }
}

fn prepare_subresource(call: &Call, cx: &crate::registry::strategy::Context<'_>, new: &mut Value, old: &Value) {
    match call.subresource_name() {
        // A Scale changes the spec of its parent.
        "scale" => call.owner.strategy.prepare_for_update(cx, new, old),
        "status" => {
            call.owner.strategy.prepare_for_subresource(cx, new, old);
            if !call.owner.status_takes_labels {
                restore(new, old, "metadata.labels");
            }
        }
        _ => call.owner.strategy.prepare_for_subresource(cx, new, old),
    }
}

/// Counts a change of anything but metadata and status.
fn raise_generation(owner: &Resource, new: &mut Value, old: &Value) {
    match owner.generation {
        Generation::Absent => drop(new.remove("metadata.generation")),
        Generation::Unmanaged | Generation::Strategy => {}
        Generation::Spec => {
            let changed = ["metadata", "status"];
            let rest = |object: &Value| {
                let mut object = object.clone();
                changed.iter().for_each(|member| drop(object.remove(member)));
                object
            };
            if rest(new) != rest(old) {
                let generation = old.i64_at("metadata.generation").unwrap_or(0);
                new.set("metadata.generation", generation + 1);
            }
        }
    }
}
