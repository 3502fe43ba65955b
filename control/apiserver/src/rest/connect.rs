//! The table of endpoints: what is in it computes its answer, everything else reads or writes stored objects.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;
use http::StatusCode;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::object::Fields;
use crate::registry::resource::Resource;
use crate::rest::{Call, answer, decode, options, read};

/// Computes an answer.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request. Whoever takes a body reads it with [`read`], which bounds its size; what lasts (`log`, `exec`)
    /// has neither a deadline nor a permit and leaves it unread.
    ///
    /// # Errors
    /// What upstream answers.
    fn answer<'a>(&'a self, call: &'a Call, body: Body) -> BoxFuture<'a, Result<Response, Failure>>;

    /// Whether the URL may go on after it (`proxy/healthz`).
    fn takes_path(&self) -> bool {
        false
    }
}

/// A row: which path a handler answers.
pub struct Endpoint {
    /// Empty for core.
    pub group: &'static str,
    /// `pods`.
    pub plural: &'static str,
    /// `binding`; empty where the kind itself is computed (reviews).
    pub subresource: &'static str,
    /// What answers.
    pub handler: Arc<dyn Handler>,
}

/// What computes the answer of a kind, or of a part of its objects; `None` if they are stored.
pub fn find<'a>(endpoints: &'a [Endpoint], of: &Resource, subresource: &str) -> Option<&'a Arc<dyn Handler>> {
    let path = (&*of.gvk.group, &*of.plural, subresource);
    let row = endpoints.iter().find(|row| (row.group, row.plural, row.subresource) == path);
    row.map(|row| &row.handler)
}

/// The object in the body of a request that is answered with the same object (reviews, TokenRequest).
///
/// # Errors
/// 400, 413 and 415.
pub async fn decoded(call: &Call, body: Body) -> Result<Value, Failure> {
    let body = read(call, body).await?;
    let options = options::write(&call.query, "CreateOptions")?;
    let mut object = decode::object(call, &body, options)?;
    if call.subresource.is_none() {
        decode::place(call, &mut object)?;
    }
    object.set_default("metadata", json!({}));
    Ok(object)
}

/// 201 with an object that was computed.
pub fn created(call: &Call, object: &Value) -> Response {
    answer::tree(StatusCode::CREATED, call.accept, object)
}
