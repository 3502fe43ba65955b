//! The table of autoscalers: above all, how far each metric is from its target.

use serde_json::Value;

use crate::object::Fields;
use crate::registry::resource::Now;
use crate::resources::{age, cell};
use crate::validation::{member, quantity};

/// How many metrics the cell shows.
const SHOWN_MAX: usize = 2;
const UNKNOWN: &str = "<unknown>";

/// One row.
pub(super) fn cells(object: &Value, now: Now) -> Vec<Value> {
    let target = object.at("spec.scaleTargetRef").unwrap_or(&Value::Null);
    let least = object.i64_at("spec.minReplicas").map_or_else(|| "<unset>".to_owned(), |least| least.to_string());
    vec![
        cell::name(object),
        format!("{}/{}", target.str_at("kind"), target.str_at("name")).into(),
        targets(object.list_at("spec.metrics"), object.list_at("status.currentMetrics")).into(),
        least.into(),
        cell::integer(object, "spec.maxReplicas"),
        cell::integer(object, "status.currentReplicas"),
        age::of(object, now),
    ]
}

fn targets(specs: &[Value], statuses: &[Value]) -> String {
    if specs.is_empty() {
        return cell::NONE.to_owned();
    }
    let shown = specs.iter().enumerate().take(SHOWN_MAX);
    let texts: Vec<String> = shown.map(|(i, spec)| one(spec, statuses.get(i).unwrap_or(&Value::Null))).collect();
    match specs.len().saturating_sub(SHOWN_MAX) {
        0 => texts.join(", "),
        more => format!("{} + {more} more...", texts.join(", ")),
    }
}

/// `cpu: 20%/70%`, `7500m/10`, `4/5 (avg)`.
fn one(spec: &Value, status: &Value) -> String {
    let (source, named) = match spec.str_at("type") {
        "External" => ("external", false),
        "Pods" => ("pods", false),
        "Object" => ("object", false),
        "Resource" => ("resource", true),
        "ContainerResource" => ("containerResource", true),
        _ => return "<unknown type>".to_owned(),
    };
    let empty = Value::Null;
    let target = spec.at(&format!("{source}.target")).unwrap_or(&empty);
    let current = status.at(&format!("{source}.current")).unwrap_or(&empty);
    let averages = source == "pods" || member(target, "averageValue").is_some();
    let text = match (averages, named) {
        (true, _) => {
            format!("{}/{}", amount(current, "averageValue", UNKNOWN), amount(target, "averageValue", UNKNOWN))
        }
        (false, true) => format!("{}/{}", percent(current, UNKNOWN), percent(target, "<auto>")),
        (false, false) => format!("{}/{}", amount(current, "value", UNKNOWN), amount(target, "value", UNKNOWN)),
    };
    match (named, averages && source != "pods") {
        (true, _) => format!("{}: {text}", spec.str_at(&format!("{source}.name"))),
        (false, true) => format!("{text} (avg)"),
        (false, false) => text,
    }
}

fn amount(of: &Value, field: &str, instead: &str) -> String {
    member(of, field).map_or_else(|| instead.to_owned(), |amount| quantity::of(amount).to_string())
}

fn percent(of: &Value, instead: &str) -> String {
    of.i64_at("averageUtilization").map_or_else(|| instead.to_owned(), |percent| format!("{percent}%"))
}
