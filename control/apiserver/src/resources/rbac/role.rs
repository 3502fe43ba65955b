//! Role and ClusterRole: rules.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Resource, Scope};
use crate::registry::strategy::{Context, NameRule, Strategy};
use crate::validation::selector;

/// The row of Role.
pub(super) fn row() -> Resource {
    Resource { strategy: &Role(Scope::Namespaced), ..super::new("Role", "roles", "rbac/v1.Role", Scope::Namespaced) }
}

/// The row of ClusterRole.
pub(super) fn cluster_row() -> Resource {
    Resource {
        strategy: &Role(Scope::Cluster),
        ..super::new("ClusterRole", "clusterroles", "rbac/v1.ClusterRole", Scope::Cluster)
    }
}

struct Role(Scope);

impl Strategy for Role {
    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object, self.0)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, _: &Value) -> Errors {
        validate(new, self.0)
    }

    fn name_rule(&self) -> NameRule {
        NameRule::PathSegment
    }
}

fn validate(object: &Value, scope: Scope) -> Errors {
    let path = Path::new("rules");
    let rules = || object.list_at("rules").iter().enumerate();
    let mut errors: Errors = rules().flat_map(|(i, rule)| validate_rule(&path.index(i), rule, scope)).collect();
    errors.extend(validate_aggregation(object.get("aggregationRule")));
    // Upstream's generated validation comes after the written one.
    let idle = rules().filter(|(_, rule)| rule.list_at("verbs").is_empty());
    errors.extend(idle.map(|(i, _)| Error::required(&path.index(i).child("verbs"), "")));
    errors
}

fn validate_rule(path: &Path, rule: &Value, scope: Scope) -> Errors {
    let given = |field: &str| !rule.list_at(field).is_empty();
    if !given("nonResourceURLs") {
        let missing = |field: &str, what: &str| {
            let fault = format!("resource rules must supply at least one {what}");
            (!given(field)).then(|| Error::required(&path.child(field), &fault))
        };
        return [missing("apiGroups", "api group"), missing("resources", "resource")].into_iter().flatten().collect();
    }
    let wrong = |fault: &str| {
        let urls = Value::Array(rule.list_at("nonResourceURLs").to_vec());
        Error::invalid(&path.child("nonResourceURLs"), urls, fault)
    };
    let mut errors = Errors::new();
    if scope == Scope::Namespaced {
        errors.push(wrong("namespaced rules cannot apply to non-resource URLs"));
    }
    if given("apiGroups") || given("resources") || given("resourceNames") {
        errors.push(wrong("rules cannot apply to both regular resources and non-resource URLs"));
    }
    errors
}

fn validate_aggregation(rule: Option<&Value>) -> Errors {
    let Some(rule) = rule.filter(|rule| !rule.is_null()) else { return Errors::new() };
    let path = Path::new("aggregationRule.clusterRoleSelectors");
    let selectors = rule.list_at("clusterRoleSelectors");
    if selectors.is_empty() {
        let fault = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        return vec![Error::required(&path, fault)];
    }
    let each = selectors.iter().enumerate();
    each.flat_map(|(i, selector)| {
        let path = path.index(i);
        let mut errors = selector::validate(&path, Some(selector));
        if !errors.is_empty() {
            errors.push(Error::invalid(&path, Value::Null, "invalid label selector."));
        }
        errors
    })
    .collect()
}
