//! HTTP on both sides of a component: requests that it serves, requests that it sends.

pub(crate) mod outbound;
mod pace;
pub(crate) mod request;
pub(crate) mod serve;

/// The body of every response that a server here gives.
pub(crate) type ResponseBody = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, wasmtime_wasi_http::Error>;
