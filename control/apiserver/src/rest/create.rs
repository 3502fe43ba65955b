//! POST of a new object.
//!
//! # Flow
//! decode and default → wipe system fields → name → mutate → default → allocate → prepare → canonicalise → validate →
//! admit → default → store → encode, after upstream's `registry/rest/create.go` and `registry/generic/registry/store.go`.

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use storage::Precondition;

use crate::admission::Operation;
use crate::error::Failure;
use crate::field;
use crate::object::Fields;
use crate::registry::resource::Generation;
use crate::rest::answer::{self, Shown};
use crate::rest::options::{self, Write};
use crate::rest::{Call, decode};
use crate::validation::object_meta;
use crate::{identity, schema, stored};

/// How often another name is generated when one is taken (KEP-4420).
const NAMES_MAX: usize = 8;

/// Makes the object in the body.
pub(super) async fn create(call: &Call, body: &[u8]) -> Result<Response, Failure> {
    let options = options::write(&call.query, "CreateOptions")?;
    let mut object = decode::object(call, body, options)?;
    decode::place(call, &mut object)?;
    let shown = insert(call, object, options).await?;
    answer::object(call, StatusCode::CREATED, shown)
}

/// Puts a decoded object into the store under its own or a generated name.
pub(super) async fn insert(call: &Call, mut object: Value, options: Write) -> Result<Shown, Failure> {
    refuse_version(&object)?;
    object.remove("metadata.resourceVersion");
    if let Some(warning) = object_meta::dedup_owners(&mut object, object_meta::Found::InBody) {
        call.warn(warning);
    }
    object_meta::fill(&mut object, identity::uid(), call.now);
    let said = object.str_at("metadata.name").to_owned();
    let base = object.str_at("metadata.generateName").to_owned();
    let generated = said.is_empty() && !base.is_empty();
    for attempt in 1.. {
        let mut candidate = object.clone();
        if generated {
            candidate.set("metadata.name", identity::generated_name(&base));
        }
        match insert_named(call, candidate, &said, options).await {
            Err(Insert::Taken(_)) if generated && attempt < NAMES_MAX => {}
            Err(Insert::Taken(failure) | Insert::Refused(failure)) => return Err(failure),
            Ok(shown) => return Ok(shown),
        }
    }
    unreachable!("the last attempt returns")
}

/// Why an object was not made.
enum Insert {
    /// Its name is taken.
    Taken(Failure),
    /// Anything else.
    Refused(Failure),
}

impl From<Failure> for Insert {
    fn from(failure: Failure) -> Insert {
        Insert::Refused(failure)
    }
}

async fn insert_named(call: &Call, mut object: Value, said: &str, options: Write) -> Result<Shown, Insert> {
    let (owner, strategy) = (&call.owner, call.owner.strategy);
    let cx = call.strategy_context(options.dry_run);
    let admission = call.admission_context(Operation::Create, said, None, options.dry_run);
    call.server.admission.mutate(&admission, &mut object).await?;
    strategy.default(&mut object);
    let allocation = strategy.begin(&cx, &mut object, None).await?;
    strategy.prepare_for_create(&cx, &mut object);
    match owner.generation {
        Generation::Spec => object.set("metadata.generation", 1),
        Generation::Absent => drop(object.remove("metadata.generation")),
        Generation::Unmanaged | Generation::Strategy => {}
    }
    canonicalise(call, &mut object);
    strategy.warnings_before_validation(&object).into_iter().for_each(|warning| call.warn(warning));
    let mut errors = object_meta::validate(owner, &object);
    errors.extend(strategy.validate(&cx, &object));
    if !errors.is_empty() {
        let name = object.str_at("metadata.name");
        let failure = Failure::invalid(&owner.gvk.group, &owner.gvk.kind, name, &field::distinct(errors));
        return Err(failure.into());
    }
    call.server.admission.validate(&admission, &object).await?;
    // What the server wrote into the object may have defaults of its own, which upstream fills in when it reads it back.
    strategy.default(&mut object);
    strategy.warnings(&cx, &object, None).into_iter().for_each(|warning| call.warn(warning));
    let key = call.key_of(object.str_at("metadata.name"));
    if options.dry_run {
        let found = call.server.registry.storage.get(&key).await.map_err(Failure::from)?;
        return found.map_or_else(|| Ok(Shown::Tree(object.clone())), |found| Err(taken(call, &found, &object)));
    }
    let draft = stored::draft(owner, &object);
    match call.server.registry.storage.put(key, draft, Precondition::Absent).await {
        Ok(stored) => {
            if let Some(allocation) = allocation {
                allocation.commit();
            }
            Ok(Shown::Stored(stored.value))
        }
        Err(storage::Error::Conflict { current: Some(current) }) => Err(taken(call, &current, &object)),
        Err(error) => Err(Failure::from(error).into()),
    }
}

/// Presence and order of members as upstream's types have them.
pub(super) fn canonicalise(call: &Call, object: &mut Value) {
    if let Some(of) = schema::find(call.owner.type_name) {
        schema::canonicalise(object, of);
    }
}

/// A version on a new object is an error of the store upstream, and only if it is a number other than 0.
fn refuse_version(object: &Value) -> Result<(), Failure> {
    match object.str_at("metadata.resourceVersion").parse::<u64>() {
        Ok(version) if version != 0 => Err(Failure::bare("resourceVersion should not be set on objects to be created")),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn taken(call: &Call, current: &storage::Object, object: &Value) -> Insert {
    let (group, plural) = (&call.resource.gvk.group, &call.resource.plural);
    let name = object.str_at("metadata.name");
    let failure = Failure::already_exists(group, plural, name);
    let deleting = stored::decode(current).at("metadata.deletionTimestamp").is_some();
    Insert::Taken(if deleting {
        let message = format!("object is being deleted: {}", failure.message);
        Failure { message, ..failure }
    } else {
        failure
    })
}
