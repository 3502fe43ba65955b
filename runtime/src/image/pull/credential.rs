//! Decides what a registry is told of who asks: the forms of credentials, and what a 401 asks for.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A challenge is one header line.
const CHALLENGE_BYTES_MAX: usize = 8 << 10;

/// Who asks a registry, in one of the forms of CRI's `AuthConfig`. Empty words are absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credential {
    /// User.
    pub username: String,
    /// Password, or a token in its place.
    pub password: String,
    /// An OAuth2 refresh token, to be changed for tokens.
    pub identity_token: String,
    /// A bearer token that is sent as it is.
    pub registry_token: String,
    /// The registry it is for; empty for the one that the image names.
    pub server: String,
}

// Without its secrets: requests are logged.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("server", &self.server).finish_non_exhaustive()
    }
}

/// What a 401 asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer { realm: String, service: String, scope: String },
}

// === impl Credential ===

impl Credential {
    /// A user and a password from docker's `auth`: `base64(user:password)`. `None` if it is not that.
    pub fn from_auth(auth: &str) -> Option<Self> {
        let bytes = STANDARD.decode(auth.trim()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        // Docker pads old files with zeros.
        let (username, password) = text.trim_end_matches('\0').split_once(':')?;
        Some(Self { username: username.to_owned(), password: password.to_owned(), ..Self::default() })
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.username.is_empty() && self.identity_token.is_empty() && self.registry_token.is_empty()
    }

    /// The `Authorization` of a request that asks with user and password.
    pub(crate) fn basic(&self) -> Option<String> {
        let pair = format!("{}:{}", self.username, self.password);
        (!self.username.is_empty()).then(|| format!("Basic {}", STANDARD.encode(pair)))
    }
}

// === impl Challenge ===

impl Challenge {
    /// Reads the values of `WWW-Authenticate`; a token is preferred to a password in every request.
    pub(crate) fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut best = None;
        for value in values.filter(|value| value.len() <= CHALLENGE_BYTES_MAX) {
            for challenge in challenges(value) {
                match (&best, &challenge) {
                    (None, _) | (Some(Self::Basic), Self::Bearer { .. }) => best = Some(challenge),
                    (Some(_), _) => {}
                }
            }
        }
        best
    }
}

/// `Bearer realm="…",service="…", Basic realm="…"`: a word before a space begins a challenge.
fn challenges(value: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    for item in split_outside_quotes(value) {
        let item = item.trim();
        let (scheme, parameter) = match item.split_once(' ') {
            Some((scheme, parameter)) if !scheme.contains('=') => (Some(scheme), parameter.trim()),
            None if !item.contains('=') => (Some(item), ""),
            Some(_) | None => (None, item),
        };
        match scheme.map(str::to_ascii_lowercase).as_deref() {
            Some("bearer") => {
                found.push(Challenge::Bearer { realm: String::new(), service: String::new(), scope: String::new() })
            }
            Some("basic") => found.push(Challenge::Basic),
            Some(_) | None => {}
        }
        let Some((name, text)) = parameter.split_once('=') else { continue };
        let text = text.trim().trim_matches('"').to_owned();
        if let Some(Challenge::Bearer { realm, service, scope }) = found.last_mut() {
            match name.trim().to_ascii_lowercase().as_str() {
                "realm" => *realm = text,
                "service" => *service = text,
                "scope" => *scope = text,
                _ => {}
            }
        }
    }
    found.retain(|challenge| !matches!(challenge, Challenge::Bearer { realm, .. } if realm.is_empty()));
    found
}

fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn bearer(realm: &str, service: &str, scope: &str) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.to_owned(), scope: scope.to_owned() }
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let scope = "repository:a/b:pull,push";
        let full = format!("Bearer realm=\"https://auth.local/t\",service=\"r.local\",scope=\"{scope}\"");
        let none = Challenge::parse(["Digest realm=\"x\"", "Bearer service=\"x\"", ""].into_iter());
        assert_eq!(none, None);
        for (values, wanted) in [
            (&[full.as_str()][..], bearer("https://auth.local/t", "r.local", scope)),
            (&["Basic realm=\"Registry\""], Challenge::Basic),
            (&["basic"], Challenge::Basic),
            (&["Basic realm=\"a, b\"", "bearer realm=https://auth.local/t"], bearer("https://auth.local/t", "", "")),
            (&["Basic realm=\"x\", Bearer realm=\"https://a\", service=\"s\""], bearer("https://a", "s", "")),
        ] {
            assert_eq!(Challenge::parse(values.iter().copied()), Some(wanted), "{values:?}");
        }
    }

    #[test]
    fn a_credential_shows_no_secret() {
        let credential = Credential::from_auth(&STANDARD.encode("ann:pass:word")).unwrap();
        assert_eq!((credential.username.as_str(), credential.password.as_str()), ("ann", "pass:word"));
        assert!(!format!("{credential:?}").contains("word"));
        assert_eq!(Credential::from_auth("no base64"), None);
        assert!(Credential::default().is_empty());
    }
}
