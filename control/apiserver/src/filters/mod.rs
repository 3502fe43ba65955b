//! What happens to every request before a verb sees it: one step a file, listed in order in [`server`](crate::server).

pub mod audit_id;
pub mod authenticate;
pub mod authorize;
pub mod deadline;
pub mod flow_control;
pub mod impersonate;
pub mod panic;
pub mod request_info;
pub mod trace;

use axum::response::Response;
use http::HeaderMap;

use crate::content;
use crate::error::Failure;
use crate::rest::answer;

/// A failure as an answer to a request with these headers.
pub fn refuse(headers: &HeaderMap, failure: &Failure) -> Response {
    answer::failure(failure, content::media_for_errors(headers))
}
