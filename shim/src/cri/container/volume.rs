//! Volumes that are images: the files of one, or of one directory of it, read-only in a container.

use std::sync::Arc;

use runtime::ImageFiles;

use crate::cri::error::Error;
use crate::cri::image;
use crate::cri::message::{ImageSpec, Mount};
use crate::cri::service::Service;

/// What each mount shows of an image, if it is one; its image is noted in it for those who ask for the status.
pub(super) async fn resolve(service: &Service, mounts: &mut [Mount]) -> Result<Vec<Option<ImageFiles>>, Error> {
    let mut volumes = Vec::with_capacity(mounts.len());
    for mount in mounts {
        let volume = match &mut mount.image {
            Some(spec) => Some(open(service, spec, &mount.image_sub_path).await?),
            None => None,
        };
        volumes.push(volume);
    }
    Ok(volumes)
}

async fn open(service: &Service, spec: &mut ImageSpec, path: &str) -> Result<ImageFiles, Error> {
    let found = image::resolve(service, &spec.image).await?;
    let found = found.ok_or_else(|| Error::Volume(format!("image `{}` not found", spec.image)))?;
    let files = files(service, &found.id).await?.below(path);
    spec.image_ref = found.id;
    files.ok_or_else(|| Error::Volume(format!("image `{}` has nothing at `{path}`", spec.image)))
}

/// All files of an image.
pub(super) async fn files(service: &Service, id: &str) -> Result<ImageFiles, Error> {
    let (images, id) = (Arc::clone(service.runtime.images()), id.to_owned());
    let read = tokio::task::spawn_blocking(move || (images.files(&id), id)).await;
    let (files, id) = read.expect("reading the store does not panic");
    files.map_err(|source| Error::Images { operation: format!("read image `{id}`"), source })
}
