//! Reads what a request asks for, once, for everybody below.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::query::Parameters;
use crate::request::RequestInfo;

/// Puts the request's [`RequestInfo`] and [`Parameters`] into its extensions.
pub async fn read(mut request: Request, next: Next) -> Response {
    let query = Parameters::of(request.uri());
    let info = RequestInfo::new(request.method(), request.uri().path(), &query);
    request.extensions_mut().insert(info);
    request.extensions_mut().insert(query);
    next.run(request).await
}

/// What the request asks for.
pub fn of(request: &Request) -> &RequestInfo {
    request.extensions().get().expect("the filter above this one put it there")
}

/// The URL's parameters.
pub fn parameters(request: &Request) -> &Parameters {
    request.extensions().get().expect("the filter above this one put them there")
}
