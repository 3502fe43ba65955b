//! Finds a container's image, fetching it as its policy says, or tells why it is not to be had and when to ask again.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use runtime::image::{Credential, PullError, Reference};

use super::container::Obstacle;
use super::context::{ContainerContext, PodContext};
use super::keyring::{CONFIG_JSON_KEY, CONFIG_KEY, Keyring};
use super::record::{PullFailure, Record};
use super::restart;
use super::source::{Names, secret_value};
use super::worker::RETRY;
use crate::agent::access::Verdict;
use crate::agent::recorder::EventType;
use crate::cri::Error;
use crate::cri::message::{AuthConfig, Image, ImageSpec, ImageStatusRequest, PullImageRequest};

/// How long `ErrImagePull` shows before it becomes `ImagePullBackOff`.
const PULL_ERROR_SHOWN: SignedDuration = SignedDuration::from_secs(2);
const PULL_ERROR: &str = "ErrImagePull";
const REGISTRY_UNAVAILABLE: &str = "RegistryUnavailable";

/// An image that is here.
pub(super) struct Present {
    /// What CRI calls it.
    pub(super) id: String,
    /// What the pod's status calls it: its name with a digest, or its id if it came from no registry.
    pub(super) image_id: String,
}

/// Makes sure that a container's image is here.
pub(super) async fn ensure(cx: ContainerContext<'_>, record: &mut Record) -> Result<Present, Obstacle> {
    let image = cx.container.image.clone().unwrap_or_default();
    let reference = match Reference::parse(&image) {
        Ok(reference) => reference,
        Err(err) => return Err(invalid_name(cx, &image, &err.to_string())),
    };
    let policy = cx.container.image_pull_policy.as_deref().unwrap_or("IfNotPresent");
    let found = if policy == "Always" { None } else { find(cx, &image).await };
    let may_have = match &found {
        Some(found) => may_have(cx.pod, &found.id, &reference).await,
        None => false,
    };
    match found {
        Some(found) if may_have => {
            let message =
                format!("Container image \"{image}\" already present on machine and can be accessed by the pod");
            cx.tell(EventType::Normal, "Pulled", &message);
            Ok(present(found, &reference))
        }
        Some(_) if policy == "Never" => Err(never(
            cx,
            format!(
                "Container image \"{image}\" is present with pull policy of Never but does not have the proper \
                 credentials to access the image"
            ),
        )),
        None if policy == "Never" => {
            Err(never(cx, format!("Container image \"{image}\" is not present with pull policy of Never")))
        }
        Some(_) | None => pull(cx, record, &image, &reference).await,
    }
}

/// Whether the pod may have an image that is here without asking its registry.
async fn may_have(cx: PodContext<'_>, id: &str, reference: &Reference) -> bool {
    let access = &cx.agent.access;
    match access.verdict(id) {
        Verdict::Everyone => true,
        Verdict::WhoHasThePassword => access.worked(id, &keyring(cx).await.for_image(reference)),
    }
}

fn never(cx: ContainerContext<'_>, message: String) -> Obstacle {
    cx.tell(EventType::Warning, "ErrImageNeverPull", &message);
    cx.tell(EventType::Warning, "Failed", "Error: ErrImageNeverPull");
    Obstacle { reason: "ErrImageNeverPull", message, until: Timestamp::now() + RETRY }
}

fn invalid_name(cx: ContainerContext<'_>, image: &str, err: &str) -> Obstacle {
    let message =
        format!("Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": {err}");
    cx.tell(EventType::Warning, "InspectFailed", &message);
    cx.tell(EventType::Warning, "Failed", "Error: InvalidImageName");
    Obstacle { reason: "InvalidImageName", message, until: Timestamp::now() + RETRY }
}

/// Asks for an image, unless it was asked for in vain a moment ago.
async fn pull(
    cx: ContainerContext<'_>,
    record: &mut Record,
    image: &str,
    reference: &Reference,
) -> Result<Present, Obstacle> {
    let now = Timestamp::now();
    let before = record.pull.clone();
    if let Some(before) = before.as_ref().filter(|it| it.until > now) {
        let back_off = format!("Back-off pulling image \"{image}\"");
        cx.tell(EventType::Normal, "BackOff", &back_off);
        cx.tell(EventType::Warning, "Failed", "Error: ImagePullBackOff");
        let message = format!("{back_off}: {}: {}", before.reason, before.message);
        // Looked for before it is asked for again: somebody may import it.
        return Err(Obstacle { reason: "ImagePullBackOff", message, until: before.until.min(now + RETRY) });
    }
    cx.tell(EventType::Normal, "Pulling", &format!("Pulling image \"{image}\""));
    let (reason, message) = match pull_as_each(cx, image, reference).await {
        Ok((id, credential)) => {
            record.pull = None;
            let found = find(cx, &id).await.unwrap_or_else(|| Image { id, ..Default::default() });
            // What was imported came from no registry, whoever asks.
            if !found.pinned {
                cx.pod.agent.access.note(&found.id, credential.as_ref());
            }
            tell_pulled(cx, image, found.size, Timestamp::now().duration_since(now));
            return Ok(present(found, reference));
        }
        Err(failed) => failed,
    };
    cx.tell(EventType::Warning, "Failed", &format!("Failed to pull image \"{image}\": {message}"));
    cx.tell(EventType::Warning, "Failed", &format!("Error: {reason}"));
    let failures = before.map_or(1, |it| it.failures.saturating_add(1));
    let until = now + restart::wait_after(failures);
    record.pull = Some(PullFailure { failures, reason, message: message.clone(), until });
    Err(Obstacle { reason, message, until: now + PULL_ERROR_SHOWN })
}

fn tell_pulled(cx: ContainerContext<'_>, image: &str, size_bytes: u64, took: SignedDuration) {
    let took = go_duration(took.as_millis());
    let message = format!(
        "Successfully pulled image \"{image}\" in {took} ({took} including waiting). Image size: {size_bytes} bytes."
    );
    cx.tell(EventType::Normal, "Pulled", &message);
}

/// Asks as each of those that the pod has the password of, until one may have it; without any, as nobody. The image's id
/// and who got it.
async fn pull_as_each(
    cx: ContainerContext<'_>,
    image: &str,
    reference: &Reference,
) -> Result<(String, Option<Credential>), (&'static str, String)> {
    let credentials = keyring(cx.pod).await.for_image(reference);
    let askers: Vec<Option<Credential>> = match credentials.is_empty() {
        true => vec![None],
        false => credentials.into_iter().map(Some).collect(),
    };
    let mut failed = (PULL_ERROR, Vec::new());
    for credential in askers {
        let auth = credential.clone().map(auth);
        let req = PullImageRequest { image: Some(spec(image)), auth, ..Default::default() };
        let (reason, message) = match cx.pod.agent.cri.pull_image(req).await {
            Ok(pulled) => return Ok((pulled.image_ref, credential)),
            Err(err) => why(image, &err),
        };
        failed.0 = reason;
        if !failed.1.contains(&message) {
            failed.1.push(message);
        }
    }
    let (reason, messages) = failed;
    // As Go's aggregates are written.
    Err((reason, if messages.len() == 1 { messages.concat() } else { format!("[{}]", messages.join(", ")) }))
}

fn why(image: &str, err: &Error) -> (&'static str, String) {
    let text = err.to_string();
    match (err, text.strip_prefix(REGISTRY_UNAVAILABLE)) {
        (Error::Pull(PullError::Unavailable { .. }), Some(rest)) => {
            (REGISTRY_UNAVAILABLE, format!("image pull failed for {image} because the registry is unavailable{rest}"))
        }
        _ => (PULL_ERROR, text),
    }
}

/// What the pod's `imagePullSecrets` hold; its ServiceAccount's were put into the pod when it was admitted.
async fn keyring(cx: PodContext<'_>) -> Keyring {
    let mut keyring = Keyring::default();
    let listed = cx.pod.spec.iter().flat_map(|it| it.image_pull_secrets.iter().flatten());
    let secrets = listed.map(|it| it.name.clone()).filter(|it| !it.is_empty()).collect();
    let names = Names { secrets, ..Names::default() };
    if names.secrets.is_empty() {
        return keyring;
    }
    let mut missing = Vec::new();
    let sources = match names.fetch(&cx.agent.client, &cx.entry.namespace).await {
        Ok(sources) => sources,
        Err(err) => {
            tracing::warn!(pod = %cx.entry.name, %err, "could not read image pull secrets");
            Default::default()
        }
    };
    for name in &names.secrets {
        let Some(secret) = sources.secrets.get(name) else {
            missing.push(name.as_str());
            continue;
        };
        for key in [CONFIG_JSON_KEY, CONFIG_KEY] {
            let Some(data) = secret_value(secret, key) else { continue };
            if let Err(err) = keyring.add(key, &data) {
                tracing::warn!(pod = %cx.entry.name, secret = %name, %err, "could not read an image pull secret");
            }
        }
    }
    if !missing.is_empty() {
        let message = format!(
            "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
            missing.join(", ")
        );
        cx.tell(EventType::Warning, "FailedToRetrieveImagePullSecret", &message);
    }
    keyring
}

async fn find(cx: ContainerContext<'_>, image: &str) -> Option<Image> {
    let req = ImageStatusRequest { image: Some(spec(image)), verbose: false };
    cx.pod.agent.cri.image_status(req).await.ok().and_then(|it| it.image)
}

fn spec(image: &str) -> ImageSpec {
    ImageSpec { image: image.to_owned(), user_specified_image: image.to_owned(), ..Default::default() }
}

fn present(image: Image, reference: &Reference) -> Present {
    let repository = format!("{}@", reference.repository());
    let by_digest = image.repo_digests.iter().find(|name| name.starts_with(&repository));
    let image_id = by_digest.or(image.repo_digests.first()).unwrap_or(&image.id).clone();
    Present { id: image.id, image_id }
}

fn auth(credential: Credential) -> AuthConfig {
    AuthConfig {
        username: credential.username,
        password: credential.password,
        identity_token: credential.identity_token,
        registry_token: credential.registry_token,
        ..Default::default()
    }
}

/// Milliseconds as Go writes them: `250ms`, `1.5s`, `1m2s`.
fn go_duration(millis: i128) -> String {
    match (millis / 60_000, millis % 60_000) {
        (_, 0) if millis == 0 => "0s".to_owned(),
        (0, rest) if rest < 1000 => format!("{rest}ms"),
        (0, rest) => format!("{}s", seconds(rest)),
        (minutes, rest) if minutes < 60 => format!("{minutes}m{}s", seconds(rest)),
        (minutes, rest) => format!("{}h{}m{}s", minutes / 60, minutes % 60, seconds(rest)),
    }
}

fn seconds(millis: i128) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (millis, text) in [
            (0, "0s"),
            (250, "250ms"),
            (1000, "1s"),
            (1500, "1.5s"),
            (10_010, "10.01s"),
            (62_000, "1m2s"),
            (3_600_001, "1h0m0.001s"),
        ] {
            assert_eq!(go_duration(millis), text);
        }
    }

    #[test]
    fn a_registry_that_is_away_has_a_reason_of_its_own() {
        let err = Error::Pull(PullError::Unavailable { registry: "r.local".to_owned(), reason: "refused".to_owned() });
        let (reason, message) = why("r.local/a", &err);
        assert_eq!(reason, "RegistryUnavailable");
        assert_eq!(
            message,
            "image pull failed for r.local/a because the registry is unavailable: r.local cannot be reached: refused"
        );
        assert_eq!(why("a", &Error::Pull(PullError::Refused("it is odd".to_owned()))).0, "ErrImagePull");
    }
}
