//! Asks one registry for parts of one repository: as somebody, again when it failed for a moment, and no more than so often.
//!
//! # Flow
//! The first request goes out as it is. A 401 says what the registry wants: a password in each request, or a token from
//! a third party that is asked with the password. Both are kept for the session, and asked for again if they expire.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderName, RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use parking_lot::Mutex;
use serde::Deserialize;

use super::client::{Ask, Client, Failure};
use super::credential::{Challenge, Credential};
use super::error::PullError;
use super::registries::Endpoint;
use super::token::{bearer, secret};

/// How often a request is sent that fails for a moment.
pub(crate) const TRIES_MAX: u32 = 5;
const WAIT_FIRST: Duration = Duration::from_millis(200);
const WAIT_MAX: Duration = Duration::from_secs(5);
/// No registry makes us wait longer, whatever it says.
const RETRY_AFTER_SECONDS_MAX: u64 = 30;
/// How long an answer may pause.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Of what a registry says went wrong.
const ERROR_BYTES_MAX: usize = 16 << 10;
const ERROR_TEXT_BYTES_MAX: usize = 300;

/// One repository of one registry, for one pull.
pub(crate) struct Session<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoint: &'a Endpoint,
    pub(super) credential: Credential,
    /// What the last challenge led to.
    authorization: Mutex<Option<HeaderValue>>,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<ErrorItem>,
}

#[derive(Deserialize)]
struct ErrorItem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

// === impl Session ===

impl<'a> Session<'a> {
    pub(crate) fn new(client: &'a Client, endpoint: &'a Endpoint, credential: Credential) -> Self {
        let given = (!credential.registry_token.is_empty()).then(|| bearer(&credential.registry_token)).flatten();
        Self { client, endpoint, credential, authorization: Mutex::new(given) }
    }

    /// A part of the repository: `manifests/TAG` or `blobs/DIGEST`. The answer is a success. Cancellation safe.
    pub(crate) async fn get(
        &self,
        method: Method,
        part: &str,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, PullError> {
        let uri = format!("{}/{}/{part}", self.endpoint.base, self.endpoint.path);
        let uri = uri.parse().map_err(|_| self.nonsense(format!("no address: {uri}")))?;
        let mut ask = Ask { method, uri, headers, body: Bytes::new() };
        let mut authenticated = false;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.authorization.lock().clone() {
                Some(authorization) => drop(ask.headers.insert(AUTHORIZATION, authorization)),
                None => drop(ask.headers.remove(AUTHORIZATION)),
            }
            let answer = match self.client.send(&ask).await {
                Ok(answer) => answer,
                Err(failure) => {
                    self.wait_or_fail(failure, tries).await?;
                    continue;
                }
            };
            let status = answer.status();
            match status {
                StatusCode::UNAUTHORIZED if !authenticated => {
                    authenticated = true;
                    self.authenticate(&answer).await?;
                }
                _ if status.is_success() => return Ok(answer),
                _ if may_pass(status) && tries < TRIES_MAX => tokio::time::sleep(wait(tries, answer.headers())).await,
                _ => return Err(self.failed(answer, part).await),
            }
        }
    }

    pub(super) async fn wait_or_fail(&self, failure: Failure, tries: u32) -> Result<(), PullError> {
        match failure {
            Failure::Connection(reason) if tries < TRIES_MAX => {
                tracing::debug!(registry = %self.endpoint.host, %reason, "asking again");
                tokio::time::sleep(wait(tries, &HeaderMap::new())).await;
                Ok(())
            }
            Failure::Connection(reason) => Err(PullError::Unavailable { registry: self.host(), reason }),
            Failure::Refused(reason) => Err(PullError::Settings { host: self.host(), reason }),
        }
    }

    /// Finds out what a 401 wants.
    async fn authenticate(&self, answer: &Response<Incoming>) -> Result<(), PullError> {
        let values = answer.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let authorization = match Challenge::parse(values) {
            Some(Challenge::Basic) => self.credential.basic().and_then(secret),
            Some(Challenge::Bearer { realm, service, scope }) => {
                let scope = if scope.is_empty() { format!("repository:{}:pull", self.endpoint.path) } else { scope };
                bearer(&self.token(&realm, &service, &scope).await?)
            }
            None => None,
        };
        let authorization = authorization.ok_or_else(|| self.denied("no credentials for it"))?;
        *self.authorization.lock() = Some(authorization);
        Ok(())
    }

    /// A whole small body.
    pub(crate) async fn body(&self, answer: Response<Incoming>, bytes_max: usize) -> Result<Bytes, PullError> {
        let collected = Limited::new(answer.into_body(), bytes_max).collect();
        match tokio::time::timeout(STALL_TIMEOUT, collected).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(err)) if err.is::<http_body_util::LengthLimitError>() => {
                Err(self.nonsense(format!("more than {bytes_max} bytes")))
            }
            Ok(Err(err)) => Err(PullError::Unavailable { registry: self.host(), reason: err.to_string() }),
            Err(_) => {
                Err(PullError::Unavailable { registry: self.host(), reason: "it stopped in an answer".to_owned() })
            }
        }
    }

    pub(super) async fn failed(&self, answer: Response<Incoming>, part: &str) -> PullError {
        let status = answer.status();
        let said = match self.body(answer, ERROR_BYTES_MAX).await {
            Ok(bytes) => said(&bytes),
            Err(_) => String::new(),
        };
        let reason = if said.is_empty() { status.to_string() } else { format!("{status}: {said}") };
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.denied(&reason),
            StatusCode::NOT_FOUND => PullError::NotFound {
                registry: self.host(),
                path: self.endpoint.path.clone(),
                what: part.rsplit('/').next().unwrap_or(part).to_owned(),
            },
            _ if may_pass(status) => PullError::Unavailable { registry: self.host(), reason },
            _ => self.nonsense(reason),
        }
    }

    fn denied(&self, reason: &str) -> PullError {
        PullError::Denied { registry: self.host(), path: self.endpoint.path.clone(), reason: reason.to_owned() }
    }

    pub(crate) fn nonsense(&self, reason: String) -> PullError {
        PullError::Answer { registry: self.host(), reason }
    }

    pub(crate) fn host(&self) -> String {
        self.endpoint.host.clone()
    }
}

/// Accepted types as headers.
pub(crate) fn accepting(types: &[&str]) -> HeaderMap {
    let value = HeaderValue::from_str(&types.join(", ")).expect("media types are ASCII");
    HeaderMap::from_iter([(ACCEPT, value)])
}

/// A blob from a byte on, as headers.
pub(crate) fn from_byte(start: u64) -> HeaderMap {
    let range = (start > 0).then(|| HeaderValue::from_str(&format!("bytes={start}-")).expect("digits are ASCII"));
    HeaderMap::from_iter(range.map(|range| (RANGE, range) as (HeaderName, HeaderValue)))
}

/// Whether asking again later may help.
pub(super) fn may_pass(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
}

/// How long to wait before the next try: twice as long each time, or what the registry says.
pub(super) fn wait(tries: u32, headers: &HeaderMap) -> Duration {
    let said = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match said {
        Some(seconds) => Duration::from_secs(seconds.min(RETRY_AFTER_SECONDS_MAX)),
        None => WAIT_MAX.min(WAIT_FIRST * 2_u32.saturating_pow(tries - 1)),
    }
}

/// What went wrong, in the registry's words, as one line.
fn said(bytes: &[u8]) -> String {
    let text = match serde_json::from_slice::<Errors>(bytes) {
        Ok(errors) => {
            let items = errors.errors.iter().map(|it| format!("{}: {}", it.code.to_lowercase(), it.message));
            items.collect::<Vec<_>>().join(", ")
        }
        Err(_) => String::new(),
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text[..text.floor_char_boundary(ERROR_TEXT_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let none = HeaderMap::new();
        let waits: Vec<u128> = (1..=7).map(|tries| wait(tries, &none).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
        let said = |text| HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
        assert_eq!(wait(1, &said("2")).as_secs(), 2);
        assert_eq!(wait(1, &said("86400")).as_secs(), RETRY_AFTER_SECONDS_MAX);
        assert_eq!(wait(1, &said("Wed, 21 Oct 2026 07:28:00 GMT")), WAIT_FIRST);
    }

    #[test]
    fn a_registrys_words_are_one_short_line() {
        let json = br#"{"errors":[{"code":"DENIED","message":"no\nway"},{"code":"X"}]}"#;
        assert_eq!(said(json), "denied: no way, x: ");
        assert_eq!(said(b"<html>"), "");
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "ü".repeat(1000));
        assert!(said(long.as_bytes()).len() <= ERROR_TEXT_BYTES_MAX);
    }
}
