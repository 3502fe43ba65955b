//! RemoveImage: forgets an image and all its names.

use std::sync::Arc;

use crate::cri::error::Error;
use crate::cri::message::{RemoveImageRequest, RemoveImageResponse};
use crate::cri::service::Service;

/// Removes an image, by any of its names; one that is unknown is fine.
pub(in crate::cri) async fn remove(service: &Service, req: RemoveImageRequest) -> Result<RemoveImageResponse, Error> {
    let name = req.image.unwrap_or_default().image;
    let Some(image) = super::resolve(service, &name).await? else { return Ok(RemoveImageResponse {}) };
    let runtime = Arc::clone(&service.runtime);
    let removed = tokio::task::spawn_blocking(move || runtime.images().remove(&image.id)).await;
    removed
        .expect("writing the store does not panic")
        .map_err(|source| Error::Images { operation: format!("remove image `{name}`"), source })?;
    Ok(RemoveImageResponse {})
}
