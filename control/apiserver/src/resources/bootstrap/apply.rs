//! Makes what is missing of a server's first objects, through its own API, so that they are like everybody else's.

use std::convert::Infallible;

use axum::body::Body;
use futures::future::join_all;
use http::{Request, Response, StatusCode};
use serde_json::Value;
use storage::{Key, Storage};
use tower::{Service, ServiceExt};

use crate::authn::MASTERS;
use crate::object::Fields;
use crate::request::{InProcess, User};
use crate::resources::bootstrap;

/// The name of the server as a user.
const USER: &str = "system:apiserver";

/// The first object that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("make `{path}/{name}`: the server answered {status}")]
pub struct ApplyError {
    path: String,
    name: String,
    status: StatusCode,
}

/// Makes the missing objects of [`bootstrap::objects`]. Kinds that the server does not serve are passed over.
///
/// # Errors
/// The first object that could not be made; the others are made nevertheless.
pub async fn apply<S>(storage: &dyn Storage, service: S) -> Result<(), ApplyError>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    // Namespaces first, for what lies in them. The rest together, so that they share commits.
    let (namespaces, others): (Vec<Value>, Vec<Value>) =
        bootstrap::objects().into_iter().partition(|object| object.str_at("kind") == "Namespace");
    for objects in [namespaces, others] {
        let made = objects.into_iter().map(|object| make(storage, service.clone(), object));
        join_all(made).await.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
}

async fn make<S>(storage: &dyn Storage, service: S, object: Value) -> Result<(), ApplyError>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let place = Place::of(&object);
    let is_there = storage.get(&place.key).await.ok().flatten().is_some();
    if is_there {
        return Ok(());
    }
    let mut request = Request::post(&place.path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(object.to_string()))
        .expect("the paths of these kinds are plain");
    let user = User::new(USER, [MASTERS]);
    request.extensions_mut().insert(InProcess(user));
    let Ok(response) = service.oneshot(request).await;
    match response.status() {
        status if status.is_success() || status == StatusCode::NOT_FOUND || status == StatusCode::CONFLICT => Ok(()),
        status => Err(ApplyError { path: place.path, name: place.key.name.to_string(), status }),
    }
}

/// Where an object goes.
struct Place {
    path: String,
    key: Key,
}

// === impl Place ===

impl Place {
    fn of(object: &Value) -> Place {
        // All kinds here have regular plurals but one.
        let plural = match object.str_at("kind") {
            "PriorityClass" => "priorityclasses".to_owned(),
            kind => format!("{}s", kind.to_lowercase()),
        };
        let api_version = object.str_at("apiVersion");
        let (group, root) = match api_version.split_once('/') {
            Some((group, _)) => (group, format!("/apis/{api_version}")),
            None => ("core", format!("/api/{api_version}")),
        };
        let namespace = object.str_at("metadata.namespace");
        let path = match namespace {
            "" => format!("{root}/{plural}"),
            namespace => format!("{root}/namespaces/{namespace}/{plural}"),
        };
        let key = Key {
            resource: format!("{group}/{plural}").into(),
            namespace: namespace.into(),
            name: object.str_at("metadata.name").into(),
        };
        Place { path, key }
    }
}
