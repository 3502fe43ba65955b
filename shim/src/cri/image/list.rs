//! ListImages: the images of this machine.

use std::sync::Arc;

use crate::cri::error::Error;
use crate::cri::message::{ListImagesRequest, ListImagesResponse};
use crate::cri::service::Service;

/// All images, or the one that the filter names.
pub(in crate::cri) async fn list(service: &Service, req: ListImagesRequest) -> Result<ListImagesResponse, Error> {
    let wanted = req.filter.and_then(|it| it.image).map(|it| it.image).filter(|it| !it.is_empty());
    let images = match wanted {
        Some(name) => super::resolve(service, &name).await?.into_iter().collect(),
        None => all(service).await?,
    };
    Ok(ListImagesResponse { images: images.into_iter().map(super::row).collect() })
}

async fn all(service: &Service) -> Result<Vec<runtime::Image>, Error> {
    let runtime = Arc::clone(&service.runtime);
    let images = tokio::task::spawn_blocking(move || runtime.images().list()).await;
    images
        .expect("reading the store does not panic")
        .map_err(|source| Error::Images { operation: "list images".to_owned(), source })
}
