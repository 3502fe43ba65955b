//! Finds a container's image, or tells why it is not to be had and when to ask again.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use runtime::image::Reference;

use super::container::Obstacle;
use super::context::ContainerContext;
use super::record::{PullFailure, Record};
use super::restart;
use super::worker::RETRY;
use crate::agent::recorder::EventType;
use crate::cri::message::{ImageSpec, ImageStatusRequest, PullImageRequest};

/// How long `ErrImagePull` shows before it becomes `ImagePullBackOff`.
const PULL_ERROR_SHOWN: SignedDuration = SignedDuration::from_secs(2);

/// The id of a container's image.
pub(super) async fn ensure(cx: ContainerContext<'_>, record: &mut Record) -> Result<String, Obstacle> {
    let image = cx.container.image.clone().unwrap_or_default();
    if let Err(err) = Reference::parse(&image) {
        let message =
            format!("Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": {err}");
        cx.tell(EventType::Warning, "InspectFailed", &message);
        cx.tell(EventType::Warning, "Failed", "Error: InvalidImageName");
        return Err(Obstacle { reason: "InvalidImageName", message, until: Timestamp::now() + RETRY });
    }
    let spec = ImageSpec { image: image.clone(), user_specified_image: image.clone(), ..Default::default() };
    let req = ImageStatusRequest { image: Some(spec.clone()), verbose: false };
    if let Some(found) = cx.pod.agent.cri.image_status(req).await.ok().and_then(|it| it.image) {
        let message = format!("Container image \"{image}\" already present on machine and can be accessed by the pod");
        cx.tell(EventType::Normal, "Pulled", &message);
        return Ok(found.id);
    }
    if cx.container.image_pull_policy.as_deref() == Some("Never") {
        let message = format!("Container image \"{image}\" is not present with pull policy of Never");
        cx.tell(EventType::Warning, "ErrImageNeverPull", &message);
        cx.tell(EventType::Warning, "Failed", "Error: ErrImageNeverPull");
        return Err(Obstacle { reason: "ErrImageNeverPull", message, until: Timestamp::now() + RETRY });
    }
    pull(cx, record, spec).await
}

/// Asks for an image that is not here, unless it was asked for a moment ago.
async fn pull(cx: ContainerContext<'_>, record: &mut Record, spec: ImageSpec) -> Result<String, Obstacle> {
    let now = Timestamp::now();
    let image = spec.image.clone();
    let before = record.pull.clone();
    if let Some(before) = before.as_ref().filter(|it| it.until > now) {
        let back_off = format!("Back-off pulling image \"{image}\"");
        cx.tell(EventType::Normal, "BackOff", &back_off);
        cx.tell(EventType::Warning, "Failed", "Error: ImagePullBackOff");
        let message = format!("{back_off}: ErrImagePull: {}", before.message);
        // Looked for before it is asked for again: somebody may import it.
        return Err(Obstacle { reason: "ImagePullBackOff", message, until: before.until.min(now + RETRY) });
    }
    cx.tell(EventType::Normal, "Pulling", &format!("Pulling image \"{image}\""));
    let req = PullImageRequest { image: Some(spec), ..Default::default() };
    let message = match cx.pod.agent.cri.pull_image(req).await {
        Ok(pulled) => return Ok(pulled.image_ref),
        Err(err) => err.to_string(),
    };
    cx.tell(EventType::Warning, "Failed", &format!("Failed to pull image \"{image}\": {message}"));
    cx.tell(EventType::Warning, "Failed", "Error: ErrImagePull");
    let failures = before.map_or(1, |it| it.failures.saturating_add(1));
    let until = now + restart::wait_after(failures);
    record.pull = Some(PullFailure { failures, message: message.clone(), until });
    Err(Obstacle { reason: "ErrImagePull", message, until: now + PULL_ERROR_SHOWN })
}
