//! Decides where an image is fetched from, and as whom: k3s' `registries.yaml`, read verbatim.
//!
//! An image keeps its name wherever it comes from. The mirrors of its registry are asked in their order, then the
//! registry itself. Plain HTTP is spoken where an endpoint says `http://`, and to this machine itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use regex::Regex;
use serde::Deserialize;

use super::credential::Credential;
use super::yaml;
use crate::image::reference::Reference;

/// A bigger file is some other file.
const FILE_BYTES_MAX: u64 = 1 << 20;
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";
const ANY: &str = "*";

/// Where images are fetched from. The default asks each registry itself.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    mirrors: BTreeMap<String, Mirror>,
    configs: BTreeMap<String, HostConfig>,
}

/// Why the settings mean nothing.
#[derive(Debug, thiserror::Error)]
pub enum RegistriesError {
    /// The file cannot be read.
    #[error("read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file says something else.
    #[error("`{path}` is no registries.yaml: {reason}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// One place to ask for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `https://host:port/v2` or with a path of its own before that.
    pub(crate) base: String,
    pub(crate) host: String,
    /// The image's name there.
    pub(crate) path: String,
    /// The registry that the image names, rather than a mirror of it.
    pub(crate) original: bool,
}

/// How a host is spoken to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HostConfig {
    auth: Option<Auth>,
    pub(crate) tls: Option<Tls>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tls {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) insecure_skip_verify: bool,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Auth {
    username: String,
    password: String,
    auth: String,
    #[serde(alias = "identity_token", alias = "identitytoken")]
    token: String,
}

// Without its secrets.
impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Default)]
struct Mirror {
    endpoints: Vec<String>,
    /// Tried in order; the first that matches rewrites.
    rewrites: Vec<(Regex, String)>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawFile {
    mirrors: Option<BTreeMap<String, Option<RawMirror>>>,
    configs: Option<BTreeMap<String, Option<HostConfig>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawMirror {
    endpoint: Option<Vec<String>>,
    rewrite: Option<BTreeMap<String, String>>,
}

// === impl Registries ===

impl Registries {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or is not what k3s takes.
    pub fn read(path: &Path) -> Result<Self, RegistriesError> {
        let read = |source| RegistriesError::Read { path: path.to_owned(), source };
        let parse = |reason| RegistriesError::Parse { path: path.to_owned(), reason };
        if fs::metadata(path).map_err(read)?.len() > FILE_BYTES_MAX {
            return Err(parse(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        Self::parse(&fs::read_to_string(path).map_err(read)?).map_err(parse)
    }

    /// Reads the file at `path` if there is one.
    ///
    /// # Errors
    /// As `read`.
    pub fn read_if_there(path: &Path) -> Result<Self, RegistriesError> {
        match Self::read(path) {
            Err(RegistriesError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            other => other,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value = yaml::parse(text)?;
        let raw: Option<RawFile> = serde_json::from_value(value).map_err(|err| err.to_string())?;
        let raw = raw.unwrap_or_default();
        let mirrors = raw.mirrors.unwrap_or_default().into_iter();
        let mirrors = mirrors.map(|(domain, raw)| Ok((domain, mirror(raw.unwrap_or_default())?)));
        let configs = raw.configs.unwrap_or_default().into_iter();
        Ok(Self {
            mirrors: mirrors.collect::<Result<_, String>>()?,
            configs: configs.map(|(host, config)| (host, config.unwrap_or_default())).collect(),
        })
    }

    /// Where to ask for an image, in order.
    pub(crate) fn endpoints(&self, reference: &Reference) -> Vec<Endpoint> {
        let mirror = self.mirrors.get(reference.domain()).or_else(|| self.mirrors.get(ANY));
        let mut endpoints: Vec<Endpoint> = mirror.map(|mirror| mirror.endpoints(reference)).unwrap_or_default();
        let default = self.default_endpoint(reference);
        if !endpoints.iter().any(|it| it.base == default.base && it.path == default.path) {
            endpoints.push(default);
        }
        endpoints
    }

    fn default_endpoint(&self, reference: &Reference) -> Endpoint {
        let host = if reference.domain() == DOCKER_HUB { DOCKER_HUB_HOST } else { reference.domain() };
        let scheme = if is_this_machine(host) && self.tls(host).is_none() { "http" } else { "https" };
        Endpoint {
            base: format!("{scheme}://{host}/v2"),
            host: host.to_owned(),
            path: reference.path().to_owned(),
            original: true,
        }
    }

    /// What the settings say of a host's TLS.
    pub(crate) fn tls(&self, host: &str) -> Option<&Tls> {
        self.config(host)?.tls.as_ref()
    }

    /// Who this machine is to a host, whatever the pod says.
    pub(crate) fn credential(&self, host: &str) -> Option<Credential> {
        let auth = self.config(host)?.auth.as_ref()?;
        let pair = Credential::from_auth(&auth.auth).unwrap_or_else(|| Credential {
            username: auth.username.clone(),
            password: auth.password.clone(),
            ..Credential::default()
        });
        Some(Credential { identity_token: auth.token.clone(), ..pair }).filter(|it| !it.is_empty())
    }

    /// Whether a host may be spoken to without TLS: this machine, or one that an endpoint says so of.
    pub(crate) fn may_be_plain(&self, host: &str) -> bool {
        let plain =
            |endpoint: &String| split_endpoint(endpoint).is_some_and(|(scheme, it, _)| scheme == "http" && it == host);
        is_this_machine(host) || self.mirrors.values().any(|mirror| mirror.endpoints.iter().any(plain))
    }

    fn config(&self, host: &str) -> Option<&HostConfig> {
        let hub = (host == DOCKER_HUB_HOST).then_some(DOCKER_HUB);
        self.configs.get(host).or_else(|| self.configs.get(hub?)).or_else(|| self.configs.get(ANY))
    }
}

// === impl Mirror ===

impl Mirror {
    fn endpoints(&self, reference: &Reference) -> Vec<Endpoint> {
        let rewritten = self.rewrites.iter().find(|(pattern, _)| pattern.is_match(reference.path()));
        let path = match rewritten {
            Some((pattern, text)) => pattern.replace_all(reference.path(), text).into_owned(),
            None => reference.path().to_owned(),
        };
        let parts = self.endpoints.iter().filter_map(|endpoint| split_endpoint(endpoint));
        parts
            .map(|(scheme, host, prefix)| {
                let prefix = prefix.strip_suffix("/v2").unwrap_or(prefix);
                let original = host == reference.domain();
                // The registry itself is asked for the image by its own name.
                let path = if original { reference.path().to_owned() } else { path.clone() };
                Endpoint { base: format!("{scheme}://{host}{prefix}/v2"), host: host.to_owned(), path, original }
            })
            .collect()
    }
}

fn mirror(raw: RawMirror) -> Result<Mirror, String> {
    let endpoints = raw.endpoint.unwrap_or_default();
    if let Some(wrong) = endpoints.iter().find(|endpoint| split_endpoint(endpoint).is_none()) {
        return Err(format!("an endpoint is `https://HOST` or `http://HOST`: {wrong}"));
    }
    let rewrites = raw.rewrite.unwrap_or_default().into_iter().map(|(pattern, text)| {
        let pattern = Regex::new(&pattern).map_err(|err| format!("a rewrite cannot be read: {err}"))?;
        Ok((pattern, text))
    });
    Ok(Mirror { endpoints, rewrites: rewrites.collect::<Result<_, String>>()? })
}

/// Scheme, host and path; without a scheme it is HTTPS.
fn split_endpoint(endpoint: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("https", endpoint));
    let rest = rest.trim_end_matches('/');
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host_fits = !host.is_empty() && !host.contains(['@', '?', '#', ' ']);
    (matches!(scheme, "http" | "https") && host_fits).then_some((scheme, host, path))
}

/// Whether `host` is this machine by its name or address, which nobody can listen in on.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        Some(_) | None => (host, ""),
    };
    let name = name.trim_matches(['[', ']']);
    let local = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    // As containerd has it: who serves on the port of HTTPS means it.
    local && port != "443"
}

#[cfg(test)]
mod tests;
