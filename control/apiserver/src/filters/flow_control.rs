//! Bounds how much is worked on at the same time.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::authn::MASTERS;
use crate::error::Failure;
use crate::filters::{refuse, request_info};
use crate::request::User;
use crate::server::Shared;

/// Lets the request through if there is room, else tells the client to come back in a second. Watches and streams take
/// no room (connections are bounded), and administrators always get through, to look at what is going on.
pub async fn admit(State(server): State<Arc<Shared>>, user: User, request: Request, next: Next) -> Response {
    let is_master = user.groups.iter().any(|group| group == MASTERS);
    if is_master || request_info::of(&request).is_long_running() {
        return next.run(request).await;
    }
    let Ok(_permit) = server.in_flight.try_acquire() else {
        let failure = Failure::too_many_requests("too many requests, please try again later", 1);
        return refuse(request.headers(), &failure);
    };
    next.run(request).await
}
