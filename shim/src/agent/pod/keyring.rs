//! Decides which of a pod's `imagePullSecrets` are for an image, in which order, as the kubelet does.
//!
//! A secret's entries name registries, with a path or without, with `*` for a part of a name. All that fit are tried, the
//! longest first.

use std::collections::BTreeMap;

use runtime::image::{Credential, Reference};
use serde::Deserialize;

/// What a secret of type `kubernetes.io/dockerconfigjson` has its entries under.
pub(super) const CONFIG_JSON_KEY: &str = ".dockerconfigjson";
/// The same for `kubernetes.io/dockercfg`, the older form.
pub(super) const CONFIG_KEY: &str = ".dockercfg";
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_KEY: &str = "index.docker.io";

/// Credentials by what they are for.
#[derive(Debug, Default)]
pub(super) struct Keyring(Vec<(Place, Credential)>);

/// A registry, or a part of one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(String);

#[derive(Deserialize)]
struct ConfigJson {
    #[serde(default)]
    auths: BTreeMap<String, AuthEntry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthEntry {
    username: String,
    password: String,
    auth: String,
    identitytoken: String,
    registrytoken: String,
}

// === impl Keyring ===

impl Keyring {
    /// Takes the entries of one secret's data. What cannot be read is no entry.
    pub(super) fn add(&mut self, key: &str, data: &[u8]) -> Result<(), serde_json::Error> {
        let entries = match key {
            CONFIG_JSON_KEY => serde_json::from_slice::<ConfigJson>(data)?.auths,
            _ => serde_json::from_slice(data)?,
        };
        for (location, entry) in entries {
            let credential = entry.credential();
            if !credential.is_empty() {
                self.0.push((Place::new(&location), credential));
            }
        }
        // Of two that both fit, the one that says more is greater.
        self.0.sort_by(|(one, _), (other, _)| other.cmp(one));
        Ok(())
    }

    /// What to try for an image, in order.
    pub(super) fn for_image(&self, image: &Reference) -> Vec<Credential> {
        let fits = |(place, _): &&(Place, Credential)| place.holds(image);
        self.0.iter().filter(fits).map(|(_, credential)| credential.clone()).collect()
    }
}

// === impl Place ===

impl Place {
    /// `https://registry/v1/` is the registry, and so is `registry`.
    fn new(location: &str) -> Self {
        let rest = location.strip_prefix("https://").or_else(|| location.strip_prefix("http://")).unwrap_or(location);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let versions = path.strip_prefix("v1").or_else(|| path.strip_prefix("v2"));
        let path = versions.filter(|it| it.is_empty() || it.starts_with('/')).unwrap_or(path);
        let path = path.trim_matches('/');
        Self(if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") })
    }

    fn holds(&self, image: &Reference) -> bool {
        let (host, path) = self.0.split_once('/').unwrap_or((&self.0, ""));
        if image.domain() == DOCKER_HUB && self.0 == DOCKER_HUB_KEY {
            return true;
        }
        fits_host(host, image.domain()) && image.path().starts_with(path)
    }
}

// === impl AuthEntry ===

impl AuthEntry {
    fn credential(self) -> Credential {
        let pair = match self.username.as_str() {
            "" => Credential::from_auth(&self.auth).unwrap_or_default(),
            _ => Credential { username: self.username, password: self.password, ..Credential::default() },
        };
        Credential { identity_token: self.identitytoken, registry_token: self.registrytoken, ..pair }
    }
}

/// Ports are equal, and each part between dots fits; `*` stands for any text within one.
fn fits_host(pattern: &str, host: &str) -> bool {
    let (pattern, pattern_port) = pattern.split_once(':').unwrap_or((pattern, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let (patterns, parts) = (pattern.split('.'), host.split('.'));
    pattern_port == port
        && patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| fits_part(pattern, part))
}

fn fits_part(pattern: &str, part: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == part };
    let Some(mut left) = part.strip_prefix(start) else { return false };
    let mut middles: Vec<&str> = rest.split('*').collect();
    let end = middles.pop().unwrap_or_default();
    for middle in middles {
        let Some(at) = left.find(middle) else { return false };
        left = &left[at + middle.len()..];
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn users(places: &[&str], image: &str) -> Vec<String> {
        let mut keyring = Keyring::default();
        let auths: BTreeMap<&str, _> =
            places.iter().map(|place| (*place, serde_json::json!({"username": place, "password": "p"}))).collect();
        keyring.add(CONFIG_JSON_KEY, &serde_json::to_vec(&serde_json::json!({"auths": auths})).unwrap()).unwrap();
        let found = keyring.for_image(&Reference::parse(image).unwrap());
        found.into_iter().map(|it| it.username).collect()
    }

    #[test]
    fn a_place_is_matched_as_the_kubelet_does() {
        for (place, image, fits) in [
            ("r.local", "r.local/a/b:v1", true),
            ("https://r.local/v1/", "r.local/a", true),
            ("r.local/a", "r.local/a/b", true),
            ("r.local/a", "r.local/ab", true),
            ("r.local/b", "r.local/a/b", false),
            ("r.local:5000", "r.local/a", false),
            ("r.local:5000", "r.local:5000/a", true),
            ("*.local", "r.local/a", true),
            ("*.local", "x.r.local/a", false),
            ("r*x.*", "r-1-x.local/a", true),
            ("*", "r.local/a", false),
            ("https://index.docker.io/v1/", "web", true),
            ("docker.io", "web", true),
            ("https://index.docker.io/v1/", "r.local/web", false),
        ] {
            assert_eq!(users(&[place], image).len(), usize::from(fits), "{place} {image}");
        }
    }

    #[test]
    fn the_longest_that_fits_is_tried_first() {
        let places = ["r.local", "r.local/a/b", "r.local/a", "other.local"];
        assert_eq!(users(&places, "r.local/a/b/c"), ["r.local/a/b", "r.local/a", "r.local"]);
    }

    #[test]
    fn entries_come_in_every_form() {
        let mut keyring = Keyring::default();
        keyring.add(CONFIG_KEY, br#"{"r.local": {"auth": "YW5uOnBhc3M="}, "s.local": {"email": "x"}}"#).unwrap();
        keyring.add(CONFIG_JSON_KEY, br#"{"auths": {"t.local": {"identitytoken": "t"}}, "credsStore": "x"}"#).unwrap();
        let found = |image: &str| keyring.for_image(&Reference::parse(image).unwrap());
        assert_eq!(found("r.local/a")[0].password, "pass");
        assert_eq!(found("s.local/a"), []);
        assert_eq!(found("t.local/a")[0].identity_token, "t");
        assert!(keyring.add(CONFIG_JSON_KEY, b"{").is_err());
    }
}
