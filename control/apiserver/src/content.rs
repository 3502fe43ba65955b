//! Content negotiation: which form of an answer a client wants, and which form its body has.
//!
//! JSON is always possible and YAML on request. Protobuf is understood in bodies but never sent: every client that asks
//! for it takes JSON too.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};

use crate::error::Failure;
use crate::field::{self, Path};
use crate::query::Parameters;
use clause::{Clause, Target};

mod clause;
pub mod yaml;

/// The media types that bodies and answers may have, as error messages list them.
const MEDIA_TYPES: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
/// The same for watches.
const STREAM_MEDIA_TYPES: &str = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    #[default]
    Json,
    /// `application/yaml`.
    Yaml,
}

/// A version of the group `meta.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaVersion {
    /// `v1`.
    V1,
    /// `v1beta1`.
    V1Beta1,
}

impl MetaVersion {
    /// `meta.k8s.io/v1`.
    pub fn api_version(self) -> &'static str {
        match self {
            MetaVersion::V1 => "meta.k8s.io/v1",
            MetaVersion::V1Beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// What of an object is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    #[default]
    Plain,
    /// A row of cells.
    Table(MetaVersion, Include),
    /// Only its metadata.
    Metadata(MetaVersion),
    /// Only the metadata of a list's objects.
    MetadataList(MetaVersion),
    /// Aggregated discovery.
    Discovery,
}

/// What a row of a table carries beside its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    None,
    /// The object's metadata.
    Metadata,
    /// The object.
    Object,
}

/// What an endpoint can answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// An object of a kind: plain, as metadata, as a table.
    Objects,
    /// The same of many; the endpoint can watch, too.
    List,
    /// The same as a stream of events.
    Watch,
    /// One form only.
    Plain,
    /// The plain and the aggregated form of discovery.
    Discovery,
}

/// What was negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// How it is written.
    pub media: Media,
    /// What is written.
    pub form: Form,
    /// With line breaks and indentation.
    pub pretty: bool,
}

/// Picks the form of the answer.
///
/// # Errors
/// 406 with the types that are possible.
pub fn negotiate(headers: &HeaderMap, query: &Parameters, offer: Offer) -> Result<Accept, Failure> {
    let header = text(headers, &ACCEPT);
    let pretty = query.get("pretty").is_some_and(|value| !matches!(value, "false" | "0"));
    if header.trim().is_empty() {
        return Ok(Accept { pretty, ..Accept::default() });
    }
    let clauses = clause::parse(&header);
    let known = |clause: &Clause| clause.media == "*/*" || MEDIA_TYPES.contains(&clause.media);
    if !clauses.iter().any(known)
        && let Some(streams) = representations(offer)
    {
        let types = MEDIA_TYPES.join(", ");
        let message = format!("406: Not Acceptable\n\nAvailable representations: {types}{streams}");
        return Err(Failure::not_acceptable(message).with_details(serde_json::json!({})));
    }
    // Aggregated discovery wins wherever it stands.
    let (first, rest): (Vec<&Clause>, Vec<&Clause>) =
        clauses.iter().partition(|clause| offer == Offer::Discovery && clause.target == Target::Discovery);
    let accept = first.into_iter().chain(rest).find_map(|clause| accept(clause, query, offer));
    if let Some(Accept { form: Form::Table(..), .. }) = accept {
        check_include(query)?;
    }
    accept.map(|accept| Accept { pretty: pretty || accept.pretty, ..accept }).ok_or_else(|| match offer {
        Offer::Watch => Failure::only_acceptable(STREAM_MEDIA_TYPES),
        Offer::Objects | Offer::List | Offer::Plain | Offer::Discovery => {
            Failure::only_acceptable(&MEDIA_TYPES.join(", "))
        }
    })
}

/// What an endpoint of objects can send beside the media types of all; `None` for other endpoints, which look closer.
fn representations(offer: Offer) -> Option<String> {
    match offer {
        Offer::Objects => Some(String::new()),
        Offer::List | Offer::Watch => Some(format!(", {STREAM_MEDIA_TYPES}")),
        Offer::Plain | Offer::Discovery => None,
    }
}

/// The form of an error's body: as the client wants it if that can be known, else JSON.
pub fn media_for_errors(headers: &HeaderMap) -> Media {
    let header = text(headers, &ACCEPT);
    clause::parse(&header).iter().find_map(|clause| media(clause.media)).unwrap_or_default()
}

/// How a request's body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyType {
    /// `application/json`, or nothing said.
    Json,
    /// `application/yaml`.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`.
    Protobuf,
}

/// How the body of a POST, PUT or DELETE is encoded.
///
/// # Errors
/// 415 with the types that are possible.
pub fn body_type(headers: &HeaderMap) -> Result<BodyType, Failure> {
    let said = text(headers, &CONTENT_TYPE);
    match content_type(headers).to_ascii_lowercase().as_str() {
        // Nothing at all is JSON; only parameters are rubbish.
        "" if said.trim().is_empty() => Ok(BodyType::Json),
        "application/json" => Ok(BodyType::Json),
        "application/yaml" => Ok(BodyType::Yaml),
        "application/vnd.kubernetes.protobuf" => Ok(BodyType::Protobuf),
        _ => Err(Failure::unsupported_media_type(format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            MEDIA_TYPES.join(", ")
        ))),
    }
}

/// The Content-Type without its parameters.
pub fn content_type(headers: &HeaderMap) -> String {
    text(headers, &CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_owned()
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

fn media(name: &str) -> Option<Media> {
    match name {
        "*/*" | "application/*" | "application/json" => Some(Media::Json),
        "application/yaml" => Some(Media::Yaml),
        _ => None,
    }
}

fn accept(clause: &Clause<'_>, query: &Parameters, offer: Offer) -> Option<Accept> {
    let media = media(clause.media)?;
    if (media == Media::Yaml || clause.stream.is_some_and(|stream| stream != "watch")) && offer == Offer::Watch {
        return None;
    }
    if clause.stream.is_some() && offer != Offer::Watch {
        return None;
    }
    let form = match (clause.target, offer) {
        (Target::Plain, _) => Form::Plain,
        (Target::Table(version), Offer::Objects | Offer::List | Offer::Watch) => Form::Table(version, include(query)),
        (Target::Metadata(version), Offer::Objects | Offer::List | Offer::Watch) => Form::Metadata(version),
        (Target::MetadataList(version), Offer::Objects | Offer::List | Offer::Watch) => Form::MetadataList(version),
        (Target::Discovery, Offer::Discovery) => Form::Discovery,
        (Target::Table(_) | Target::Metadata(_) | Target::MetadataList(_), Offer::Plain | Offer::Discovery)
        | (Target::Discovery, Offer::Objects | Offer::List | Offer::Watch | Offer::Plain)
        | (Target::Unknown, _) => return None,
    };
    Some(Accept { media, form, pretty: clause.pretty })
}

fn check_include(query: &Parameters) -> Result<(), Failure> {
    let said = query.text("includeObject");
    if matches!(said, "" | "Metadata" | "Object" | "None") {
        return Ok(());
    }
    let path = Path::new("includeObject");
    let error = field::Error::invalid(&path, said, "must be 'Metadata', 'Object', 'None', or empty");
    Err(Failure::bad_request(format!("Unable to convert to Table as requested: {error}")))
}

fn include(query: &Parameters) -> Include {
    match query.text("includeObject") {
        "None" => Include::None,
        "Object" => Include::Object,
        _ => Include::Metadata,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn negotiated(header: &str, offer: Offer) -> Result<Accept, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, header.parse().unwrap());
        negotiate(&headers, &Parameters::default(), offer)
    }

    #[test]
    fn kubectl_gets_a_table() {
        let header = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        let form = negotiated(header, Offer::Objects).unwrap().form;
        assert_eq!(form, Form::Table(MetaVersion::V1, Include::Metadata));
        assert_eq!(negotiated(header, Offer::Plain).unwrap().form, Form::Plain);
    }

    #[test]
    fn clients_that_prefer_protobuf_get_json() {
        for header in
            ["application/vnd.kubernetes.protobuf,application/json", "application/vnd.kubernetes.protobuf, */*"]
        {
            assert_eq!(negotiated(header, Offer::Objects).unwrap().media, Media::Json);
        }
    }

    #[test]
    fn quality_orders_clauses() {
        let header = "application/yaml;q=0.5,application/json";
        assert_eq!(negotiated(header, Offer::Objects).unwrap().media, Media::Json);
        assert_eq!(negotiated("application/yaml,application/json", Offer::Objects).unwrap().media, Media::Yaml);
        assert!(negotiated("application/*", Offer::Objects).is_err());
    }

    #[test]
    fn aggregated_discovery_wins_wherever_it_stands() {
        let header = "application/json,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        assert_eq!(negotiated(header, Offer::Discovery).unwrap().form, Form::Discovery);
    }
}
