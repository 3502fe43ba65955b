//! Fetches an image from a registry: finds out what it is, fetches what of it we can run, and stores it whole.
//!
//! # Flow
//! reference → places to ask (`registries`) → manifest, by way of an index (`select`) → config → what it is (`plan`) →
//! its layers (`download`) → files, and the image under its names (`commit`).
//!
//! # Guarantees
//! - Dropping the future ends the pull. What was fetched stays for the next one, and no image is seen half.
//! - A registry is asked each time, so that who may not have a private image does not get it because it is here.
//! - Everything is checked by digest, from the manifest down.

mod client;
mod commit;
mod credential;
mod download;
pub(crate) mod downloads;
mod error;
mod oci;
mod plan;
mod progress;
mod registries;
mod select;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod world;
mod yaml;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Method};

pub use credential::Credential;
pub use error::PullError;
pub use progress::{BlobProgress, Report};
pub use registries::{Registries, RegistriesError};

use crate::image::blob;
use crate::image::reference::Reference;
use crate::image::store::{Image, ImageStore};
use client::Client;
use oci::{Config, Descriptor, Document};
use plan::Plan;
use registries::Endpoint;
use session::{Session, accepting};

const MANIFEST_TYPES: &[&str] = &[oci::INDEX, oci::MANIFEST, oci::DOCKER_LIST, oci::DOCKER_MANIFEST];
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// Pulls at the same time; more wait.
pub(crate) const PULLS_MAX: usize = 4;

/// What to fetch.
#[derive(Clone, Debug, Default)]
pub struct Pull {
    /// The image's name.
    pub reference: String,
    /// Who asks; empty for nobody in particular.
    pub credential: Credential,
    /// Is told how far it is.
    pub report: Report,
}

/// A manifest, and how it was found.
struct Found {
    /// The digest of what the reference leads to, which may be an index.
    top: String,
    /// The digest of the manifest itself.
    digest: String,
    manifest: Document,
}

impl ImageStore {
    /// Fetches an image, or makes sure that who asks may have the one that is here. Cancellation safe.
    ///
    /// # Errors
    /// No place has it for us, it cannot run here, or the disk fails.
    pub async fn pull(self: &Arc<Self>, pull: Pull) -> Result<Image, PullError> {
        let reference = Reference::parse(&pull.reference).map_err(crate::image::error::ImageError::from)?;
        let _permit = self.pulls.acquire().await.expect("nobody closes the semaphore");
        let registries = self.registries();
        let client = Client::new(Arc::clone(&registries));
        let mut failure = None;
        for endpoint in registries.endpoints(&reference) {
            let credential = credential_for(&endpoint, &pull.credential, &registries);
            let session = Session::new(&client, &endpoint, credential);
            match self.pull_from(&session, &reference, &pull.report).await {
                Ok(image) => return Ok(image),
                Err(err) if err.is_of_the_place() => {
                    tracing::debug!(registry = %endpoint.host, %err, "no image from there");
                    // The registry itself is asked last, and what it says counts most.
                    failure = Some(err);
                }
                Err(err) => return Err(err),
            }
        }
        Err(failure.expect("there is at least one place"))
    }

    async fn pull_from(
        self: &Arc<Self>,
        session: &Session<'_>,
        reference: &Reference,
        report: &Report,
    ) -> Result<Image, PullError> {
        if let Some(image) = self.unchanged(session, reference).await? {
            return Ok(image);
        }
        let found = find(session, reference).await?;
        let descriptor = found.manifest.config.clone().ok_or_else(|| {
            PullError::Refused("it has no config: it is not an image, or one of Docker's first format".to_owned())
        })?;
        let config = config(session, &descriptor).await?;
        let plan = plan::plan(reference.name(), &found.manifest, config)?;
        let id = if plan.bound_by_config { descriptor.digest } else { found.digest };
        let names = names(reference, &found.top);
        self.fetch_and_commit(session, plan, id, names, report).await
    }

    /// The image that is here, if the registry says that the reference still leads to it.
    async fn unchanged(
        self: &Arc<Self>,
        session: &Session<'_>,
        reference: &Reference,
    ) -> Result<Option<Image>, PullError> {
        let store = Arc::clone(self);
        let name = reference.to_string();
        let here = tokio::task::spawn_blocking(move || store.resolve(&name)).await;
        let Some(image) = here.expect("reading the store does not panic")? else { return Ok(None) };
        let answer = match session.get(Method::HEAD, &manifest_part(reference), accepting(MANIFEST_TYPES)).await {
            Ok(answer) => answer,
            // It knows no `HEAD`: the manifest itself will tell.
            Err(PullError::Answer { .. }) => return Ok(None),
            Err(err) => return Err(err),
        };
        let digest = answer.headers().get(CONTENT_DIGEST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let name = format!("{}@{digest}", reference.repository());
        Ok(image.references.contains(&name).then_some(image))
    }

    async fn fetch_and_commit(
        self: &Arc<Self>,
        session: &Session<'_>,
        plan: Plan,
        id: String,
        names: Vec<String>,
        report: &Report,
    ) -> Result<Image, PullError> {
        // Held until the layers are part of an image, so that nobody takes them away or writes them twice.
        let claims = self.downloads.claim(plan.layers.iter().map(|layer| layer.descriptor.digest.as_str())).await;
        if let Some(image) = commit::known(self, &id, &names).await? {
            return Ok(image);
        }
        for layer in &plan.layers {
            download::download(session, &layer.descriptor, claims[&layer.descriptor.digest].path(), report).await?;
        }
        commit::commit(self, plan, claims, id, names).await
    }
}

/// Who asks a place: the pod's credential is for the registry that the image names, and a mirror has its own.
fn credential_for(endpoint: &Endpoint, given: &Credential, registries: &Registries) -> Credential {
    let server = given.server.split_once("://").map_or(given.server.as_str(), |(_, rest)| rest);
    let server = server.split('/').next().unwrap_or_default();
    let fits = if server.is_empty() { endpoint.original } else { server == endpoint.host || endpoint.original };
    if fits && !given.is_empty() {
        return given.clone();
    }
    registries.credential(&endpoint.host).unwrap_or_default()
}

/// What the image is called once it is here.
fn names(reference: &Reference, digest: &str) -> Vec<String> {
    let by_digest = format!("{}@{digest}", reference.repository());
    let by_tag = reference.digest().is_none().then(|| reference.to_string());
    by_tag.into_iter().chain([by_digest]).collect()
}

fn manifest_part(reference: &Reference) -> String {
    let wanted = reference.digest().or(reference.tag()).expect("a reference has a tag or a digest");
    format!("manifests/{wanted}")
}

/// The manifest that is ours, by way of an index if need be.
async fn find(session: &Session<'_>, reference: &Reference) -> Result<Found, PullError> {
    let (top, document) = document(session, &manifest_part(reference), reference.digest()).await?;
    let Some(manifests) = &document.manifests else {
        return Ok(Found { digest: top.clone(), top, manifest: document });
    };
    let chosen = select::select(manifests)?;
    chosen.check()?;
    let (digest, manifest) =
        self::document(session, &format!("manifests/{}", chosen.digest), Some(&chosen.digest)).await?;
    if manifest.manifests.is_some() {
        return Err(PullError::Refused("its index leads to another index".to_owned()));
    }
    Ok(Found { top, digest, manifest })
}

async fn document(session: &Session<'_>, part: &str, digest: Option<&str>) -> Result<(String, Document), PullError> {
    let answer = session.get(Method::GET, part, accepting(MANIFEST_TYPES)).await?;
    let bytes = session.body(answer, oci::MANIFEST_BYTES_MAX).await?;
    let found = checked(session, &bytes, digest)?;
    Ok((found, oci::parse("manifest", &bytes)?))
}

async fn config(session: &Session<'_>, descriptor: &Descriptor) -> Result<Config, PullError> {
    descriptor.check()?;
    if descriptor.size > oci::CONFIG_BYTES_MAX {
        return Err(PullError::Refused(format!("its config has more than {} bytes", oci::CONFIG_BYTES_MAX)));
    }
    let answer = session.get(Method::GET, &format!("blobs/{}", descriptor.digest), http::HeaderMap::new()).await?;
    let size = usize::try_from(oci::CONFIG_BYTES_MAX).expect("a few megabytes fit");
    let bytes = session.body(answer, size).await?;
    checked(session, &bytes, Some(&descriptor.digest))?;
    match descriptor.media_type.as_str() {
        oci::WASM_CONFIG | oci::OCI_CONFIG | oci::DOCKER_CONFIG => oci::parse("config", &bytes),
        // Of other makers we know only that it says nothing that we need.
        _ => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
    }
}

/// The digest of what came, which must be the one that was asked for.
fn checked(session: &Session<'_>, bytes: &Bytes, wanted: Option<&str>) -> Result<String, PullError> {
    let found = blob::digest(bytes);
    match wanted {
        Some(wanted) if wanted != found => {
            Err(PullError::Digest { registry: session.host(), digest: wanted.to_owned() })
        }
        Some(_) | None => Ok(found),
    }
}
