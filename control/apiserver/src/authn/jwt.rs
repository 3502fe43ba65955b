//! JSON web tokens signed with ES256, and nothing else: the header's `alg` is compared, never obeyed.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A token longer than this is none: ours have about 1 KB.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The key that signs tokens, with its public half.
pub struct Key {
    pair: EcdsaKeyPair,
    /// `kid` in the header: what other servers find the key by.
    id: String,
    /// Where signatures get their randomness.
    random: SystemRandom,
}

/// The key is not one.
#[derive(Debug, thiserror::Error)]
#[error("the signing key is not a P-256 key in PKCS #8: {reason}")]
pub struct BadKey {
    reason: String,
}

// === impl Key ===

impl Key {
    /// Reads a P-256 key in PKCS #8 (DER).
    pub fn from_pkcs8(der: &[u8]) -> Result<Key, BadKey> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random);
        let pair = pair.map_err(|error| BadKey { reason: error.to_string() })?;
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(pair.public_key().as_ref()));
        Ok(Key { pair, id, random })
    }

    /// The same from PEM, with one key in it.
    pub fn from_pem(pem: &str) -> Result<Key, BadKey> {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let der = STANDARD.decode(body).map_err(|error| BadKey { reason: error.to_string() })?;
        Key::from_pkcs8(&der)
    }

    /// A new key, for servers that keep none.
    pub fn generate() -> Key {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let document = document.expect("the kernel gives random bytes");
        Key::from_pkcs8(document.as_ref()).expect("it was generated as such a key")
    }

    /// The signed token of these claims.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let header = json!({"alg": "ES256", "kid": self.id, "typ": "JWT"});
        let claims = serde_json::to_vec(claims).expect("claims are plain data");
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&self.random, text.as_bytes()).expect("the kernel gives random bytes");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a token that this key signed; `None` for any other text.
    pub fn verify<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (text, signature) = token.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.get("alg")?.as_str()? != "ES256" {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        public.verify(text.as_bytes(), &signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// The public half as others fetch it (RFC 7517).
    pub fn jwks(&self) -> Value {
        // An uncompressed point: one byte of form, then x and y of 32 bytes each.
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        json!({"keys": [{
            "use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn only_what_was_signed_is_verified() {
        let key = Key::generate();
        let token = key.sign(&json!({"sub": "x"}));
        assert_eq!(key.verify::<Value>(&token).unwrap(), json!({"sub": "x"}));
        assert_eq!(Key::generate().verify::<Value>(&token), None);
        assert_eq!(key.verify::<Value>(&format!("{token}x")), None);
        let (text, _) = token.rsplit_once('.').unwrap();
        assert_eq!(key.verify::<Value>(&format!("{text}.")), None);
        for nonsense in ["", ".", "..", "a.b.c", "ä.ö.ü"] {
            assert_eq!(key.verify::<Value>(nonsense), None);
        }
    }

    #[test]
    fn a_key_is_read_from_pem() {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let (key, body) = (Key::from_pkcs8(document.as_ref()).unwrap(), STANDARD.encode(document.as_ref()));
        let (first, second) = body.split_at(64);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{first}\n{second}\n-----END PRIVATE KEY-----\n");
        assert_eq!(Key::from_pem(&pem).unwrap().jwks(), key.jwks());
        assert!(Key::from_pem("nonsense").is_err());
    }

    #[test]
    fn a_token_does_not_choose_its_algorithm() {
        let key = Key::generate();
        let token = key.sign(&json!({}));
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let (_, rest) = token.split_once('.').unwrap();
        assert_eq!(key.verify::<Value>(&format!("{none}.{rest}")), None);
    }
}
