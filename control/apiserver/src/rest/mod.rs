//! From an authorized request to its answer: which verb of which kind it is, one verb a file.
//!
//! # Flow
//! [`dispatch`] finds the row and the form of the answer, the verb does the work, and warnings that came up on the way
//! are put on whatever comes out.

pub mod answer;
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
use serde_json::Value;
use storage::Key;

use crate::content::{self, Accept, Offer};
use crate::discovery;
use crate::error::Failure;
use crate::field::quote;
use crate::filters::refuse;
use crate::health;
use crate::openapi;
use crate::query::Parameters;
use crate::registry::resource::{Now, Resource, Scope, Subresource, Verb};
use crate::registry::strategy;
use crate::request::{RequestInfo, User};
use crate::server::Shared;
use crate::validation::names;
use crate::version;

/// The largest body of a request.
pub const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// One request for objects of a kind, on its way through a verb.
pub struct Call {
    /// The server.
    pub server: Arc<Shared>,
    /// The kind that was asked for.
    pub resource: Arc<Resource>,
    /// The kind whose objects are stored: the same, unless the kind is a view.
    pub owner: Arc<Resource>,
    /// The part of the object that was asked for.
    pub subresource: Option<Subresource>,
    /// What is asked for.
    pub info: RequestInfo,
    /// By whom.
    pub user: User,
    /// The URL's parameters.
    pub query: Parameters,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The form of the answer.
    pub accept: Accept,
    /// When.
    pub now: Now,
    /// What the client is told beside the answer, in order.
    pub warnings: Mutex<Vec<String>>,
}

/// Answers a request that got through the filters.
pub async fn dispatch(server: Arc<Shared>, request: Request<Body>) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    let info: RequestInfo = parts.extensions.get().cloned().unwrap_or_default();
    let query: Parameters = parts.extensions.get().cloned().unwrap_or_default();
    if !info.is_resource {
        return Ok(non_resource(&server, &parts.method, &parts.headers, &info, &query));
    }
    let route = match route(&server, &parts.method, &info) {
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
        user: parts.extensions.get().cloned().unwrap_or_default(),
        now: server.now(),
        warnings: Mutex::new(Vec::new()),
        headers: parts.headers,
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

/// What a path of a kind and a method come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Create,
    Get,
    List,
    Watch,
    Update,
    Patch,
    Delete,
    DeleteCollection,
    Connect,
}

struct Route {
    resource: Arc<Resource>,
    subresource: Option<Subresource>,
    action: Action,
}

enum NoRoute {
    /// The plain page: nothing at all is there.
    Page,
    /// A Status: the group is there.
    Failure(Failure),
}

// === impl Route ===

impl Route {
    fn offer(&self) -> Offer {
        match self.action {
            Action::Watch => Offer::Watch,
            Action::List => Offer::List,
            Action::Connect => Offer::Plain,
            Action::Create if !self.resource.verbs.contains(&Verb::Get) => Offer::Plain,
            _ => Offer::Objects,
        }
    }
}

// === impl Call ===

impl Call {
    /// The object that the path names.
    pub fn key(&self) -> Key {
        self.key_of(&self.info.name)
    }

    /// The same, if the name can be one.
    ///
    /// # Errors
    /// 400 of what cannot stand alone in a path.
    pub fn checked_key(&self) -> Result<Key, Failure> {
        let faults = names::path_segment(&self.info.name);
        if faults.is_empty() {
            return Ok(self.key());
        }
        let (name, faults) = (quote(&self.info.name), faults.join(";"));
        Err(Failure::bad_request(format!("Name parameter invalid: {name}: {faults}")))
    }

    /// The object of this name in the path's namespace.
    pub fn key_of(&self, name: &str) -> Key {
        // The path of a namespace says the namespace it is.
        let namespace = match self.owner.scope {
            Scope::Namespaced => self.info.namespace.as_str(),
            Scope::Cluster => "",
        };
        Key { resource: self.owner.stored_as().into(), namespace: namespace.into(), name: name.into() }
    }

    /// The name of the subresource, or the empty string.
    pub fn subresource_name(&self) -> &str {
        self.subresource.map_or("", |subresource| subresource.name)
    }

    /// Tells the client something beside the answer.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.lock().push(text.into());
    }

    /// 404 of the object that the path names.
    pub fn not_found(&self) -> Failure {
        Failure::not_found(&self.resource.gvk.group, &self.resource.plural, &self.info.name)
    }

    /// What a strategy may look at.
    pub fn strategy_context(&self, dry_run: bool) -> strategy::Context<'_> {
        strategy::Context {
            resource: &self.resource,
            user: &self.user,
            now: self.now,
            subresource: self.subresource.map(|subresource| subresource.name),
            dry_run,
            registry: &self.server.registry,
        }
    }

    /// What admission plugins may look at.
    pub fn admission_context<'a>(
        &'a self,
        operation: crate::admission::Operation,
        name: &'a str,
        old: Option<&'a Value>,
        dry_run: bool,
    ) -> crate::admission::Context<'a> {
        crate::admission::Context {
            operation,
            resource: &self.resource,
            subresource: self.subresource_name(),
            namespace: &self.info.namespace,
            name,
            user: &self.user,
            now: self.now,
            dry_run,
            old,
            registry: &self.server.registry,
            warnings: &self.warnings,
        }
    }
}

async fn run(call: &Call, action: Action, body: Body) -> Result<Response, Failure> {
    match action {
        Action::Get => get::get(call).await,
        Action::List => list::list(call).await,
        Action::Watch => watch::watch(call).await,
        Action::Create => create::create(call, &read(call, body).await?).await,
        Action::Update => update::update(call, &read(call, body).await?).await,
        Action::Patch => patch::patch(call, &read(call, body).await?).await,
        Action::Delete => delete::delete(call, &read(call, body).await?).await,
        Action::DeleteCollection => delete_collection::delete_collection(call, &read(call, body).await?).await,
        Action::Connect => connect::connect(call, body).await,
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

/// Which verb a path and a method come to.
fn route(server: &Shared, method: &Method, info: &RequestInfo) -> Result<Route, NoRoute> {
    if info.path.starts_with("//") || !server.discovery.has_group(&info.group) {
        return Err(NoRoute::Page);
    }
    let missing = || NoRoute::Failure(Failure::no_such_resource());
    let resource = server.registry.find(&info.group, &info.version, &info.resource).ok_or_else(missing)?;
    let named = names_object(info);
    let namespaced = resource.scope == Scope::Namespaced;
    // Namespaces themselves are found below a path that looks like a namespace.
    let in_namespace = !info.namespace.is_empty() && &*resource.plural != "namespaces";
    if in_namespace && !namespaced || named && namespaced && !in_namespace {
        return Err(missing());
    }
    // Reviews are made and answered; there is nothing by their names.
    let only_made = resource.verbs == [Verb::Create] && resource.subresources.is_empty();
    if named && only_made {
        return Err(missing());
    }
    if *method == Method::HEAD || *method == Method::OPTIONS {
        return Err(NoRoute::Failure(Failure::no_such_method()));
    }
    // The old paths of watches take nothing but GET, and those of proxies are gone.
    let old = info.path.trim_start_matches('/').split('/').nth(if info.group.is_empty() { 2 } else { 3 });
    match old {
        Some("proxy") => return Err(missing()),
        Some("watch") if !info.subresource.is_empty() => return Err(missing()),
        Some("watch") if *method != Method::GET => return Err(NoRoute::Failure(Failure::no_such_method())),
        _ => {}
    }
    if named && !resource.verbs.contains(&Verb::Get) {
        return Err(missing());
    }
    let route = |subresource, action| Route { resource: resource.clone(), subresource, action };
    if info.subresource.is_empty() {
        let everywhere = namespaced && !in_namespace;
        return Ok(route(None, object_action(resource, method, info, named, everywhere)?));
    }
    let subresource = resource.subresources.iter().find(|one| one.name == info.subresource).ok_or_else(missing)?;
    if !info.parts.is_empty() && subresource.name != "proxy" {
        return Err(missing());
    }
    Ok(route(Some(*subresource), subresource_action(subresource, method)?))
}

/// Whether the path ends in a name: a field selector on the name does not make it one.
fn names_object(info: &RequestInfo) -> bool {
    match info.verb.as_str() {
        "list" | "deletecollection" => false,
        "watch" => {
            let end = format!("/{}/{}", info.resource, info.name);
            info.path.contains("/watch/") && !info.name.is_empty() && info.path.trim_end_matches('/').ends_with(&end)
        }
        _ => !info.name.is_empty(),
    }
}

fn object_action(
    resource: &Resource,
    method: &Method,
    info: &RequestInfo,
    named: bool,
    everywhere: bool,
) -> Result<Action, NoRoute> {
    let refused = || NoRoute::Failure(Failure::no_such_method());
    let (verb, action) = match (method.as_str(), named) {
        ("GET", _) if info.verb == "watch" => (Verb::Watch, Action::Watch),
        ("GET", true) => (Verb::Get, Action::Get),
        ("GET", false) => (Verb::List, Action::List),
        ("POST", false) if !everywhere => (Verb::Create, Action::Create),
        ("PUT", true) => (Verb::Update, Action::Update),
        ("PATCH", true) => (Verb::Patch, Action::Patch),
        ("DELETE", true) => (Verb::Delete, Action::Delete),
        ("DELETE", false) if !everywhere => (Verb::DeleteCollection, Action::DeleteCollection),
        _ => return Err(refused()),
    };
    if resource.verbs.contains(&verb) {
        return Ok(action);
    }
    let listed = resource.verbs.contains(&Verb::List);
    Err(match action {
        // The route is there, since the kind can be listed; only the watch is not.
        Action::Watch if listed => {
            NoRoute::Failure(Failure::not_supported(&resource.gvk.group, &resource.plural, "watch"))
        }
        _ => refused(),
    })
}

fn subresource_action(subresource: &Subresource, method: &Method) -> Result<Action, NoRoute> {
    let verb = match *method {
        Method::GET => Verb::Get,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE => Verb::Delete,
        _ => return Err(NoRoute::Failure(Failure::no_such_method())),
    };
    if !subresource.verbs.contains(&verb) {
        return Err(NoRoute::Failure(Failure::no_such_method()));
    }
    let stored = !matches!(
        subresource.name,
        "binding" | "eviction" | "token" | "log" | "exec" | "attach" | "portforward" | "proxy"
    );
    Ok(match verb {
        _ if !stored => Action::Connect,
        Verb::Get => Action::Get,
        Verb::Update => Action::Update,
        Verb::Patch => Action::Patch,
        _ => Action::Connect,
    })
}
