//! LimitRange: what containers, pods and claims of a namespace get, and may have at least and at most.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::{Fields, as_map};
use crate::registry::resource::{Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::schema::Quantity;
use crate::validation::{check, entries, is_given, names, quantity};

const KINDS: [&str; 3] = ["Pod", "Container", "PersistentVolumeClaim"];

/// The lists of a limit, in the order in which they are looked at.
const LISTS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

/// From where to where the defaults of containers come, in order.
const DEFAULTS: [(&str, &str); 3] = [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")];

/// The row.
pub(super) fn row() -> Resource {
    Resource {
        short_names: &["limits"],
        strategy: &LimitRange,
        ..super::new("LimitRange", "limitranges", "core/v1.LimitRange", Scope::Namespaced)
    }
}

struct LimitRange;

impl Strategy for LimitRange {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        let limits = object.at_mut("spec.limits").and_then(Value::as_array_mut);
        for limit in limits.into_iter().flatten().filter(|limit| limit.str_at("type") == "Container") {
            DEFAULTS.iter().for_each(|(from, to)| copy_missing(limit, from, to));
        }
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, _: &Value) -> Errors {
        validate(new)
    }
}

/// What one list has and another lacks.
fn copy_missing(limit: &mut Value, from: &str, to: &str) {
    let Some(given) = limit.get(from).filter(|given| is_given(Some(given))).cloned() else { return };
    limit.set_default(to, json!({}));
    let Some(map) = limit.at_mut(to).map(as_map) else { return };
    for (name, amount) in entries(Some(&given)) {
        map.entry(name.clone()).or_insert_with(|| amount.clone());
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec.limits");
    let mut seen = BTreeSet::new();
    let mut errors = Errors::new();
    for (i, limit) in object.list_at("spec.limits").iter().enumerate() {
        let (path, kind) = (path.index(i), limit.str_at("type"));
        errors.extend(validate_kind(&path.child("type"), kind));
        if !seen.insert(kind) {
            errors.push(Error::duplicate(&path.child("type"), kind));
        }
        errors.extend(validate_limit(&path, limit));
    }
    errors
}

fn validate_kind(path: &Path, kind: &str) -> Errors {
    let errors = check(path, kind, names::qualified_name);
    if errors.is_empty() && !kind.contains('/') && !KINDS.contains(&kind) {
        return vec![Error::invalid(path, kind, "must be a standard limit type or fully qualified")];
    }
    errors
}

fn validate_limit(path: &Path, limit: &Value) -> Errors {
    let kind = limit.str_at("type");
    let mut errors = Errors::new();
    let mut resources = BTreeSet::new();
    for list in LISTS {
        let at = path.child(list);
        if kind == "Pod" && matches!(list, "default" | "defaultRequest") {
            if is_given(limit.get(list)) {
                errors.push(Error::forbidden(&at, "may not be specified when `type` is 'Pod'"));
            }
            continue;
        }
        // Only then are the bounds of a claim of use.
        let unbounded = ["min", "max"].iter().all(|list| limit.at(&format!("{list}.storage")).is_none());
        if list == "maxLimitRequestRatio" && kind == "PersistentVolumeClaim" && unbounded {
            let fault = "either minimum or maximum storage value is required, but neither was provided";
            errors.push(Error::required(&path.child("limits"), fault));
        }
        for (name, _) in entries(limit.get(list)) {
            resources.insert(name.as_str());
            errors.extend(validate_name(&at.key(name), kind, name));
        }
    }
    errors.extend(resources.into_iter().flat_map(|name| validate_bounds(path, limit, name)));
    errors
}

fn validate_name(path: &Path, kind: &str, name: &str) -> Errors {
    match kind {
        "Pod" | "Container" => quantity::validate_container_resource_name(path, name),
        _ => quantity::validate_resource_name(path, name),
    }
}

/// How the values of one resource must relate: the first may not be greater than the second.
struct Order {
    lists: [&'static str; 2],
    words: [&'static str; 2],
    /// Which list an error is about, and which value it shows.
    blames: &'static str,
    shows: usize,
}

const ORDERS: [Order; 6] = [
    Order { lists: ["min", "max"], words: ["min value", "max value"], blames: "min", shows: 0 },
    Order {
        lists: ["min", "defaultRequest"],
        words: ["min value", "default request value"],
        blames: "defaultRequest",
        shows: 1,
    },
    Order {
        lists: ["defaultRequest", "max"],
        words: ["default request value", "max value"],
        blames: "defaultRequest",
        shows: 0,
    },
    Order {
        lists: ["defaultRequest", "default"],
        words: ["default request value", "default limit value"],
        blames: "defaultRequest",
        shows: 0,
    },
    Order { lists: ["min", "default"], words: ["min value", "default value"], blames: "default", shows: 0 },
    Order { lists: ["default", "max"], words: ["default value", "max value"], blames: "default", shows: 1 },
];

fn validate_bounds(path: &Path, limit: &Value, name: &str) -> Errors {
    let given: BTreeMap<&str, (&Value, Quantity)> = LISTS
        .into_iter()
        .filter_map(|list| Some((list, limit.get(list)?.get(name)?)))
        .map(|(list, amount)| (list, (amount, quantity::of(amount))))
        .collect();
    let text = |list: &str| given.get(list).map(|(_, quantity)| quantity.to_string()).unwrap_or_default();
    let mut errors = Errors::new();
    for Order { lists: [low, high], words, blames, shows } in ORDERS {
        let (Some(lower), Some(higher)) = (given.get(low), given.get(high)) else { continue };
        if lower.1 > higher.1 {
            let fault = format!("{} {} is greater than {} {}", words[0], text(low), words[1], text(high));
            let shown = if shows == 0 { lower.0 } else { higher.0 };
            errors.push(Error::invalid(&path.child(blames).key(name), shown.clone(), &fault));
        }
    }
    if let Some((shown, ratio)) = given.get("maxLimitRequestRatio") {
        let at = path.child("maxLimitRequestRatio").key(name);
        if *ratio < Quantity::from_units(1) {
            errors.push(Error::invalid(&at, (*shown).clone(), &format!("ratio {ratio} is less than 1")));
        }
        if let (Some((_, min)), Some((_, max))) = (given.get("min"), given.get("max")) {
            let possible = float(max) / float(min);
            if float(ratio) / 1000.0 > possible {
                let fault = format!("ratio {ratio} is greater than max/min = {possible:.6}");
                errors.push(Error::invalid(&at, (*shown).clone(), &fault));
            }
        }
    }
    if let (Some((_, limit)), Some((shown, request))) = (given.get("default"), given.get("defaultRequest"))
        && !quantity::is_overcommit_allowed(name)
        && limit != request
    {
        let fault = format!("default value {limit} must equal to defaultRequest value {request} in {name}");
        errors.push(Error::invalid(&path.child("defaultRequest").key(name), (*shown).clone(), &fault));
    }
    errors
}

/// Thousandths as upstream's ratios are computed: in floating point.
#[expect(clippy::cast_precision_loss, reason = "a ratio is shown with six digits")]
fn float(quantity: &Quantity) -> f64 {
    quantity.as_millis() as f64
}
