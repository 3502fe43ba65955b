//! The Kubernetes API: from a request to the store and back. It knows no controller, no node and no disk.

pub mod admission;
pub mod authn;
pub mod authz;
pub mod content;
pub mod discovery;
pub mod error;
pub mod field;
pub mod filters;
pub mod health;
pub mod identity;
pub mod node;
pub mod object;
pub mod openapi;
pub mod patch;
pub mod protobuf;
pub mod query;
pub mod registry;
pub mod request;
pub mod resources;
pub mod rest;
pub mod schema;
pub mod selector;
pub mod serve;
pub mod server;
mod stored;
mod table;
pub mod validation;
