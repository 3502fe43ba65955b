//! Which verb of which kind a path and a method come to, and how it is refused when it is none.

use std::sync::Arc;

use http::Method;

use crate::content::Offer;
use crate::error::Failure;
use crate::registry::resource::{Resource, Scope, Subresource, Verb};
use crate::request::RequestInfo;
use crate::rest::connect::{self, Handler};
use crate::server::Shared;

/// What a path of a kind and a method come to.
pub(super) enum Action {
    Create,
    Get,
    List,
    Watch,
    Update,
    Patch,
    Delete,
    DeleteCollection,
    /// No stored object is meant: the handler computes the answer.
    Connect(Arc<dyn Handler>),
}

/// Where a request goes.
pub(super) struct Route {
    /// The kind.
    pub resource: Arc<Resource>,
    /// The part of the object.
    pub subresource: Option<Subresource>,
    /// What is done.
    pub action: Action,
}

/// Why a request goes nowhere.
pub(super) enum NoRoute {
    /// The plain page: nothing at all is there.
    Page,
    /// A Status: the group is there.
    Failure(Failure),
}

// === impl Route ===

impl Route {
    /// Which forms of answer it has.
    pub(super) fn offer(&self) -> Offer {
        match self.action {
            Action::Watch => Offer::Watch,
            Action::List => Offer::List,
            Action::Connect(_) => Offer::Plain,
            _ => Offer::Objects,
        }
    }
}

/// Which verb a path and a method come to.
pub(super) fn route(server: &Shared, method: &Method, info: &RequestInfo) -> Result<Route, NoRoute> {
    if info.path.starts_with("//") || !server.discovery.has_group(&info.group) {
        return Err(NoRoute::Page);
    }
    let missing = || NoRoute::Failure(Failure::no_such_resource());
    let resource = server.registry.find(&info.group, &info.version, &info.resource).ok_or_else(missing)?;
    let named = names_object(info);
    let namespaced = resource.scope == Scope::Namespaced;
    let in_namespace = !resource.namespace_of(&info.namespace).is_empty();
    if in_namespace && !namespaced || named && namespaced && !in_namespace {
        return Err(missing());
    }
    let handler = |subresource| connect::find(&server.endpoints, resource, subresource).cloned();
    // Reviews are made and answered; there is nothing by their names.
    if named && handler("").is_some() {
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
    let route = |subresource, action| Route { resource: resource.clone(), subresource, action };
    if info.subresource.is_empty() {
        let everywhere = namespaced && !in_namespace;
        let action = object_action(resource, method, info, named, everywhere)?;
        return Ok(route(None, handler("").map_or(action, Action::Connect)));
    }
    let subresource = resource.subresources.iter().find(|one| one.name == info.subresource).ok_or_else(missing)?;
    let handler = handler(subresource.name);
    if !info.parts.is_empty() && !handler.as_ref().is_some_and(|handler| handler.takes_path()) {
        return Err(missing());
    }
    let action = subresource_action(resource, subresource, method, handler)?;
    Ok(route(Some(*subresource), action))
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
    // The route of a watch is there where the kind can be listed; a kind without watches says so itself.
    let needed = if verb == Verb::Watch { Verb::List } else { verb };
    if resource.verbs.contains(&needed) { Ok(action) } else { Err(refused()) }
}

fn subresource_action(
    resource: &Resource,
    subresource: &Subresource,
    method: &Method,
    handler: Option<Arc<dyn Handler>>,
) -> Result<Action, NoRoute> {
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
    match (handler, verb) {
        (Some(handler), _) => Ok(Action::Connect(handler)),
        (None, Verb::Get) => Ok(Action::Get),
        (None, Verb::Update) => Ok(Action::Update),
        (None, Verb::Patch) => Ok(Action::Patch),
        (None, Verb::Create | Verb::Delete | Verb::DeleteCollection | Verb::List | Verb::Watch) => {
            let what = format!("{}/{}", resource.plural, subresource.name);
            Err(NoRoute::Failure(Failure::not_there_yet(&what)))
        }
    }
}
