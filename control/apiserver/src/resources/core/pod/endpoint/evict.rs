//! `pods/eviction`: a deletion that asks the disruption budgets first.

use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;
use http::StatusCode;
use serde_json::Value;
use storage::{Paging, Query};

use crate::admission::Operation;
use crate::error::Failure;
use crate::object::Fields;
use crate::resources::core::pod::endpoint::{find, swap};
use crate::resources::core::pod::eviction::{self, Verdict};
use crate::rest::connect::Handler;
use crate::rest::options::Delete;
use crate::rest::{Call, answer, decode, delete, options, read};
use crate::stored;

const BUDGETS: &str = "policy/poddisruptionbudgets";
/// How often an eviction is tried anew because somebody else changed the budget.
const ATTEMPTS_MAX: usize = 16;

/// The handler.
pub(super) struct Evict;

impl Handler for Evict {
    fn answer<'a>(&'a self, call: &'a Call, body: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let body = read(call, body).await?;
            let write = options::write(&call.query, "CreateOptions")?;
            let mut object = decode::object(call, &body, write)?;
            let name = &call.info.name;
            eviction::check(&object, name)?;
            let admission = call.admission_context(Operation::Create, name, None, write.dry_run);
            call.server.admission.mutate(&admission, &mut object).await?;
            call.server.admission.validate(&admission, &object).await?;
            let wanted = object.at("deleteOptions").cloned().unwrap_or(Value::Null);
            let mut options = options::delete_of(&wanted)?;
            options.dry_run |= write.dry_run;
            spend_budget(call, name, options.dry_run).await?;
            if !options.dry_run {
                mark(call, name, &options).await?;
                // The mark has made a new version of the one that was asked for.
                options.resource_version = None;
            }
            let (current, _) = find(call, name).await?;
            delete::remove(call, &current.key, &options).await?;
            let status = answer::success(StatusCode::CREATED, Value::Null);
            Ok(answer::tree(StatusCode::CREATED, call.accept, &status))
        })
    }
}

/// Writes into the pod why it goes, before it does.
async fn mark(call: &Call, name: &str, options: &Delete) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS_MAX {
        let (current, mut pod) = find(call, name).await?;
        delete::check_preconditions(call, options, &pod)?;
        eviction::mark(&mut pod, call.now);
        if swap(call, "v1", "pods", &current, &pod).await? {
            return Ok(());
        }
    }
    Err(Failure::too_many_requests("couldn't update Pod due to conflicts", 10))
}

async fn spend_budget(call: &Call, name: &str, dry_run: bool) -> Result<(), Failure> {
    let namespace = call.info.namespace.as_str().into();
    let query = Query { resource: BUDGETS.into(), namespace, name: None, field: None };
    for _ in 0..ATTEMPTS_MAX {
        let (_, pod) = find(call, name).await?;
        let page = call.server.registry.storage.list(&query, Paging::default()).await?;
        let budgets: Vec<Value> = page.objects.iter().map(stored::decode).collect();
        let Verdict::Spend(spent) = eviction::plan(&pod, &budgets, call.now)? else { return Ok(()) };
        let is_it = |object: &&storage::Object| *object.key.name == *spent.str_at("metadata.name");
        let current = page.objects.iter().find(is_it).expect("the budget that is spent is one of those that were read");
        if dry_run || swap(call, "v1", "poddisruptionbudgets", current, &spent).await? {
            return Ok(());
        }
    }
    Err(Failure::too_many_requests("couldn't update PodDisruptionBudget due to conflicts", 10))
}
