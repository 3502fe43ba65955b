//! The paths of a document: what can be done to each resource, with the parameters that clients look for.

use serde_json::{Map, Value, json};

use super::schemas::definition;
use crate::registry::resource::{Resource, Scope, Subresource, Verb};
use crate::schema::{Type, find};

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const STRATEGIC_PATCH: &str = "application/strategic-merge-patch+json";
const ANSWERS: &[&str] = &["application/json", "application/vnd.kubernetes.protobuf", "application/yaml"];

/// A query parameter: its name, its type, what it does.
type Parameter = (&'static str, &'static str, &'static str);

const DRY_RUN: Parameter = ("dryRun", "string", "`All`: go through all stages of the request but keep nothing.");
const FIELD_MANAGER: Parameter = ("fieldManager", "string", "The name under which the change is recorded.");
const FIELD_VALIDATION: Parameter = (
    "fieldValidation",
    "string",
    "What to do with unknown and duplicate fields: `Ignore` drops them, `Warn` (the default) also warns, `Strict` refuses the request.",
);
const FORCE: Parameter = ("force", "boolean", "Take over fields that others own. For apply requests only.");

const WRITE: &[Parameter] = &[DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];
const PATCH: &[Parameter] = &[DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION, FORCE];
const DELETE: &[Parameter] = &[
    DRY_RUN,
    ("gracePeriodSeconds", "integer", "Seconds until the object is gone; 0 is at once."),
    ("orphanDependents", "boolean", "Deprecated: use propagationPolicy."),
    ("propagationPolicy", "string", "What happens to dependents: `Orphan`, `Background` or `Foreground`."),
];
const LIST: &[Parameter] = &[
    ("allowWatchBookmarks", "boolean", "Send bookmarks on a watch."),
    ("continue", "string", "Where an earlier, limited list ended."),
    ("fieldSelector", "string", "Only objects with these field values."),
    ("labelSelector", "string", "Only objects with these labels."),
    ("limit", "integer", "How many objects to answer with at most."),
    ("resourceVersion", "string", "Which version to read from."),
    ("resourceVersionMatch", "string", "How to take resourceVersion."),
    ("sendInitialEvents", "boolean", "Begin a watch with what is there."),
    ("timeoutSeconds", "integer", "When to end the list or watch."),
    ("watch", "boolean", "Tell of changes instead of listing."),
];

/// Where an operation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Collection,
    AllNamespaces,
    Object,
}

/// The path items of a resource, by path.
pub(super) fn of(resource: &Resource) -> Vec<(String, Value)> {
    let gvk = &resource.gvk;
    let root = match &*gvk.group {
        "" => format!("/api/{}", gvk.version),
        group => format!("/apis/{group}/{}", gvk.version),
    };
    let mut items = Vec::new();
    let scoped = match resource.scope {
        Scope::Cluster => root.clone(),
        Scope::Namespaced => {
            items.push((format!("{root}/{}", resource.plural), Target::AllNamespaces, None));
            format!("{root}/namespaces/{{namespace}}")
        }
    };
    items.push((format!("{scoped}/{}", resource.plural), Target::Collection, None));
    let object = format!("{scoped}/{}/{{name}}", resource.plural);
    items.extend(resource.subresources.iter().map(|sub| (format!("{object}/{}", sub.name), Target::Object, Some(sub))));
    items.push((object, Target::Object, None));
    items.into_iter().filter_map(|(path, target, sub)| Some((path, item(resource, target, sub)?))).collect()
}

fn item(resource: &Resource, target: Target, sub: Option<&Subresource>) -> Option<Value> {
    let verbs = sub.map_or(resource.verbs, |sub| sub.verbs);
    let mut item = Map::new();
    for verb in verbs {
        let method = match (verb, target, sub.is_some()) {
            (Verb::List, Target::Collection | Target::AllNamespaces, false) => "get",
            (Verb::Create, Target::Collection, false) | (Verb::Create, Target::Object, true) => "post",
            (Verb::DeleteCollection, Target::Collection, false) => "delete",
            (Verb::Get, Target::Object, _) => "get",
            (Verb::Update, Target::Object, _) => "put",
            (Verb::Patch, Target::Object, _) => "patch",
            (Verb::Delete, Target::Object, _) => "delete",
            _ => continue,
        };
        item.insert(method.to_owned(), operation(resource, *verb, target, sub));
    }
    if item.is_empty() {
        return None;
    }
    let mut parameters = Vec::new();
    if target == Target::Object {
        parameters.push(in_path("name", &format!("name of the {}", resource.gvk.kind)));
    }
    if resource.scope == Scope::Namespaced && target != Target::AllNamespaces {
        parameters.push(in_path("namespace", "object name and auth scope, such as for teams and projects"));
    }
    parameters.push(in_query(&("pretty", "string", "If 'true', then the output is pretty printed.")));
    item.insert("parameters".to_owned(), parameters.into());
    Some(Value::Object(item))
}

fn operation(resource: &Resource, verb: Verb, target: Target, sub: Option<&Subresource>) -> Value {
    let gvk = &resource.gvk;
    let (group, version, kind) = sub.and_then(|sub| sub.body).unwrap_or((&gvk.group, &gvk.version, &gvk.kind));
    let body = body_type(resource, sub);
    let listed = find(&format!("{}List", resource.type_name));
    let (action, parameters, request, answer) = match verb {
        Verb::List | Verb::Watch => ("list", LIST, Value::Null, listed),
        Verb::Create => ("post", WRITE, content(&["*/*"], body), body),
        Verb::Update => ("put", WRITE, content(&["*/*"], body), body),
        Verb::Patch => ("patch", PATCH, patches(), body),
        Verb::Delete => ("delete", DELETE, content(&["*/*"], find("meta/v1.DeleteOptions")), find("meta/v1.Status")),
        Verb::DeleteCollection => {
            ("deletecollection", LIST, content(&["*/*"], find("meta/v1.DeleteOptions")), find("meta/v1.Status"))
        }
        Verb::Get => ("get", &[][..], Value::Null, body),
    };
    let mut operation = json!({
        "operationId": operation_id(resource, verb, target, sub),
        "responses": {"200": {"description": "OK", "content": content(ANSWERS, answer)["content"]}, "401": {"description": "Unauthorized"}},
        "tags": [tag(resource)],
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": group, "kind": kind, "version": version},
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.iter().map(in_query).collect::<Vec<_>>().into();
    }
    if !request.is_null() {
        operation["requestBody"] = request;
    }
    operation
}

/// The type of a body: the resource's, or that of a subresource with a body of its own.
fn body_type(resource: &Resource, sub: Option<&Subresource>) -> Option<&'static Type> {
    match sub.and_then(|sub| sub.body) {
        None => find(resource.type_name),
        Some((group, version, kind)) => {
            let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            crate::schema::find_kind(&api_version, kind)
        }
    }
}

fn content(media: &[&str], of: Option<&Type>) -> Value {
    let schema = match of {
        Some(of) => json!({"$ref": format!("#/components/schemas/{}", definition(of))}),
        None => json!({"type": "string"}),
    };
    json!({"content": media.iter().map(|m| ((*m).to_owned(), json!({"schema": schema}))).collect::<Map<_, _>>()})
}

fn patches() -> Value {
    let schema = json!({"schema": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Patch"}});
    json!({"content": {JSON_PATCH: schema, MERGE_PATCH: schema, STRATEGIC_PATCH: schema}})
}

fn in_query((name, kind, description): &Parameter) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": {"type": kind, "uniqueItems": true}})
}

fn in_path(name: &str, description: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": description, "schema": {"type": "string", "uniqueItems": true}})
}

fn tag(resource: &Resource) -> String {
    format!("{}_{}", short_group(resource), resource.gvk.version)
}

fn short_group(resource: &Resource) -> String {
    match &*resource.gvk.group {
        "" => "core".to_owned(),
        group => group.trim_end_matches(".k8s.io").replace('.', "_"),
    }
}

fn operation_id(resource: &Resource, verb: Verb, target: Target, sub: Option<&Subresource>) -> String {
    let verb = match verb {
        Verb::Create => "create",
        Verb::Delete => "delete",
        Verb::DeleteCollection => "deleteCollection",
        Verb::Get => "read",
        Verb::List => "list",
        Verb::Patch => "patch",
        Verb::Update => "replace",
        Verb::Watch => "watch",
    };
    let group: String = short_group(resource).split('_').map(capitalized).collect();
    let scope = if resource.scope == Scope::Namespaced && target != Target::AllNamespaces { "Namespaced" } else { "" };
    let suffix = if target == Target::AllNamespaces { "ForAllNamespaces" } else { "" };
    let sub = sub.map(|sub| capitalized(sub.name)).unwrap_or_default();
    let (version, kind) = (capitalized(&resource.gvk.version), &resource.gvk.kind);
    format!("{verb}{group}{version}{scope}{kind}{sub}{suffix}")
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
