//! Decides what an image reference means, by Docker's rules: `web` is `docker.io/library/web:latest`.

use std::fmt;

/// The longest reference that is looked at; registries allow 255 bytes of name and 128 of tag.
const REFERENCE_BYTES_MAX: usize = 512;
const TAG_BYTES_MAX: usize = 128;
const DEFAULT_DOMAIN: &str = "docker.io";

/// A reference in full: domain, path, and a tag or a digest or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    // Invariant: normal form; `domain/path` is lower case; at least one of tag and digest is there.
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a reference means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid reference format: `{reference}`: {reason}")]
pub struct ReferenceError {
    reference: String,
    reason: &'static str,
}

impl Reference {
    /// Reads what a user wrote.
    ///
    /// # Errors
    /// It is not a reference.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        parse(text)
            .map_err(|reason| ReferenceError { reference: text.chars().take(REFERENCE_BYTES_MAX).collect(), reason })
    }

    /// Domain and path, without tag and digest: what repo digests begin with.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The registry's name, with its port if it has one.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The name in its registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The last word of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The digest, if it is given by digest.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

// === impl fmt::Display for Reference ===

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Whether `text` is `sha256:` and 64 lower-case hexadecimal digits.
pub fn is_sha256(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

fn parse(text: &str) -> Result<Reference, &'static str> {
    if text.len() > REFERENCE_BYTES_MAX {
        return Err("too long");
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) if is_sha256(digest) => (rest, Some(digest.to_owned())),
        Some(_) => return Err("the digest is not sha256 and 64 hexadecimal digits"),
        None => (text, None),
    };
    // A colon before the last slash belongs to the port of the domain.
    let name_start = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[name_start..].find(':') {
        Some(colon) => (&rest[..name_start + colon], Some(&rest[name_start + colon + 1..])),
        None => (rest, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err("the tag has other characters than letters, digits, `_`, `.` and `-`");
    }
    let (domain, path) = split_domain(name);
    if path.is_empty() || !path.split('/').all(is_path_component) {
        return Err("the name has other characters than lower-case letters, digits and separators");
    }
    if !is_domain(&domain) {
        return Err("the domain has other characters than letters, digits, `.` and `-`");
    }
    let tag = match (tag, &digest) {
        (Some(tag), _) => Some(tag.to_owned()),
        (None, Some(_)) => None,
        (None, None) => Some("latest".to_owned()),
    };
    Ok(Reference { domain, path, tag, digest })
}

/// The first word is a domain if it could not be the start of a path: it has a dot or a port, or is `localhost`.
fn split_domain(name: &str) -> (String, String) {
    let (domain, path) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        Some(_) | None => (DEFAULT_DOMAIN, name),
    };
    let domain = if domain == "index.docker.io" { DEFAULT_DOMAIN } else { domain };
    if domain == DEFAULT_DOMAIN && !path.contains('/') {
        return (domain.to_owned(), format!("library/{path}"));
    }
    (domain.to_owned(), path.to_owned())
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = domain.split_once(':').unwrap_or((domain, "0"));
    let host_fits = host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    host_fits && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Runs of letters and digits, separated by `.`, `_`, `__` or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends_fit = component.bytes().next().is_some_and(inner) && component.bytes().last().is_some_and(inner);
    ends_fit && component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).all(is_separator)
}

fn is_separator(text: &str) -> bool {
    matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG_BYTES_MAX
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_get_dockers_defaults() {
        for (text, full) in [
            ("web", "docker.io/library/web:latest"),
            ("web:v1", "docker.io/library/web:v1"),
            ("team/web", "docker.io/team/web:latest"),
            ("index.docker.io/web", "docker.io/library/web:latest"),
            ("example.local/hello-http:v1", "example.local/hello-http:v1"),
            ("localhost/web", "localhost/web:latest"),
            ("localhost:5000/a/b/c", "localhost:5000/a/b/c:latest"),
            ("ghcr.io/a/b_c__d-e--f.g:V1.0_x-y", "ghcr.io/a/b_c__d-e--f.g:V1.0_x-y"),
        ] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), full);
        }
        let digest = format!("ghcr.io/a/b@sha256:{HEX}");
        assert_eq!(Reference::parse(&digest).unwrap().to_string(), digest);
        let both = format!("ghcr.io/a/b:v1@sha256:{HEX}");
        assert_eq!(Reference::parse(&both).unwrap().to_string(), both);
    }

    #[test]
    fn nonsense_is_refused() {
        let long = "a".repeat(REFERENCE_BYTES_MAX + 1);
        for text in
            ["", "/", "Web", "a//b", "a/", "web:", "web:-x", "a..b", "a@sha256:12", "-a.io/b", "a b", "ü", &long]
        {
            assert!(Reference::parse(text).is_err(), "`{text}` is not a reference");
        }
    }

    #[test]
    fn a_reference_knows_its_parts() {
        let reference = Reference::parse("ghcr.io/a/b:v1").unwrap();
        assert_eq!(reference.repository(), "ghcr.io/a/b");
        assert_eq!(reference.name(), "b");
        assert_eq!(reference.digest(), None);
    }
}
