//! What others need to check our tokens by themselves: OpenID Connect discovery and the public key.

use serde_json::{Value, json};

use crate::authn::token::Tokens;

/// Where the issuer describes itself.
pub const CONFIGURATION_PATH: &str = "/.well-known/openid-configuration";
/// Where the key is.
pub const KEYS_PATH: &str = "/openid/v1/jwks";

/// A document and its media type.
pub type Document = (&'static str, Value);

/// The document at this path, if there is one. The issuer's name is the server's own in the cluster, so that pods
/// reach the key by it.
pub fn document(tokens: &Tokens, path: &str) -> Option<Document> {
    match path {
        CONFIGURATION_PATH => Some((
            "application/json",
            json!({
                "issuer": tokens.issuer,
                "jwks_uri": format!("{}{KEYS_PATH}", tokens.issuer),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }),
        )),
        KEYS_PATH => Some(("application/jwk-set+json", tokens.key.jwks())),
        _ => None,
    }
}
