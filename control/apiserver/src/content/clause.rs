//! The clauses of an Accept header: what each asks for, and which the client likes best.

use super::MetaVersion;

/// The most clauses of an Accept header that are looked at.
const CLAUSES_MAX: usize = 64;

/// The form that a clause asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Plain,
    Table(MetaVersion),
    Metadata(MetaVersion),
    MetadataList(MetaVersion),
    Discovery,
    Unknown,
}

/// One of the media types that a client takes.
#[derive(Debug)]
pub(super) struct Clause<'a> {
    /// `application/json`, `*/*`.
    pub media: &'a str,
    /// In thousandths.
    pub quality: u32,
    /// From `as`, `g` and `v`.
    pub target: Target,
    /// `watch`.
    pub stream: Option<&'a str>,
    /// `pretty=1`.
    pub pretty: bool,
}

/// The clauses of an Accept header, best first.
pub(super) fn parse(header: &str) -> Vec<Clause<'_>> {
    let clauses = header.split(',').map(str::trim).filter(|clause| !clause.is_empty());
    let mut clauses: Vec<Clause> = clauses.take(CLAUSES_MAX).map(parse_clause).collect();
    clauses.sort_by_key(|clause| std::cmp::Reverse(clause.quality));
    clauses
}

fn parse_clause(clause: &str) -> Clause<'_> {
    let mut parts = clause.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
    let get = |name: &str| parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let quality = get("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
    Clause {
        media,
        // Thousandths of a number between 0 and 1.
        quality: (quality.clamp(0.0, 1.0) * 1000.0) as u32,
        target: target(get("as"), get("g"), get("v")),
        stream: get("stream"),
        pretty: get("pretty") == Some("1"),
    }
}

fn target(kind: Option<&str>, group: Option<&str>, version: Option<&str>) -> Target {
    let Some(kind) = kind else { return Target::Plain };
    let version = match (group, version) {
        (Some("apidiscovery.k8s.io"), Some("v2")) if kind == "APIGroupDiscoveryList" => return Target::Discovery,
        (Some("meta.k8s.io"), Some("v1")) => MetaVersion::V1,
        (Some("meta.k8s.io"), Some("v1beta1")) => MetaVersion::V1Beta1,
        _ => return Target::Unknown,
    };
    match kind {
        "Table" => Target::Table(version),
        "PartialObjectMetadata" => Target::Metadata(version),
        "PartialObjectMetadataList" => Target::MetadataList(version),
        _ => Target::Unknown,
    }
}
