//! Subresources and kinds that compute their answer instead of reading or writing an object: a table of endpoints.

use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;

use http::StatusCode;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::object::Fields;
use crate::rest::{Call, answer, decode, options, read};

/// Computes an answer.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request whose body was read.
    ///
    /// # Errors
    /// What upstream answers.
    fn answer<'a>(&'a self, call: &'a Call, body: &'a [u8]) -> BoxFuture<'a, Result<Response, Failure>>;
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
    pub handler: Box<dyn Handler>,
}

/// Answers a request for a computed subresource.
pub async fn connect(call: &Call, body: Body) -> Result<Response, Failure> {
    let body = read(call, body).await?;
    compute(call, &body).await
}

/// The same with the body at hand.
pub async fn compute(call: &Call, body: &[u8]) -> Result<Response, Failure> {
    let (group, plural, subresource) = (&*call.resource.gvk.group, &*call.resource.plural, call.subresource_name());
    let serves = |e: &&Endpoint| (e.group, e.plural, e.subresource) == (group, plural, subresource);
    match call.server.endpoints.iter().find(serves) {
        Some(endpoint) => endpoint.handler.answer(call, body).await,
        None if subresource.is_empty() => Err(Failure::not_there_yet(plural)),
        None => Err(Failure::not_there_yet(&format!("{plural}/{subresource}"))),
    }
}

/// The object in the body of a request that is answered with the same object (reviews, TokenRequest).
///
/// # Errors
/// 400 and 415.
pub fn decoded(call: &Call, body: &[u8]) -> Result<Value, Failure> {
    let options = options::write(&call.query, "CreateOptions")?;
    let mut object = decode::object(call, body, options)?;
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
