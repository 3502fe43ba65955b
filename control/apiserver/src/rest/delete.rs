//! DELETE of one object: at once, after a grace period, or once its finalizers are gone.
//!
//! The steps are those of upstream's `registry/rest/delete.go` and `registry/generic/registry/store.go`.

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use storage::{Key, Object, Precondition};
use time::OffsetDateTime;

use crate::admission::Operation;
use crate::error::Failure;
use crate::object::Fields;
use crate::registry::propagation::Propagation;
use crate::registry::resource::DeleteAnswer;
use crate::rest::answer::{self, Shown};
use crate::rest::options::{self, Delete};
use crate::rest::{Call, modify};
use crate::schema::time::{Precision, format, parse};
use crate::stored;
use crate::validation::object_meta::{FOREGROUND, ORPHAN};

/// How often a deletion is begun anew because somebody else was faster.
const ATTEMPTS_MAX: usize = 64;
/// A hundred years: what is asked beyond that comes to the same.
const GRACE_SECONDS_MAX: i64 = 100 * 365 * 24 * 3600;

/// What became of a deletion.
pub enum Outcome {
    /// The object is gone; this is how it was.
    Gone(Value),
    /// It is marked, and goes when its grace period is over or its finalizers are gone.
    Marked(Shown),
    /// It was marked before, and nothing changed.
    Pending(Value),
}

/// Deletes the object that the path names.
pub async fn delete(call: &Call, body: &[u8]) -> Result<Response, Failure> {
    let options = options::delete(call, body)?;
    warn(call, &options);
    let outcome = remove(call, &call.checked_key()?, &options).await?;
    let code = match outcome {
        Outcome::Marked(_) | Outcome::Pending(_) if options.said_not_to_orphan => StatusCode::ACCEPTED,
        Outcome::Gone(_) | Outcome::Marked(_) | Outcome::Pending(_) => StatusCode::OK,
    };
    match (outcome, call.owner.delete_answer) {
        (Outcome::Marked(shown), _) => answer::object(call, code, shown),
        (Outcome::Gone(object) | Outcome::Pending(object), DeleteAnswer::Object) => {
            answer::object(call, code, Shown::Tree(object))
        }
        (Outcome::Gone(object) | Outcome::Pending(object), DeleteAnswer::Status) => {
            Ok(answer::tree(code, call.accept, &answer::deleted(&call.resource, &object)))
        }
    }
}

/// What a kind says to deletions that do not say what becomes of dependents.
pub fn warn(call: &Call, options: &Delete) {
    if options.propagation.is_none() && !call.owner.delete_warning.is_empty() {
        call.warn(call.owner.delete_warning);
    }
}

/// Deletes an object of the path's kind.
///
/// # Errors
/// 404, 409 of preconditions, and what admission says.
pub async fn remove(call: &Call, key: &Key, options: &Delete) -> Result<Outcome, Failure> {
    let storage = &call.server.registry.storage;
    let name = &*key.name;
    for _ in 0..ATTEMPTS_MAX {
        let (group, plural) = (&call.resource.gvk.group, &call.resource.plural);
        let current = storage.get(key).await?;
        let current = current.ok_or_else(|| Failure::not_found(group, plural, name))?;
        let old = stored::decode(&current);
        check_preconditions(call, options, &old)?;
        let admission = call.admission_context(Operation::Delete, name, Some(&old), options.dry_run);
        call.server.admission.validate(&admission, &old).await?;
        if let Some(outcome) = attempt(call, options, &current, old).await? {
            return Ok(outcome);
        }
    }
    Err(modify::conflict(call))
}

/// One attempt; `None` when somebody else was faster.
async fn attempt(call: &Call, options: &Delete, current: &Object, old: Value) -> Result<Option<Outcome>, Failure> {
    let storage = &call.server.registry.storage;
    let plan = plan(call, options, &old);
    let (object, revision) = match plan {
        Plan::Pending => return Ok(Some(Outcome::Pending(old))),
        Plan::Held => return Ok(Some(Outcome::Marked(Shown::Tree(old)))),
        Plan::Mark(new) if options.dry_run => return Ok(Some(Outcome::Marked(Shown::Tree(new)))),
        Plan::Go(new) if options.dry_run => return Ok(Some(Outcome::Gone(new.unwrap_or(old)))),
        Plan::Go(None) => (old, current.revision),
        Plan::Mark(new) => {
            return mark(call, current, &new).await.map(|o| o.map(|o| Outcome::Marked(Shown::Stored(o.value))));
        }
        // Watchers see the mark before the object goes.
        Plan::Go(Some(new)) => match mark(call, current, &new).await? {
            Some(marked) => (stored::decode(&marked), marked.revision),
            None => return Ok(None),
        },
    };
    match storage.delete(current.key.clone(), revision).await {
        Ok(_) => {
            call.owner.strategy.after_delete(&call.strategy_context(false), &object);
            Ok(Some(Outcome::Gone(object)))
        }
        Err(storage::Error::Conflict { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn mark(call: &Call, current: &Object, new: &Value) -> Result<Option<Object>, Failure> {
    let draft = stored::draft(&call.owner, new);
    let put = call.server.registry.storage.put(current.key.clone(), draft, Precondition::At(current.revision)).await;
    match put {
        Ok(object) => Ok(Some(object)),
        Err(storage::Error::Conflict { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a deletion comes to.
enum Plan {
    /// Nothing: it is under way already.
    Pending,
    /// Nothing: the kind holds it, as the last deletion said.
    Held,
    /// The object stays, changed so.
    Mark(Value),
    /// The object goes, after this change if there is one.
    Go(Option<Value>),
}

fn plan(call: &Call, options: &Delete, old: &Value) -> Plan {
    let (strategy, now) = (call.owner.strategy, call.now.0);
    let mut new = old.clone();
    if strategy.holds_deletion(&mut new, call.now) {
        if old.at("metadata.deletionTimestamp").is_none() {
            set_finalizers(&mut new, finalizers(call, options, old));
        }
        return if new == *old { Plan::Held } else { Plan::Mark(new) };
    }
    let deleting = old.at("metadata.deletionTimestamp").is_some();
    if deleting && let Some(plan) = shorten(call, options, old, now) {
        return plan;
    }
    let finalizers = finalizers(call, options, old);
    let held = !finalizers.is_empty();
    set_finalizers(&mut new, finalizers);
    let grace = if deleting { None } else { strategy.grace_seconds(old, options.grace_seconds) };
    match (grace, held) {
        (None, false) if new == *old => Plan::Go(None),
        (None, false) => Plan::Go(Some(new)),
        (None, true) => {
            set_deleting(&mut new, now, 0);
            Plan::Mark(new)
        }
        (Some(seconds), held) => {
            set_deleting(&mut new, now, seconds);
            if seconds > 0 || held { Plan::Mark(new) } else { Plan::Go(Some(new)) }
        }
    }
}

/// What a deletion of an object that is being deleted comes to: its grace period may only be shortened.
fn shorten(call: &Call, options: &Delete, old: &Value, now: OffsetDateTime) -> Option<Plan> {
    let grace = old.i64_at("metadata.deletionGracePeriodSeconds")?;
    let is_graceful = call.owner.strategy.grace_seconds(old, options.grace_seconds).is_some();
    let Some(asked) = options.grace_seconds else { return is_graceful.then_some(Plan::Pending) };
    if asked >= grace || !is_graceful {
        // A pod whose grace period is over, held by nothing any more, may go.
        let over = is_graceful && asked == 0 && grace == 0 && old.list_at("metadata.finalizers").is_empty();
        return Some(if over { Plan::Go(None) } else { Plan::Pending });
    }
    let mut new = old.clone();
    let due = parse(old.str_at("metadata.deletionTimestamp"), Precision::Seconds).unwrap_or(now);
    let due = due - lasting(grace) + lasting(asked);
    new.set("metadata.deletionTimestamp", format(due, Precision::Seconds));
    new.set("metadata.deletionGracePeriodSeconds", asked);
    let finalizers = finalizers(call, options, old);
    let held = !finalizers.is_empty();
    set_finalizers(&mut new, finalizers);
    Some(if asked > 0 || held { Plan::Mark(new) } else { Plan::Go(Some(new)) })
}

/// A grace period that a calendar can hold.
fn lasting(seconds: i64) -> time::Duration {
    time::Duration::seconds(seconds.clamp(0, GRACE_SECONDS_MAX))
}

fn set_deleting(object: &mut Value, now: OffsetDateTime, grace_seconds: i64) {
    if object.at("metadata.deletionTimestamp").is_some() {
        return;
    }
    let due = now + lasting(grace_seconds);
    object.set("metadata.deletionTimestamp", format(due, Precision::Seconds));
    object.set("metadata.deletionGracePeriodSeconds", grace_seconds);
    if let Some(generation) = object.i64_at("metadata.generation").filter(|generation| *generation > 0) {
        object.set("metadata.generation", generation + 1);
    }
}

fn set_finalizers(object: &mut Value, finalizers: Vec<Value>) {
    if finalizers.is_empty() {
        object.remove("metadata.finalizers");
    } else {
        object.set("metadata.finalizers", finalizers);
    }
}

/// The object's finalizers with those that the options ask of the garbage collector.
fn finalizers(call: &Call, options: &Delete, old: &Value) -> Vec<Value> {
    let had = old.list_at("metadata.finalizers");
    let has = |name: &str| had.iter().any(|finalizer| finalizer == name);
    let propagation = options.propagation.unwrap_or_else(|| match (has(ORPHAN), has(FOREGROUND)) {
        (true, _) => Propagation::Orphan,
        (false, true) => Propagation::Foreground,
        (false, false) => call.owner.default_propagation,
    });
    let wanted = match propagation {
        Propagation::Background => None,
        Propagation::Foreground => Some(FOREGROUND),
        Propagation::Orphan => Some(ORPHAN),
    };
    if wanted.is_some_and(has) && !(has(ORPHAN) && has(FOREGROUND)) {
        return had.to_vec();
    }
    let others = had.iter().filter(|finalizer| *finalizer != ORPHAN && *finalizer != FOREGROUND).cloned();
    others.chain(wanted.map(Value::from)).collect()
}

/// Whether an object is the one that the client means.
///
/// # Errors
/// 409 if it is not.
pub fn check_preconditions(call: &Call, options: &Delete, old: &Value) -> Result<(), Failure> {
    let checks = [
        ("UID", &options.uid, old.str_at("metadata.uid"), "deleted and then recreated"),
        ("ResourceVersion", &options.resource_version, old.str_at("metadata.resourceVersion"), "modified"),
    ];
    for (what, said, is, meanwhile) in checks {
        if let Some(said) = said.as_deref().filter(|said| *said != is) {
            let what = format!(
                "the {what} in the precondition ({said}) does not match the {what} in record ({is}). The object might \
                 have been {meanwhile}"
            );
            let name = old.str_at("metadata.name");
            // Upstream names the kind and not the resource here.
            return Err(Failure::conflict(&call.owner.gvk.group, &call.owner.gvk.kind, name, &what));
        }
    }
    Ok(())
}
