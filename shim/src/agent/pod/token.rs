//! ServiceAccount tokens for a pod's volumes, and when they must be renewed.

use bytes::Bytes;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ServiceAccount, ServiceAccountTokenProjection};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::PostParams;

use super::context::PodContext;
use super::worker::RETRY;

/// As the API server has it where the pod says nothing.
const SECONDS_DEFAULT: i64 = 3600;
/// A token that lives longer is renewed after so long all the same, as upstream does.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// A token as a file shows it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// The token.
    pub(crate) text: Bytes,
    /// When it must be renewed; `None` if that was settled before.
    pub(crate) renew_at: Option<Timestamp>,
}

/// A new token that is good as long as the pod lives.
///
/// # Errors
/// In the words of the `FailedMount` event.
pub(super) async fn request(cx: PodContext<'_>, source: &ServiceAccountTokenProjection) -> Result<Token, String> {
    let account = cx.pod.spec.as_ref().and_then(|it| it.service_account_name.as_deref()).unwrap_or("default");
    let api: Api<ServiceAccount> = Api::namespaced(cx.agent.client.clone(), &cx.entry.namespace);
    let request = TokenRequest {
        metadata: ObjectMeta::default(),
        spec: Some(TokenRequestSpec {
            audiences: Some(source.audience.iter().filter(|it| !it.is_empty()).cloned().collect()),
            attestations: None,
            expiration_seconds: Some(source.expiration_seconds.unwrap_or(SECONDS_DEFAULT)),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(cx.entry.name.clone()),
                uid: Some(cx.entry.uid.clone()),
            }),
        }),
        status: None,
    };
    let answer = api.create_token_request(account, &PostParams::default(), &request).await;
    let answer = answer.map_err(|err| format!("failed to fetch token: {err}"))?.status.unwrap_or_default();
    let (Some(text), Some(expires)) = (answer.token, answer.expiration_timestamp) else {
        return Err("failed to fetch token: the answer has none".to_owned());
    };
    Ok(Token { text: text.into(), renew_at: Some(renew_at(Timestamp::now(), expires.0)) })
}

/// When a token that is new now must be renewed: at 80 % of its life, but not at once.
fn renew_at(now: Timestamp, expires: Timestamp) -> Timestamp {
    let life = expires.duration_since(now);
    now + (life * 4 / 5).clamp(RETRY, AGE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_at_four_fifths_of_its_life_or_after_a_day() {
        let after = |seconds| {
            let now = Timestamp::UNIX_EPOCH;
            renew_at(now, now + SignedDuration::from_secs(seconds)).as_second()
        };
        assert_eq!(after(3600), 2880);
        assert_eq!(after(7 * 24 * 3600), 24 * 3600);
        // A clock that is wrong, or a server that gives no more, must not keep the node busy.
        assert_eq!(after(5), 10);
        assert_eq!(after(-3600), 10);
    }
}
