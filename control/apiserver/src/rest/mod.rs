//! From an authorized request to its answer: which verb of which kind it is, one verb a file.
//!
//! # Flow
//! [`dispatch`] finds the row and the form of the answer, the verb does the work, and warnings that came up on the way
//! are put on whatever comes out.

pub mod answer;
mod call;
mod compress;
mod computed;
pub mod connect;
pub mod continuation;
pub mod create;
pub mod decode;
pub mod delete;
pub mod delete_collection;
pub mod get;
pub mod list;
pub mod modify;
pub mod options;
pub mod patch;
mod route;
pub mod scale;
pub mod update;
pub mod watch;
pub mod watch_event;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use parking_lot::Mutex;

use crate::content;
use crate::discovery;
use crate::error::Failure;
use crate::filters::{authenticate, refuse, request_info};
use crate::health;
use crate::openapi;
use crate::query::Parameters;
use crate::request::RequestInfo;
use crate::server::Shared;
use crate::version;

pub use call::Call;
use route::{Action, NoRoute};

/// The largest body of a request.
pub const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Answers a request that got through the filters.
pub async fn dispatch(server: Arc<Shared>, request: Request<Body>) -> Result<Response, Infallible> {
    let user = match authenticate::user(request.extensions()) {
        Ok(user) => user,
        Err(failure) => return Ok(refuse(request.headers(), &failure)),
    };
    let (info, query) = (request_info::of(&request).clone(), request_info::parameters(&request).clone());
    let (mut parts, body) = request.into_parts();
    if !info.is_resource {
        return Ok(non_resource(&server, &parts.method, &parts.headers, &info, &query));
    }
    let route = match route::route(&server, &parts.method, &info) {
        Ok(route) => route,
        Err(NoRoute::Page) => return Ok(answer::page_not_found()),
        Err(NoRoute::Failure(failure)) => return Ok(refuse(&parts.headers, &failure)),
    };
    let accept = match content::negotiate(&parts.headers, &query, route.offer()) {
        Ok(accept) => accept,
        Err(failure) => return Ok(refuse(&parts.headers, &failure)),
    };
    let call = Call {
        owner: server.registry.owner(&route.resource),
        resource: route.resource,
        subresource: route.subresource,
        user,
        now: server.now(),
        warnings: Mutex::new(Vec::new()),
        headers: parts.headers,
        connection: Mutex::new(parts.extensions.remove()),
        server,
        info,
        query,
        accept,
    };
    if !call.resource.warning.is_empty() {
        call.warn(call.resource.warning);
    }
    let answered = run(&call, route.action, body).await;
    let mut response = answered.unwrap_or_else(|failure| answer::failure(&failure, call.accept.media));
    answer::add_warnings(&mut response, &call.warnings.lock());
    Ok(response)
}

async fn run(call: &Call, action: Action, body: Body) -> Result<Response, Failure> {
    match action {
        Action::Get => Ok(compress::if_large(&call.headers, get::get(call).await?).await),
        Action::List => Ok(compress::if_large(&call.headers, list::list(call).await?).await),
        Action::Watch => watch::watch(call).await,
        Action::Create => create::create(call, &read(call, body).await?).await,
        Action::Update => update::update(call, &read(call, body).await?).await,
        Action::Patch => patch::patch(call, &read(call, body).await?).await,
        Action::Delete => delete::delete(call, &read(call, body).await?).await,
        Action::DeleteCollection => delete_collection::delete_collection(call, &read(call, body).await?).await,
        Action::Connect(handler) => handler.answer(call, body).await,
    }
}

/// The whole body, if it is not too large.
pub(crate) async fn read(call: &Call, body: Body) -> Result<Bytes, Failure> {
    let declared = call.headers.get(http::header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(Failure::too_large(BODY_BYTES_MAX));
    }
    axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Failure::too_large(BODY_BYTES_MAX))
}

fn non_resource(
    server: &Shared,
    method: &Method,
    headers: &HeaderMap,
    info: &RequestInfo,
    query: &Parameters,
) -> Response {
    let path = if info.path.len() > 1 { info.path.trim_end_matches('/') } else { &info.path };
    version::answer(path)
        .or_else(|| health::answer(method, path, query))
        .or_else(|| discovery::answer(&server.discovery, method, headers, path, query))
        .or_else(|| {
            let asks = matches!(*method, Method::GET | Method::HEAD);
            asks.then(|| openapi::answer(server.registry.all(), path, headers, query.get("hash")))?
        })
        .or_else(|| credentials(server, method, path))
        .unwrap_or_else(answer::page_not_found)
}

/// What lets others check this server's credentials.
fn credentials(server: &Shared, method: &Method, path: &str) -> Option<Response> {
    let (media, document) = server.authenticators.iter().find_map(|authenticator| authenticator.document(path))?;
    let asks = *method == Method::GET;
    asks.then(|| answer::response(http::StatusCode::OK, media, Body::from(document.to_string())))
}
