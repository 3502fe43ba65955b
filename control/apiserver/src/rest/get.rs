//! GET of one object, or of its status or scale.

use axum::response::Response;
use http::StatusCode;

use crate::error::Failure;
use crate::field;
use crate::query::parse_uint;
use crate::rest::answer::{self, Shown};
use crate::rest::{Call, computed, scale};

/// Reads the object that the path names.
pub(super) async fn get(call: &Call) -> Result<Response, Failure> {
    check_version(call)?;
    if let Some(make) = call.resource.computed {
        return computed::get(call, make).await;
    }
    let object = call.server.registry.storage.get(&call.checked_key()?).await?.ok_or_else(|| call.not_found())?;
    if call.subresource_name() == "scale" {
        return scale::answer(call, &crate::stored::decode(&object));
    }
    answer::object(call, StatusCode::OK, Shown::Stored(object.value))
}

/// A version that the answer must not be older than: reads are always of the latest, so only the future fails.
fn check_version(call: &Call) -> Result<(), Failure> {
    let text = call.query.text("resourceVersion");
    if text.is_empty() {
        return Ok(());
    }
    let asked = parse_uint(text).map_err(|err| invalid_version(text, &err))?;
    let current = call.server.registry.storage.revision().0;
    if asked > current { Err(Failure::future_version(asked, current)) } else { Ok(()) }
}

/// 500 of a version that is no number, as GET and watch answer it.
pub(super) fn invalid_version(text: &str, err: &str) -> Failure {
    Failure::bare(format!("resourceVersion: Invalid value: {}: {err}", field::quote(text)))
}
