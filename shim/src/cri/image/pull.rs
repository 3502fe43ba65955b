//! PullImage: fetches an image, or makes sure that who asks may have the one that is here.
//!
//! What was imported has no registry that could be asked: it is here, and that is the answer. Everything else is asked
//! for each time, which costs one small request if it has not changed, so that a private image is for those who may
//! have it. A call that its caller drops ends the fetch.

use runtime::image::{Credential, Pull, Report};

use crate::cri::error::Error;
use crate::cri::message::{AuthConfig, PullImageRequest, PullImageResponse};
use crate::cri::service::Service;

/// The id of the image that a reference leads to now.
pub(in crate::cri) async fn pull(service: &Service, req: PullImageRequest) -> Result<PullImageResponse, Error> {
    let reference = req.image.unwrap_or_default().image;
    if let Some(image) = super::resolve(service, &reference).await?
        && (image.pinned || image.id == reference)
    {
        return Ok(PullImageResponse { image_ref: image.id });
    }
    let credential = req.auth.map(credential).transpose()?.unwrap_or_default();
    let pull = Pull { reference, credential, report: Report::default() };
    let image = service.runtime.images().pull(pull).await.map_err(Error::Pull)?;
    tracing::info!(image = %image.id, "pulled");
    Ok(PullImageResponse { image_ref: image.id })
}

/// CRI's one credential, in whichever form it comes.
fn credential(auth: AuthConfig) -> Result<Credential, Error> {
    let pair = match (auth.username.as_str(), auth.auth.as_str()) {
        ("", "") => Credential::default(),
        ("", encoded) => Credential::from_auth(encoded)
            .ok_or_else(|| Error::Invalid("the credential's `auth` is not base64 of `user:password`".to_owned()))?,
        _ => Credential { username: auth.username, password: auth.password, ..Credential::default() },
    };
    Ok(Credential {
        identity_token: auth.identity_token,
        registry_token: auth.registry_token,
        server: auth.server_address,
        ..pair
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_credential_comes_in_every_form() {
        let encoded = AuthConfig { auth: "YW5uOnBhc3M=".to_owned(), ..Default::default() };
        let pair = AuthConfig { username: "ann".to_owned(), password: "pass".to_owned(), ..Default::default() };
        assert_eq!(credential(encoded).unwrap(), credential(pair).unwrap());
        let token =
            AuthConfig { identity_token: "t".to_owned(), server_address: "r.local".to_owned(), ..Default::default() };
        let found = credential(token).unwrap();
        assert_eq!((found.identity_token.as_str(), found.server.as_str()), ("t", "r.local"));
        assert!(credential(AuthConfig::default()).unwrap().is_empty());
        assert!(credential(AuthConfig { auth: "?".to_owned(), ..Default::default() }).is_err());
    }
}
