//! ImageStatus: whether an image is here.

use crate::cri::error::Error;
use crate::cri::message::{ImageStatusRequest, ImageStatusResponse};
use crate::cri::service::Service;

/// The image, or none.
pub(in crate::cri) async fn status(service: &Service, req: ImageStatusRequest) -> Result<ImageStatusResponse, Error> {
    let name = req.image.unwrap_or_default().image;
    let image = super::resolve(service, &name).await?;
    Ok(ImageStatusResponse { image: image.map(super::row), ..Default::default() })
}
