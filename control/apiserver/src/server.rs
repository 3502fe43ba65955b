//! The server: what it is made of, and the one list of what happens to a request.
//!
//! # Flow
//! Every request, from the wire or from this process, runs down [`Server::service`]'s list and ends in
//! [`rest::dispatch`](crate::rest::dispatch). [`serve`](crate::serve) brings the wire.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::middleware::{from_fn, from_fn_with_state};
use http::{Request, Response};
use storage::Storage;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower::util::{BoxCloneSyncService, ServiceExt};

use crate::admission::Chain;
use crate::authn::Authenticator;
use crate::authn::impersonation::Impersonation;
use crate::authz::Authorizer;
use crate::filters;
use crate::node::NodeConnector;
use crate::registry::Registry;
use crate::registry::resource::{Now, Resource};
use crate::request::{InProcess, User};
use crate::rest;
use crate::rest::connect::Endpoint;

/// Everything a server is made of.
pub struct Config {
    /// Where objects are.
    pub storage: Arc<dyn Storage>,
    /// The kinds that are served, in discovery's order.
    pub resources: Vec<Resource>,
    /// Where cluster IPs come from: `10.96.0.0/16`.
    pub service_cidr: String,
    /// Asked in order who a request comes from.
    pub authenticators: Vec<Arc<dyn Authenticator>>,
    /// Decides what users may do.
    pub authorizer: Arc<dyn Authorizer>,
    /// Changes and refuses objects before they are written.
    pub admission: Chain,
    /// Subresources and reviews that compute their answer.
    pub endpoints: Vec<Endpoint>,
    /// The way to nodes; without it every node is unreachable.
    pub nodes: Option<Arc<dyn NodeConnector>>,
    /// Requests worked on at the same time, watches and the like excepted; more are told to come back.
    pub requests_in_flight_max: usize,
}

/// What all requests share.
pub struct Shared {
    /// The kinds and the objects.
    pub registry: Registry,
    /// See [`Config::authenticators`].
    pub authenticators: Vec<Arc<dyn Authenticator>>,
    /// See [`Config::authorizer`].
    pub authorizer: Arc<dyn Authorizer>,
    /// Who may ask as whom.
    pub impersonation: Impersonation,
    /// See [`Config::admission`].
    pub admission: Chain,
    /// See [`Config::endpoints`].
    pub endpoints: Vec<Endpoint>,
    /// See [`Config::nodes`].
    pub nodes: Option<Arc<dyn NodeConnector>>,
    /// One permit for each request that may be worked on.
    pub in_flight: Semaphore,
    /// The kinds as clients ask for them.
    pub discovery: crate::discovery::Documents,
}

impl Shared {
    /// The wall clock: only filters and the dispatcher ask, everything else is told.
    pub fn now(&self) -> Now {
        Now(time::OffsetDateTime::now_utc())
    }
}

/// A Kubernetes API server without a socket.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// The list as a service: cheap to clone, never fails.
pub type Stack = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

// === impl Server ===

impl Server {
    /// A server of these parts.
    pub fn new(config: Config) -> Server {
        let discovery = crate::discovery::Documents::new(&config.resources);
        let shared = Shared {
            registry: Registry::new(config.storage, config.resources).with_service_cidrs(&[&config.service_cidr]),
            authenticators: config.authenticators,
            authorizer: config.authorizer,
            impersonation: Impersonation::default(),
            admission: config.admission,
            endpoints: config.endpoints,
            nodes: config.nodes,
            in_flight: Semaphore::new(config.requests_in_flight_max),
            discovery,
        };
        Server { shared: Arc::new(shared) }
    }

    /// The kinds and the objects, for those who look at them without a request (authorizers).
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What happens to a request, from the outside in. The order is upstream's (`DefaultBuildHandlerChain`).
    pub fn service(&self) -> Stack {
        let shared = || self.shared.clone();
        let stack = ServiceBuilder::new()
            // A bug ends one request with 500 and not the server.
            .layer(from_fn(filters::panic::isolate))
            // The request's name, so that every answer has it, refusals too.
            .layer(from_fn(filters::audit_id::attach))
            // One span for everything below; the only place that logs requests.
            .layer(from_fn(filters::trace::span))
            // What is asked for: everything below decides by it.
            .layer(from_fn(filters::request_info::read))
            // Nothing but watches and streams lasts longer than this.
            .layer(from_fn(filters::deadline::bound))
            // Who asks; 401 ends here.
            .layer(from_fn_with_state(shared(), filters::authenticate::identify))
            // Who is meant, if somebody asks as somebody else.
            .layer(from_fn_with_state(shared(), filters::impersonate::change_user))
            // Before authorization, which costs something: 429 when too much is going on.
            .layer(from_fn_with_state(shared(), filters::flow_control::admit))
            // Whether they may; 403 ends here.
            .layer(from_fn_with_state(shared(), filters::authorize::check))
            .service_fn({
                let shared = shared();
                move |request: Request<Body>| rest::dispatch(shared.clone(), request)
            });
        BoxCloneSyncService::new(stack.map_response(axum::response::IntoResponse::into_response))
    }

    /// The same for a component in this process, which is `user`: `kube::Client::new(server.in_process(user), …)`.
    pub fn in_process<B>(
        &self,
        user: User,
    ) -> impl tower::Service<
        Request<B>,
        Response = Response<Body>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<B>,
    >
    + Clone
    + Send
    + Sync
    + 'static
    + use<B>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        self.service().map_request(move |request: Request<B>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(InProcess(user.clone()));
            request
        })
    }
}
