//! `successPolicy`: when a job with indexes has succeeded before all of them have.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::batch::job::{index, spec};
use crate::validation::number;

const RULES_MAX: usize = 20;
const INDEXES_BYTES_MAX: usize = 64 * 1024;

/// What is wrong with the policy, if there is one.
pub(super) fn validate(object: &Value) -> Errors {
    let path = Path::new("spec.successPolicy");
    let Some(policy) = object.at("spec.successPolicy").filter(|policy| policy.is_object()) else {
        return Errors::new();
    };
    if !spec::is_indexed(object) {
        return vec![Error::invalid(&path, policy.clone(), "requires indexed completion mode")];
    }
    let path = path.child("rules");
    let rules = policy.list_at("rules");
    let mut errors = Errors::new();
    if rules.is_empty() {
        let fault = "at least one rules must be specified when the successPolicy is specified";
        errors.push(Error::required(&path, fault));
    }
    if rules.len() > RULES_MAX {
        errors.push(Error::too_many(&path, rules.len(), RULES_MAX));
    }
    let completions = object.i64_at("spec.completions").unwrap_or_default();
    errors.extend(rules.iter().enumerate().flat_map(|(i, rule)| validate_rule(&path.index(i), rule, completions)));
    errors
}

fn validate_rule(path: &Path, rule: &Value, completions: i64) -> Errors {
    let indexes = rule.at("succeededIndexes").and_then(Value::as_str);
    let count = rule.i64_at("succeededCount");
    let mut errors = Errors::new();
    if indexes.is_none() && count.is_none() {
        let fault = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(Error::required(path, fault));
    }
    let mut named = None;
    if let Some(text) = indexes {
        let path = path.child("succeededIndexes");
        if text.len() > INDEXES_BYTES_MAX {
            errors.push(Error::too_long(&path, INDEXES_BYTES_MAX));
        }
        match index::count(text, completions) {
            Ok(count) => named = Some(count),
            Err(fault) => {
                errors.push(Error::invalid(&path, text, &format!("error parsing succeededIndexes: {fault}")));
                named = Some(0);
            }
        }
    }
    let path = path.child("succeededCount");
    errors.extend(number::non_negative(&path, count));
    let at_most = |max: i64, what: &str| {
        let fault = format!("must be less than or equal to {max} ({what})");
        count.filter(|count| *count > max).map(|count| Error::invalid(&path, count, &fault))
    };
    errors.extend(at_most(completions, "the number of specified completions"));
    let what = "the number of indexes in the specified succeededIndexes field";
    errors.extend(named.and_then(|named| at_most(named, what)));
    errors
}
