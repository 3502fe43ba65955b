//! Keeps `default/kubernetes` as the server's address is, through the server's own API.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tower::{Service, ServiceExt};

use crate::authn::MASTERS;
use crate::object::Fields;
use crate::request::{InProcess, User};
use crate::resources::core::service::kubernetes;

/// The name of the server as a user.
const USER: &str = "system:apiserver";

/// An object of `default/kubernetes` that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("write `{path}`: the server answered {status}")]
pub struct EnsureError {
    path: String,
    status: StatusCode,
}

/// Makes the service `default/kubernetes` and what stands behind it, or brings them up to date. `cluster_ip` is
/// [`Allocators::first_address`](crate::registry::allocator::Allocators::first_address); other servers of the cluster
/// do not share the endpoints yet.
///
/// # Errors
/// The first object that the server refused.
pub async fn ensure_kubernetes<S>(service: S, cluster_ip: IpAddr, address: IpAddr, port: u16) -> Result<(), EnsureError>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    for object in kubernetes(cluster_ip, address, port) {
        let collection = collection(&object);
        let path = format!("{collection}/{}", object.str_at("metadata.name"));
        let mut status = send(service.clone(), Method::PUT, &path, &object).await;
        if status == StatusCode::NOT_FOUND {
            status = send(service.clone(), Method::POST, &collection, &object).await;
        }
        if !status.is_success() {
            return Err(EnsureError { path, status });
        }
    }
    Ok(())
}

fn collection(object: &Value) -> String {
    let (root, plural) = match object.str_at("kind") {
        "EndpointSlice" => ("/apis/discovery.k8s.io/v1", "endpointslices"),
        "Endpoints" => ("/api/v1", "endpoints"),
        _ => ("/api/v1", "services"),
    };
    format!("{root}/namespaces/{}/{plural}", object.str_at("metadata.namespace"))
}

async fn send<S>(service: S, method: Method, path: &str, object: &Value) -> StatusCode
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(object.to_string()))
        .expect("the paths of these kinds are plain");
    let user = User::new(USER, [MASTERS]);
    request.extensions_mut().insert(InProcess(user));
    let Ok(response) = service.oneshot(request).await;
    response.status()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[tokio::test]
    async fn what_cannot_be_updated_is_made() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let service = tower::service_fn({
            let asked = asked.clone();
            move |request: Request<Body>| {
                let line = format!("{} {}", request.method(), request.uri());
                let missing = line.starts_with("PUT") && line.contains("endpointslices");
                asked.lock().push(line);
                let status = if missing { StatusCode::NOT_FOUND } else { StatusCode::OK };
                let response = Response::builder().status(status).body(Body::empty()).unwrap();
                async move { Ok::<_, Infallible>(response) }
            }
        });
        let [cluster_ip, address] = ["10.96.0.1", "192.0.2.1"].map(|text| text.parse().unwrap());
        ensure_kubernetes(service, cluster_ip, address, 6443).await.unwrap();
        assert_eq!(
            *asked.lock(),
            [
                "PUT /api/v1/namespaces/default/services/kubernetes",
                "PUT /api/v1/namespaces/default/endpoints/kubernetes",
                "PUT /apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
                "POST /apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
            ]
        );
    }
}
