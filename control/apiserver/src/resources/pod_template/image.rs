//! Image references, as far as the API server reads them: which tag decides the pull policy.

/// Whether a reference names the tag `latest`, which is also the tag of one without tag and digest.
pub fn is_latest(reference: &str) -> bool {
    if reference.is_empty() || reference.contains('@') {
        return false;
    }
    // A colon in the first part of several is a registry's port.
    let last = reference.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => true,
    }
}

/// The pull policy of a reference that comes without one.
pub fn default_pull_policy(reference: &str) -> &'static str {
    if is_latest(reference) { "Always" } else { "IfNotPresent" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tag_latest_is_pulled_always() {
        let rows = [
            ("app", true),
            ("app:latest", true),
            ("app:1", false),
            ("localhost:5000/app", true),
            ("localhost:5000/app:1", false),
            ("app@sha256:00", false),
            ("", false),
        ];
        for (reference, latest) in rows {
            assert_eq!(is_latest(reference), latest, "{reference}");
        }
    }
}
