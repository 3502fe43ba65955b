//! ImageStatus: whether an image is here.

use serde_json::json;

use crate::cri::error::Error;
use crate::cri::message::{ImageStatusRequest, ImageStatusResponse};
use crate::cri::service::Service;

/// The image, or none.
pub(in crate::cri) async fn status(service: &Service, req: ImageStatusRequest) -> Result<ImageStatusResponse, Error> {
    let name = req.image.unwrap_or_default().image;
    let Some(image) = super::resolve(service, &name).await? else { return Ok(ImageStatusResponse::default()) };
    let info = if req.verbose { [("info".to_owned(), info(&image))].into() } else { Default::default() };
    Ok(ImageStatusResponse { image: Some(super::row(image)), info })
}

/// What only people ask, as containerd words it: how its program is run.
fn info(image: &runtime::Image) -> String {
    let env: Vec<String> = image.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let config = json!({"Entrypoint": image.entrypoint, "Cmd": image.cmd, "Env": env, "User": image.user});
    json!({"imageSpec": {"config": config}, "modules": image.modules}).to_string()
}
