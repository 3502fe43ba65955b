//! Tolerations: which taints a pod bears.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::validation::{check, each, names, one_of};

/// `tolerations` of `holder`.
pub fn validate(path: &Path, holder: &Value) -> Errors {
    each(path, holder, "tolerations").flat_map(|(at, toleration)| validate_one(&at, toleration)).collect()
}

fn validate_one(path: &Path, toleration: &Value) -> Errors {
    let (key, operator) = (toleration.str_at("key"), toleration.str_at("operator"));
    let (value, effect) = (toleration.str_at("value"), toleration.str_at("effect"));
    let at = path.child("operator");
    let mut errors = Vec::new();
    if !key.is_empty() {
        errors.extend(check(&path.child("key"), key, names::qualified_name));
    } else if operator != "Exists" {
        let detail = r#"operator must be Exists when `key` is empty, which means "match all values and all keys""#;
        errors.push(Error::invalid(&at, operator, detail));
    }
    if toleration.i64_at("tolerationSeconds").is_some() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(Error::invalid(&path.child("effect"), effect, detail));
    }
    match operator {
        "" | "Equal" => {
            let faults = names::label_value(value);
            if !faults.is_empty() {
                errors.push(Error::invalid(&at, value, &faults.join(";")));
            }
        }
        "Exists" if !value.is_empty() => {
            errors.push(Error::invalid(&at, value, "value must be empty when `operator` is 'Exists'"));
        }
        "Exists" => {}
        // Upstream knows the numeric operators and names them, but their gate is shut.
        "Lt" | "Gt" => errors.push(Error::not_supported(&at, operator, &["Equal", "Exists", "Lt", "Gt"])),
        other => errors.push(Error::not_supported(&at, other, &["Equal", "Exists"])),
    }
    if !effect.is_empty() {
        errors.extend(one_of(&path.child("effect"), effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]));
    }
    errors
}
