//! Continue tokens: where a page ended, and the snapshot that it was of (`k8s.io/apiserver/pkg/storage/continue.go`).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use storage::{Key, Revision};

use crate::error::Failure;

/// What tokens say they are.
const VERSION: &str = "meta.k8s.io/v1";
/// The revision of a token that goes on with what is there now.
const INCONSISTENT: i64 = -1;

/// A place in a list.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Token {
    v: String,
    rv: i64,
    start: String,
}

impl Token {
    /// After the object `key`, in a list of `namespace` (all if it is empty).
    pub fn new(revision: Revision, namespace: &str, key: &Key) -> Token {
        let start = match (namespace.is_empty(), key.namespace.is_empty()) {
            (true, false) => format!("{}/{}\0", key.namespace, key.name),
            (_, _) => format!("{}\0", key.name),
        };
        Token { v: VERSION.to_owned(), rv: i64::try_from(revision.0).unwrap_or(i64::MAX), start }
    }

    /// Reads what a client sent back.
    ///
    /// # Errors
    /// 400 in upstream's words.
    pub fn decode(text: &str) -> Result<Token, Failure> {
        let bad =
            |what: &str| Failure::bad_request(format!("invalid continue token: continue key is not valid: {what}"));
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|error| {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                // Go names the first byte of the group that is not complete.
                base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => text.len() / 4 * 4,
            };
            bad(&format!("illegal base64 data at input byte {at}"))
        })?;
        crate::schema::json::check(&bytes).map_err(|what| bad(&what))?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|_| unknown_encoding(""))?;
        match token.v.as_str() {
            VERSION if token.rv == 0 => Err(bad("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")),
            VERSION if token.start.is_empty() => Err(bad("encoded start key empty (version meta.k8s.io/v1)")),
            VERSION if token.is_outside() => Err(bad(&token.start)),
            VERSION => Ok(token),
            other => Err(unknown_encoding(other)),
        }
    }

    /// As it is sent.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("strings and a number have text"))
    }

    /// The snapshot, or `None` for whatever is there now.
    pub fn revision(&self) -> Option<Revision> {
        u64::try_from(self.rv).ok().map(Revision)
    }

    /// The (namespace, name) after which to go on; the namespace is empty if the list has only one.
    pub fn after(&self) -> (Arc<str>, Arc<str>) {
        let start = self.start.trim_end_matches('\0');
        let (namespace, name) = start.split_once('/').unwrap_or(("", start));
        (namespace.into(), name.into())
    }

    /// The same place in whatever is there now.
    pub fn inconsistent(&self) -> Token {
        Token { rv: INCONSISTENT, ..self.clone() }
    }

    /// Whether it leads out of the list by `..`.
    fn is_outside(&self) -> bool {
        self.start.split('/').any(|step| step.trim_end_matches('\0') == "..")
    }
}

fn unknown_encoding(version: &str) -> Failure {
    Failure::bad_request(format!(
        "invalid continue token: continue key is not valid: server does not recognize this encoded version {version}"
    ))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn key(namespace: &str, name: &str) -> Key {
        Key { resource: "core/pods".into(), namespace: namespace.into(), name: name.into() }
    }

    #[test]
    fn a_token_comes_back_as_it_went() {
        let token = Token::new(Revision(7), "", &key("a", "b"));
        let back = Token::decode(&token.encode()).unwrap();
        assert_eq!((back.revision(), back.after()), (Some(Revision(7)), ("a".into(), "b".into())));
        assert_eq!(back.inconsistent().revision(), None);
        assert_eq!(Token::new(Revision(7), "a", &key("a", "b")).after(), ("".into(), "b".into()));
    }
}
