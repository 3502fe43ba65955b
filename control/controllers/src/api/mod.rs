//! The Kubernetes API as controllers speak it: a resource, a verb, and JSON that goes through unread where nobody reads it.
//!
//! Whole objects pass as `serde_json::Value`, so that fields this build does not know survive a write.

mod body;
mod error;
mod resource;

use http::{Method, Request, header};
use kube::Client;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

pub use error::Error;

pub(crate) use body::{Deletion, List, Patch};
pub(crate) use error::absent_as_none;
pub(crate) use resource::{Resource, Target};

/// The client of one set of controllers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
}

/// Only the metadata of each object is asked for.
pub(crate) const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";

/// Only the metadata of each object of a list is asked for.
pub(crate) const METADATA_ONLY_LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

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

/// Builds a request; shared with the watches.
pub(crate) fn request(method: Method, path: &str, accept: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>, Error> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::ACCEPT, accept)
        .body(body)
        .map_err(|source| Error::Build { path: path.to_owned(), source })
}

fn encode(path: &str, body: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|source| Error::Encode { path: path.to_owned(), source })
}
