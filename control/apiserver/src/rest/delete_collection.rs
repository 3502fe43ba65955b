//! DELETE of a collection: of each object that the selectors mean, as if it were deleted alone.

use axum::response::Response;
use futures::FutureExt;
use futures::future::join_all;
use http::StatusCode;
use storage::Key;

use crate::error::Failure;
use crate::rest::{Call, delete, list, options};

/// How many deletions are under way at the same time: together they share the store's commits.
const DELETED_TOGETHER: usize = 16;

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
    for some in page.objects.chunks(DELETED_TOGETHER) {
        let deleted: Vec<_> = some.iter().map(|object| delete_one(call, &object.key, &options).boxed()).collect();
        join_all(deleted).await.into_iter().collect::<Result<(), _>>()?;
    }
    list::page::answer(call, page)
}

async fn delete_one(call: &Call, key: &Key, options: &options::Delete) -> Result<(), Failure> {
    match delete::remove(call, key, options).await {
        // Somebody else was faster, which is what was wanted.
        Err(failure) if failure.code == StatusCode::NOT_FOUND => Ok(()),
        other => other.map(drop),
    }
}
