//! Containers get what the namespace's LimitRanges give, and stay within their bounds; so do pods and claims.

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::admission::{Context, Operation, Plugin};
use crate::error::Failure;
use crate::object::{Fields, as_map};
use crate::resources::core::pod::amounts::{self, Amounts};
use crate::schema::Quantity;
use crate::validation::{entries, quantity};

const RANGES: &str = "core/limitranges";
const CLAIMS: &str = "persistentvolumeclaims";
/// Where it is written what was given.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// `LimitRanger`.
pub struct LimitRanger;

impl Plugin for LimitRanger {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, object: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if cx.operation == Operation::Create && cx.is_about("", "pods") {
                cx.registry.list(RANGES, cx.namespace).await?.iter().for_each(|range| give(object, range));
            }
            Ok(())
        })
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let resizes = &*cx.resource.plural == "pods" && cx.subresource == "resize";
            // What a pod has changes in no other way.
            let faults: fn(&Value, &Value) -> Vec<String> = match cx.operation {
                Operation::Create if cx.is_about("", "pods") => faults_of_pod,
                Operation::Update if resizes => faults_of_pod,
                Operation::Create | Operation::Update if cx.is_about("", CLAIMS) => faults_of_claim,
                _ => return Ok(()),
            };
            for range in cx.registry.list(RANGES, cx.namespace).await? {
                let found: Vec<String> =
                    range.list_at("spec.limits").iter().flat_map(|limit| faults(object, limit)).collect();
                match found.as_slice() {
                    [] => {}
                    [one] => return Err(cx.forbidden(one)),
                    many => return Err(cx.forbidden(&format!("[{}]", many.join(", ")))),
                }
            }
            Ok(())
        })
    }
}

/// Gives containers the defaults that they lack, and says so.
fn give(pod: &mut Value, range: &Value) {
    let mut given = Vec::new();
    for (list, what) in [("spec.containers", "container"), ("spec.initContainers", "init container")] {
        let containers = pod.at_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let name = container.str_at("name").to_owned();
            for (from, to, word) in [("defaultRequest", "requests", "request"), ("default", "limits", "limit")] {
                let names = give_amounts(container, range, from, to);
                if !names.is_empty() {
                    given.push(format!("{} {word} for {what} {name}", names.join(", ")));
                }
            }
        }
    }
    if given.is_empty() {
        return;
    }
    pod.set_default("metadata.annotations", json!({}));
    if let Some(annotations) = pod.at_mut("metadata.annotations") {
        let text = format!("LimitRanger plugin set: {}", given.join("; "));
        as_map(annotations).insert(ANNOTATION.to_owned(), text.into());
    }
}

/// The names of what was given, sorted.
fn give_amounts(container: &mut Value, range: &Value, from: &str, to: &str) -> Vec<String> {
    let limits = range.list_at("spec.limits").iter().filter(|limit| limit.str_at("type") == "Container");
    let defaults: Vec<(&String, &Value)> = limits.flat_map(|limit| entries(limit.get(from))).collect();
    let path = format!("resources.{to}");
    let lacks = |name: &str| container.at(&path).is_none_or(|amounts| amounts.get(name).is_none());
    let mut missing: Vec<(String, Value)> = defaults
        .into_iter()
        .filter(|(name, _)| lacks(name))
        .map(|(name, amount)| (name.clone(), amount.clone()))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    missing.sort_by(|a, b| a.0.cmp(&b.0));
    container.set_default("resources", json!({}));
    container.set_default(&path, json!({}));
    let names = missing.iter().map(|(name, _)| name.clone()).collect();
    if let Some(map) = container.at_mut(&path).map(as_map) {
        map.extend(missing);
    }
    names
}

fn faults_of_pod(pod: &Value, limit: &Value) -> Vec<String> {
    match limit.str_at("type") {
        "Container" => {
            let containers = pod.list_at("spec.containers").iter().chain(pod.list_at("spec.initContainers"));
            let of = |container: &Value| {
                let [requests, limits] =
                    ["resources.requests", "resources.limits"].map(|path| amounts::of(container.at(path)));
                faults(&Holder { kind: "Container", requests, limits }, limit)
            };
            containers.flat_map(of).collect()
        }
        "Pod" => {
            let [requests, limits] = ["requests", "limits"].map(|list| amounts::of_pod(pod, list));
            faults(&Holder { kind: "Pod", requests, limits }, limit)
        }
        _ => Vec::new(),
    }
}

/// Claims have no limits: the bounds are those of what they request.
fn faults_of_claim(claim: &Value, limit: &Value) -> Vec<String> {
    let kind = "PersistentVolumeClaim";
    if limit.str_at("type") != kind {
        return Vec::new();
    }
    let requests = amounts::of(claim.at("spec.resources.requests"));
    let holder = Holder { kind, requests, limits: Amounts::new() };
    let min = bounds(limit, "min").filter_map(|(name, bound)| below(&holder, name, &bound));
    let max = bounds(limit, "max").filter_map(|(name, bound)| match holder.requests.get(name) {
        None => Some(format!("maximum {name} usage per {kind} is {bound}.  No request is specified")),
        Some(request) if *request > bound => {
            Some(format!("maximum {name} usage per {kind} is {bound}, but request is {request}"))
        }
        Some(_) => None,
    });
    min.chain(max).collect()
}

/// What asks for resources and may use them.
struct Holder {
    kind: &'static str,
    requests: Amounts,
    limits: Amounts,
}

fn faults(holder: &Holder, limit: &Value) -> Vec<String> {
    let min = bounds(limit, "min").filter_map(|(name, bound)| below(holder, name, &bound));
    let max = bounds(limit, "max").filter_map(|(name, bound)| above(holder, name, &bound));
    let ratio = bounds(limit, "maxLimitRequestRatio").filter_map(|(name, bound)| stretched(holder, name, &bound));
    min.chain(max).chain(ratio).collect()
}

fn bounds<'a>(limit: &'a Value, list: &str) -> impl Iterator<Item = (&'a str, Quantity)> {
    entries(limit.get(list)).map(|(name, amount)| (name.as_str(), quantity::of(amount)))
}

fn below(Holder { kind, requests, limits }: &Holder, name: &str, bound: &Quantity) -> Option<String> {
    let rule = format!("minimum {name} usage per {kind} is {bound}");
    match (requests.get(name), limits.get(name)) {
        (None, _) => Some(format!("{rule}.  No request is specified")),
        (Some(request), _) if request < bound => Some(format!("{rule}, but request is {request}")),
        (_, Some(limit)) if limit < bound => Some(format!("{rule}, but limit is {limit}")),
        _ => None,
    }
}

fn above(Holder { kind, requests, limits }: &Holder, name: &str, bound: &Quantity) -> Option<String> {
    let rule = format!("maximum {name} usage per {kind} is {bound}");
    match (limits.get(name), requests.get(name)) {
        (None, _) => Some(format!("{rule}.  No limit is specified")),
        (Some(limit), _) if limit > bound => Some(format!("{rule}, but limit is {limit}")),
        (_, Some(request)) if request > bound => Some(format!("{rule}, but request is {request}")),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio is shown with six digits")]
fn stretched(Holder { kind, requests, limits }: &Holder, name: &str, bound: &Quantity) -> Option<String> {
    let rule = format!("{name} max limit to request ratio per {kind} is {bound}");
    let given = |amounts: &Amounts| amounts.get(name).filter(|amount| !amount.is_zero()).map(Quantity::as_millis);
    let Some(request) = given(requests) else {
        return Some(format!("{rule}, but no request is specified or request is 0"));
    };
    let Some(limit) = given(limits) else {
        return Some(format!("{rule}, but no limit is specified or limit is 0"));
    };
    let ratio = limit as f64 / request as f64;
    (ratio * 1000.0 > bound.as_millis() as f64).then(|| format!("{rule}, but provided ratio is {ratio:.6}"))
}
