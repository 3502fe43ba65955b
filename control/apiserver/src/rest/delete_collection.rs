//! DELETE of a collection: of each object that the selectors mean, as if it were deleted alone.

use axum::response::Response;

use crate::error::Failure;
use crate::rest::{Call, delete, list, options};

/// Deletes what a list with the same query shows, and answers with that list.
pub async fn delete_collection(call: &Call, body: &[u8]) -> Result<Response, Failure> {
    let listing = list::Listing::of(call, list::For::List)?;
    let options = options::delete(call, body)?;
    // A version in the query says which list is meant, where it says that the list must be exactly that one.
    let options = match listing.is_exact() {
        true => options::Delete { resource_version: None, ..options },
        false => options,
    };
    delete::warn(call, &options);
    let page = listing.read(call).await?;
    for object in &page.objects {
        match delete::remove(call, &object.key, &options).await {
            // Somebody else was faster, which is what was wanted.
            Err(failure) if failure.code == http::StatusCode::NOT_FOUND => {}
            other => drop(other?),
        }
    }
    list::answer(call, page)
}
