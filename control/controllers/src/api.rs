//! The Kubernetes API as controllers speak it: a resource, a verb, and JSON that goes through unread where nobody reads it.
//!
//! Whole objects pass as `serde_json::Value`, so that fields this build does not know survive a write.

use std::borrow::Cow;

use http::{Method, Request, header};
use kube::Client;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

/// A resource by its names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Resource {
    /// The API group; empty for the core group.
    pub(crate) group: Cow<'static, str>,
    pub(crate) version: Cow<'static, str>,
    pub(crate) plural: Cow<'static, str>,
    pub(crate) kind: Cow<'static, str>,
}

/// What goes wrong between a controller and the API.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request could not be built: a name from an object is no part of a URL.
    #[error("build request for `{path}`")]
    Build {
        /// The path of the request.
        path: String,
        /// Why not.
        #[source]
        source: http::Error,
    },
    /// The object could not be encoded.
    #[error("encode body for `{path}`")]
    Encode {
        /// The path of the request.
        path: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The server refused, or did not answer.
    #[error("{method} {path}")]
    Call {
        /// The HTTP method.
        method: Method,
        /// The path of the request.
        path: String,
        /// What the server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// A stored object lacks what its kind promises.
    #[error("read `{key}`")]
    Read {
        /// Which object.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A part of a plan could not be carried out.
    #[error("carry out plan: {reason}")]
    Actions {
        /// The first failure in the server's words.
        reason: String,
    },
}

/// One page of a list.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct List<T> {
    pub(crate) metadata: ListMeta,
    #[serde(default = "Vec::new", deserialize_with = "null_as_empty")]
    pub(crate) items: Vec<T>,
}

/// A list's version and where it goes on.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListMeta {
    pub(crate) resource_version: String,
    #[serde(rename = "continue")]
    pub(crate) next: String,
}

/// How a patch body is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patch {
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, where lists merge by key.
    Strategic,
}

/// The address of one object or its subresource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) resource: &'a Resource,
    /// Empty for cluster-scoped objects.
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

/// What is asked of a deletion.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deletion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) propagation_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grace_period_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Preconditions::is_empty")]
    pub(crate) preconditions: Preconditions,
}

/// What must be true of an object to be deleted.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preconditions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource_version: Option<String>,
}

/// The client of one set of controllers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
}

/// Only the metadata of each object is asked for.
pub(crate) const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";

/// Only the metadata of each object of a list is asked for.
pub(crate) const METADATA_ONLY_LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

// === impl Resource ===

impl Resource {
    /// A resource whose names are known when we compile.
    pub(crate) const fn new(
        group: &'static str,
        version: &'static str,
        plural: &'static str,
        kind: &'static str,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            plural: Cow::Borrowed(plural),
            kind: Cow::Borrowed(kind),
        }
    }

    /// `group/version` as objects carry it.
    pub(crate) fn api_version(&self) -> String {
        match self.group.as_ref() {
            "" => self.version.to_string(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// The path of the collection in `namespace`, or over all namespaces if that is empty.
    pub(crate) fn path(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let (version, plural) = (self.api_version(), &self.plural);
        match namespace {
            "" => format!("{root}/{version}/{plural}"),
            namespace => format!("{root}/{version}/namespaces/{namespace}/{plural}"),
        }
    }
}

// === impl Target ===

impl Target<'_> {
    fn path(&self, subresource: &str) -> String {
        let collection = self.resource.path(self.namespace);
        match subresource {
            "" => format!("{collection}/{}", self.name),
            subresource => format!("{collection}/{}/{subresource}", self.name),
        }
    }
}

// === impl Deletion ===

impl Deletion {
    /// Deletes the object only if it is the one with this uid.
    pub(crate) fn of_uid(uid: &str) -> Self {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        Self { preconditions, ..Self::default() }
    }
}

impl Preconditions {
    fn is_empty(&self) -> bool {
        self.uid.is_none() && self.resource_version.is_none()
    }
}

// === impl Patch ===

impl Patch {
    fn media_type(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

// === impl Api ===

impl Api {
    /// Speaks through `client`.
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client beneath, for watches.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Reads any path.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path.to_owned(), "", Vec::new()).await
    }

    /// Reads any path in the form `accept`.
    pub(crate) async fn read_as<T: DeserializeOwned>(&self, path: &str, accept: &str) -> Result<T, Error> {
        let request = request(Method::GET, path, accept, Vec::new())?;
        self.send(Method::GET, path.to_owned(), request).await
    }

    /// Reads an object; `None` if there is none.
    pub(crate) async fn get<T: DeserializeOwned>(&self, target: Target<'_>) -> Result<Option<T>, Error> {
        absent_as_none(self.read(&target.path("")).await)
    }

    /// Lists a collection. `query` is the query string without its question mark.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: &str,
        query: &str,
    ) -> Result<Vec<T>, Error> {
        let path = format!("{}?{query}", resource.path(namespace));
        Ok(self.read::<List<T>>(&path).await?.items)
    }

    /// Creates an object and answers with it as stored.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: &str,
        object: &impl Serialize,
    ) -> Result<T, Error> {
        let path = resource.path(namespace);
        let body = encode(&path, object)?;
        self.call(Method::POST, path, "application/json", body).await
    }

    /// Replaces an object or its subresource.
    pub(crate) async fn update<T: DeserializeOwned>(
        &self,
        target: Target<'_>,
        subresource: &str,
        object: &impl Serialize,
    ) -> Result<T, Error> {
        let path = target.path(subresource);
        let body = encode(&path, object)?;
        self.call(Method::PUT, path, "application/json", body).await
    }

    /// Patches an object or its subresource.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        target: Target<'_>,
        subresource: &str,
        patch: Patch,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let path = target.path(subresource);
        let body = encode(&path, body)?;
        self.call(Method::PATCH, path, patch.media_type(), body).await
    }

    /// Deletes an object. What the server answers differs by kind and is for the caller to read.
    pub(crate) async fn delete<T: DeserializeOwned>(
        &self,
        target: Target<'_>,
        deletion: &Deletion,
    ) -> Result<T, Error> {
        let path = target.path("");
        let body = match deletion.propagation_policy {
            None if deletion.grace_period_seconds.is_none() && deletion.preconditions.is_empty() => json!({}),
            _ => serde_json::to_value(deletion).map_err(|source| Error::Encode { path: path.clone(), source })?,
        };
        let body = encode(&path, &body)?;
        self.call(Method::DELETE, path, "application/json", body).await
    }

    /// Deletes a whole collection in a namespace.
    pub(crate) async fn delete_collection(&self, resource: &Resource, namespace: &str) -> Result<(), Error> {
        let path = resource.path(namespace);
        let body = encode(&path, &json!({"propagationPolicy": "Background"}))?;
        self.call::<serde::de::IgnoredAny>(Method::DELETE, path, "application/json", body).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: String,
        media_type: &str,
        body: Vec<u8>,
    ) -> Result<T, Error> {
        let mut request = request(method.clone(), &path, "application/json", body)?;
        if let Ok(value) = media_type.parse()
            && !media_type.is_empty()
        {
            request.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        self.send(method, path, request).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: String,
        request: Request<Vec<u8>>,
    ) -> Result<T, Error> {
        let answer = self.client.request(request).await;
        answer.map_err(|source| Error::Call { method, path, source: Box::new(source) })
    }
}

// === impl Error ===

impl Error {
    /// The Status that the server answered with, if it did.
    pub(crate) fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Call { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the server answered with this reason.
    pub(crate) fn has_reason(&self, reason: &str) -> bool {
        self.status().is_some_and(|status| status.reason == reason)
    }

    /// Whether the object does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status().is_some_and(|status| status.code == 404)
    }

    /// Whether somebody else was faster; trying again with a fresh look is all that is needed.
    pub(crate) fn is_conflict(&self) -> bool {
        self.has_reason("Conflict") || self.has_reason("AlreadyExists")
    }

    /// Whether the namespace is going away, so that nothing can be made in it.
    pub(crate) fn is_namespace_terminating(&self) -> bool {
        let causes = self.status().and_then(|status| status.details.as_ref()).map(|details| &details.causes);
        causes.is_some_and(|causes| causes.iter().any(|cause| cause.reason == "NamespaceTerminating"))
    }

    /// What the server said, in its own words.
    pub(crate) fn message(&self) -> String {
        match self.status() {
            Some(status) => status.message.clone(),
            None => match std::error::Error::source(self) {
                Some(source) => source.to_string(),
                None => self.to_string(),
            },
        }
    }
}

/// Builds a request; shared with the watches.
pub(crate) fn request(method: Method, path: &str, accept: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>, Error> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::ACCEPT, accept)
        .body(body)
        .map_err(|source| Error::Build { path: path.to_owned(), source })
}

/// Turns "not found" into `None`.
pub(crate) fn absent_as_none<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn encode(path: &str, body: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|source| Error::Encode { path: path.to_owned(), source })
}

fn null_as_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
