//! Asks the third party that a registry trusts for a token: with the password, or with a refresh token in its place.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;

use super::client::Ask;
use super::error::PullError;
use super::session::{Session, TRIES_MAX, may_pass, wait};

const TOKEN_BYTES_MAX: usize = 256 << 10;

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

// === impl Session ===

impl Session<'_> {
    /// Asks the third party for a token.
    pub(super) async fn token(&self, realm: &str, service: &str, scope: &str) -> Result<String, PullError> {
        let query = [("service", service), ("scope", scope)];
        let mut ask = Ask {
            method: Method::GET,
            uri: with_query(realm, &query).ok_or_else(|| self.nonsense(format!("no realm: {realm}")))?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        if !self.credential.identity_token.is_empty() {
            let form = [
                ("grant_type", "refresh_token"),
                ("service", service),
                ("scope", scope),
                ("client_id", "coracle"),
                ("refresh_token", &self.credential.identity_token),
            ];
            ask.method = Method::POST;
            ask.uri = realm.parse().map_err(|_| self.nonsense(format!("no realm: {realm}")))?;
            ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            ask.body = encode_form(&form).into();
        } else if let Some(basic) = self.credential.basic().and_then(secret) {
            ask.headers.insert(AUTHORIZATION, basic);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = match self.client.send(&ask).await {
                Ok(answer) => answer,
                Err(failure) => {
                    self.wait_or_fail(failure, tries).await?;
                    continue;
                }
            };
            let status = answer.status();
            if status.is_success() {
                let bytes = self.body(answer, TOKEN_BYTES_MAX).await?;
                let TokenAnswer { token, access_token } =
                    serde_json::from_slice(&bytes).map_err(|err| self.nonsense(format!("no token: {err}")))?;
                return Ok(if token.is_empty() { access_token } else { token });
            }
            if !may_pass(status) || tries >= TRIES_MAX {
                return Err(match self.failed(answer, "token").await {
                    PullError::NotFound { .. } => self.nonsense(format!("{status} at {realm}")),
                    other => other,
                });
            }
            tokio::time::sleep(wait(tries, answer.headers())).await;
        }
    }
}

/// The `Authorization` of a request that shows a token.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    if token.is_empty() { None } else { secret(format!("Bearer {token}")) }
}

/// A header that is not logged.
pub(super) fn secret(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn with_query(realm: &str, pairs: &[(&str, &str)]) -> Option<http::Uri> {
    let separator = if realm.contains('?') { '&' } else { '?' };
    let given: Vec<_> = pairs.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
    format!("{realm}{separator}{}", encode_form(&given)).parse().ok()
}

fn encode_form(pairs: &[(&str, &str)]) -> String {
    let encoded = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value)));
    encoded.collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'/') {
            encoded.push(byte.into());
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes everything");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded_and_joins_one_that_is_there() {
        let uri = with_query("https://a.local/t?x=1", &[("service", "a b"), ("scope", "repository:a/b:pull,push")]);
        let text = uri.map(|uri| uri.to_string());
        assert_eq!(text.as_deref(), Some("https://a.local/t?x=1&service=a%20b&scope=repository:a/b:pull%2Cpush"));
    }
}
