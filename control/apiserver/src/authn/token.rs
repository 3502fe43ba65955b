//! Tokens of ServiceAccounts: made for an account, perhaps bound to a pod, secret or node, and good while those live.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use http::request::Parts;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage::{Key as StoreKey, Storage};

use crate::authn::jwt::Key;
use crate::authn::{Authenticator, bearer_token, openid, service_account};
use crate::error::Failure;
use crate::field::quote;
use crate::identity;
use crate::request::User;

/// How many signatures are remembered as checked; beyond that all are forgotten.
const VERIFIED_MAX: usize = 512;
/// How far clocks may differ, for `nbf` and `exp`.
const LEEWAY_SECONDS: i64 = 60;

/// The server's tokens: issues them, and knows whose they are.
pub struct Tokens {
    /// What signs them.
    pub key: Key,
    /// `iss`, and the audience of tokens that ask for none.
    pub issuer: String,
    storage: Arc<dyn Storage>,
    /// By digest, so that no token lies in memory. Holding on to a signature says nothing of who still lives.
    verified: Mutex<HashMap<[u8; 32], Arc<Claims>>>,
}

/// What a token says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who may accept it.
    pub aud: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// Who made it.
    pub iss: String,
    /// Its own id.
    pub jti: String,
    /// When it begins.
    pub nbf: i64,
    /// The account as a user.
    pub sub: String,
    /// The account and what the token is bound to.
    #[serde(rename = "kubernetes.io")]
    pub kubernetes: Private,
}

/// The claim `kubernetes.io`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Private {
    /// Of the account, and of the pod or secret.
    pub namespace: String,
    /// The node that it is bound to, or that its pod is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    /// The pod that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    /// The secret that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
    /// The account.
    pub serviceaccount: Reference,
    /// When clients should have fetched a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnafter: Option<i64>,
}

/// An object by name and uid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reference {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`; empty for a node that was not there when the token was made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// Why a token is not accepted. Its text is what a TokenReview says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another server's, or no token at all.
    #[error("invalid bearer token")]
    NotOurs,
    /// For others.
    #[error("[invalid bearer token, token audiences {has} is invalid for the target audiences {wanted}]")]
    Audience {
        /// What it is for.
        has: String,
        /// What was asked.
        wanted: String,
    },
    /// Its time is over, or has not begun.
    #[error("[invalid bearer token, service account token has expired]")]
    Expired,
    /// The account or what it is bound to is gone.
    #[error("[invalid bearer token, service account token has been invalidated]")]
    Invalidated,
}

/// Whose a token is, and for which of the audiences that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The account as a user.
    pub user: User,
    /// In the order in which they were asked for.
    pub audiences: Vec<String>,
}

// === impl Tokens ===

impl Tokens {
    /// Tokens by this key for accounts in this store.
    pub fn new(key: Key, issuer: String, storage: Arc<dyn Storage>) -> Tokens {
        Tokens { key, issuer, storage, verified: Mutex::default() }
    }

    /// A token that says this; the issuer and the id are filled in.
    pub fn issue(&self, claims: Claims) -> String {
        self.key.sign(&Claims { iss: self.issuer.clone(), jti: identity::uid(), ..claims })
    }

    /// Whose token it is, if it is good for one of `audiences` at `now` (seconds since 1970).
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn accept(&self, token: &str, audiences: &[String], now: i64) -> Result<Accepted, Refusal> {
        let claims = self.verified(token).ok_or(Refusal::NotOurs)?;
        let accepted: Vec<String> = audiences.iter().filter(|wanted| claims.aud.contains(wanted)).cloned().collect();
        if accepted.is_empty() {
            return Err(Refusal::Audience { has: go_list(&claims.aud), wanted: go_list(audiences) });
        }
        if now > claims.exp + LEEWAY_SECONDS || now < claims.nbf - LEEWAY_SECONDS {
            return Err(Refusal::Expired);
        }
        if !self.is_alive(&claims.kubernetes, now).await {
            return Err(Refusal::Invalidated);
        }
        Ok(Accepted { user: user(&claims), audiences: accepted })
    }

    fn verified(&self, token: &str) -> Option<Arc<Claims>> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(claims) = self.verified.lock().get(&digest) {
            return Some(claims.clone());
        }
        let claims: Arc<Claims> = Arc::new(self.key.verify(token)?);
        if claims.iss != self.issuer {
            return None;
        }
        let mut verified = self.verified.lock();
        if verified.len() >= VERIFIED_MAX {
            verified.clear();
        }
        verified.insert(digest, claims.clone());
        Some(claims)
    }

    async fn is_alive(&self, claims: &Private, now: i64) -> bool {
        let in_namespace = [
            ("core/serviceaccounts", Some(&claims.serviceaccount)),
            ("core/pods", claims.pod.as_ref()),
            ("core/secrets", claims.secret.as_ref()),
        ];
        for (resource, reference) in in_namespace {
            if let Some(reference) = reference
                && !self.is_there(resource, &claims.namespace, reference, now).await
            {
                return false;
            }
        }
        // A pod's node only says where it was made; a token bound to the node itself ends with it.
        match &claims.node {
            Some(node) if claims.pod.is_none() => self.is_there("core/nodes", "", node, now).await,
            _ => true,
        }
    }

    async fn is_there(&self, resource: &str, namespace: &str, reference: &Reference, now: i64) -> bool {
        let key =
            StoreKey { resource: resource.into(), namespace: namespace.into(), name: reference.name.as_str().into() };
        let Ok(Some(object)) = self.storage.get(&key).await else { return false };
        *object.index.uid == *reference.uid && !is_long_deleted(&object.value, now)
    }
}

impl Authenticator for Tokens {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Option<User>, Failure>> {
        Box::pin(async move {
            let Some(token) = bearer_token(request) else { return Ok(None) };
            let now = time::OffsetDateTime::now_utc().unix_timestamp();
            match self.accept(token, std::slice::from_ref(&self.issuer), now).await {
                Ok(accepted) => Ok(Some(accepted.user)),
                Err(_) => Err(Failure::unauthorized()),
            }
        })
    }

    fn document(&self, path: &str) -> Option<openid::Document> {
        openid::document(self, path)
    }
}

/// Whether an object was to be gone more than a minute ago.
fn is_long_deleted(object: &[u8], now: i64) -> bool {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: Metadata<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata<'a> {
        #[serde(borrow)]
        deletion_timestamp: Option<&'a str>,
    }
    let Ok(object) = serde_json::from_slice::<Object<'_>>(object) else { return false };
    let format = &time::format_description::well_known::Rfc3339;
    let deleted = object.metadata.deletion_timestamp.and_then(|text| time::OffsetDateTime::parse(text, format).ok());
    deleted.is_some_and(|deleted| deleted.unix_timestamp() + LEEWAY_SECONDS < now)
}

fn user(claims: &Claims) -> User {
    const PREFIX: &str = "authentication.kubernetes.io";
    let Private { namespace, node, pod, serviceaccount, .. } = &claims.kubernetes;
    let mut extra = vec![("credential-id", format!("JTI={}", claims.jti))];
    for (name_key, uid_key, reference) in [("pod-name", "pod-uid", pod), ("node-name", "node-uid", node)] {
        let Some(reference) = reference else { continue };
        extra.push((name_key, reference.name.clone()));
        if !reference.uid.is_empty() {
            extra.push((uid_key, reference.uid.clone()));
        }
    }
    User {
        name: service_account::user_name(namespace, &serviceaccount.name),
        uid: serviceaccount.uid.clone(),
        groups: service_account::groups(namespace).into(),
        extra: extra.into_iter().map(|(key, value)| (format!("{PREFIX}/{key}"), vec![value])).collect(),
    }
}

/// `["a" "b"]`, as Go prints lists of quoted texts.
fn go_list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
    format!("[{}]", quoted.join(" "))
}
