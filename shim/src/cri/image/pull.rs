//! PullImage: finds an imported image; fetching from a registry is not here yet and says so.

use crate::cri::error::Error;
use crate::cri::message::{PullImageRequest, PullImageResponse};
use crate::cri::service::Service;

/// The id of an image that is here.
pub(in crate::cri) async fn pull(service: &Service, req: PullImageRequest) -> Result<PullImageResponse, Error> {
    let name = req.image.unwrap_or_default().image;
    match super::resolve(service, &name).await? {
        Some(image) => Ok(PullImageResponse { image_ref: image.id }),
        None => Err(Error::Pull(name)),
    }
}
