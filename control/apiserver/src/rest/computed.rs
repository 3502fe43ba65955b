//! GET of objects that are not stored but made up when somebody asks for them.

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use storage::{Object, Revision};

use crate::error::Failure;
use crate::object::Fields;
use crate::registry::view::Computed;
use crate::rest::Call;
use crate::rest::answer::{self, Shown};
use crate::rest::list::page;
use crate::selector::Selection;
use crate::stored;

/// Answers with the one that the path names.
pub(super) async fn get(call: &Call, make: Computed) -> Result<Response, Failure> {
    let found = make(&call.server.registry).await.into_iter().find(|o| o.str_at("metadata.name") == call.info.name);
    // Upstream names one of them and not the kind here.
    let missing = || Failure::not_found(&call.resource.gvk.group, &call.resource.singular, &call.info.name);
    answer::object(call, StatusCode::OK, Shown::Tree(found.ok_or_else(missing)?))
}

/// Answers with those that the selectors mean.
pub(super) async fn list(call: &Call, selection: &Selection, make: Computed) -> Result<Response, Failure> {
    let mut objects = make(&call.server.registry).await;
    objects.retain(|object| selection.matches(&indexed(call, object)));
    page::of_trees(call, objects)
}

/// What selectors look at, as a stored object has it.
fn indexed(call: &Call, object: &Value) -> Object {
    let index = stored::draft(&call.owner, object).index.into();
    Object { key: call.key_of(object.str_at("metadata.name")), revision: Revision(0), value: Bytes::new(), index }
}
