//! Requests and limits of containers and of the pod as a whole, and how they may be resized.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::resources::pod_template::container::is_sidecar;
use crate::schema::Quantity;
use crate::validation::quantity;
use crate::validation::{each, entries, is_given, member, one_of};

/// Amounts by resource.
pub type Amounts = BTreeMap<String, Quantity>;

/// `resources` of a container (`ValidateContainerResourceRequirements`).
pub fn validate_container(path: &Path, container: &Value, spec: &Value) -> Errors {
    let Some(resources) = member(container, "resources") else { return Vec::new() };
    let mut errors = validate_lists(path, resources, quantity::validate_container_resource_name);
    errors.extend(validate_claims(path, resources, spec));
    errors
}

/// `resources` of the pod: only some, and wide enough for its containers.
pub fn validate_pod(path: &Path, spec: &Value) -> Errors {
    let Some(resources) = member(spec, "resources") else { return Vec::new() };
    let mut errors = Vec::new();
    if is_given(resources.at("claims")) {
        errors.push(Error::forbidden(&path.child("claims"), "claims cannot be set for Resources at pod-level"));
    }
    errors.extend(validate_lists(path, resources, validate_pod_resource_name));
    for (name, sum) in aggregate(spec, "requests") {
        let own = resources.at("requests").and_then(|r| r.get(&name));
        if sum > own.map_or_else(|| Quantity::from_units(0), quantity::of) {
            let detail = format!("must be greater than or equal to aggregate container requests of {sum}");
            let shown = own.cloned().unwrap_or_else(|| "0".into());
            errors.push(Error::invalid(&path.child("requests").key(&name), shown, &detail));
        }
    }
    for (at, container) in each(path, spec, "containers") {
        for (name, limit) in entries(container.at("resources.limits")) {
            let Some(own) = resources.at("limits").and_then(|l| l.get(name)) else { continue };
            if quantity::of(limit) > quantity::of(own) {
                let detail =
                    format!("must be less than or equal to pod limits of {}", own.as_str().unwrap_or_default());
                errors.push(Error::invalid(&at.key(name).child("limits"), limit.clone(), &detail));
            }
        }
    }
    errors
}

/// `resizePolicy` of a container. Most errors name the list, not the element.
pub fn validate_resize_policy(path: &Path, container: &Value, spec: &Value) -> Errors {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (i, policy) in container.list_at("resizePolicy").iter().enumerate() {
        let (resource, restart) = (policy.str_at("resourceName"), policy.str_at("restartPolicy"));
        if !seen.insert(resource) {
            errors.push(Error::duplicate(&path.index(i), resource));
        }
        match resource {
            "" => errors.push(Error::required(path, "")),
            _ => errors.extend(one_of(path, resource, &["cpu", "memory"])),
        }
        match restart {
            "" => errors.push(Error::required(path, "")),
            _ => errors.extend(one_of(path, restart, &["NotRequired", "RestartContainer"])),
        }
        if spec.str_at("restartPolicy") == "Never" && restart != "NotRequired" {
            let detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.push(Error::invalid(path, restart, detail));
        }
    }
    errors
}

/// `overhead`: limits without requests.
pub fn validate_overhead(path: &Path, overhead: &Value) -> Errors {
    let mut errors = Vec::new();
    for (name, value) in entries(Some(overhead)) {
        let at = path.child("limits").key(name);
        errors.extend(quantity::validate_container_resource_name(&at, name));
        errors.extend(quantity::validate_value(&at, name, value));
    }
    errors
}

/// What all containers together ask for (`requests`) or may use (`limits`): the regular ones and sidecars at once, or
/// the largest init container with the sidecars started before it, whichever is more.
pub fn aggregate(spec: &Value, list: &str) -> Amounts {
    let of = |container: &Value| -> Amounts {
        entries(container.at("resources").and_then(|r| r.get(list)))
            .map(|(name, value)| (name.clone(), quantity::of(value)))
            .collect()
    };
    let mut total = Amounts::new();
    spec.list_at("containers").iter().for_each(|container| add(&mut total, &of(container)));
    let mut sidecars = Amounts::new();
    let mut peak = Amounts::new();
    for container in spec.list_at("initContainers") {
        let mut at_once = sidecars.clone();
        add(&mut at_once, &of(container));
        if is_sidecar(container) {
            add(&mut total, &of(container));
            sidecars.clone_from(&at_once);
        }
        raise(&mut peak, &at_once);
    }
    raise(&mut total, &peak);
    total
}

/// Resources that can be asked for by the pod as a whole.
pub fn is_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || quantity::is_huge_pages(name)
}

/// Adds `more` to `total`, resource by resource.
pub fn add(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = total.get(name).map_or_else(|| amount.clone(), |sum| sum.plus(amount));
        total.insert(name.clone(), sum);
    }
}

fn raise(total: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        if total.get(name).is_none_or(|highest| highest < amount) {
            total.insert(name.clone(), amount.clone());
        }
    }
}

fn validate_pod_resource_name(path: &Path, name: &str) -> Errors {
    let errors = quantity::validate_resource_name(path, name);
    if errors.is_empty() && !is_pod_level(name) {
        return vec![Error::not_supported(path, name, &["cpu", "hugepages-", "memory"])];
    }
    errors
}

/// Limits and requests: names, amounts, and how they fit each other.
fn validate_lists(path: &Path, resources: &Value, name_rule: fn(&Path, &str) -> Errors) -> Errors {
    let (limits_at, requests_at) = (path.child("limits"), path.child("requests"));
    let (limits, requests) = (resources.at("limits"), resources.at("requests"));
    let mut errors = Vec::new();
    for (name, limit) in entries(limits) {
        errors.extend(validate_entry(&limits_at.key(name), name, limit, name_rule));
    }
    for (name, request) in entries(requests) {
        errors.extend(validate_entry(&requests_at.key(name), name, request, name_rule));
        match limits.and_then(|l| l.get(name)) {
            Some(limit) => errors.extend(validate_pair(&requests_at, name, request, limit)),
            None if !quantity::is_overcommit_allowed(name) => {
                errors.push(Error::required(&limits_at, "Limit must be set for non overcommitable resources"));
            }
            None => {}
        }
    }
    let named = |test: fn(&str) -> bool| entries(limits).chain(entries(requests)).any(|(name, _)| test(name));
    if named(quantity::is_huge_pages) && !named(|name| matches!(name, "cpu" | "memory")) {
        errors.push(Error::forbidden(path, "HugePages require cpu or memory"));
    }
    errors
}

fn validate_entry(path: &Path, name: &str, value: &Value, name_rule: fn(&Path, &str) -> Errors) -> Errors {
    let mut errors = name_rule(path, name);
    errors.extend(quantity::validate_value(path, name, value));
    if let Some(page) = name.strip_prefix("hugepages-") {
        let amount = quantity::of(value);
        let pages = Quantity::parse(page).is_ok_and(|size| amount.is_multiple_of(&size));
        if !pages || amount.is_zero() {
            let text = value.as_str().unwrap_or_default();
            errors.push(Error::invalid(
                path,
                value.clone(),
                &format!("{text} is not positive integer multiple of {name}"),
            ));
        }
    }
    errors
}

fn validate_pair(path: &Path, name: &str, request: &Value, limit: &Value) -> Errors {
    let text = limit.as_str().unwrap_or_default();
    let (request_amount, limit_amount) = (quantity::of(request), quantity::of(limit));
    if !quantity::is_overcommit_allowed(name) && request_amount != limit_amount {
        return vec![Error::invalid(path, request.clone(), &format!("must be equal to {name} limit of {text}"))];
    }
    if request_amount > limit_amount {
        return vec![Error::invalid(
            path,
            request.clone(),
            &format!("must be less than or equal to {name} limit of {text}"),
        )];
    }
    Vec::new()
}

fn validate_claims(path: &Path, resources: &Value, spec: &Value) -> Errors {
    let known: Vec<&str> = spec.list_at("resourceClaims").iter().map(|claim| claim.str_at("name")).collect();
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, claim) in each(path, resources, "claims") {
        let name = claim.str_at("name");
        if name.is_empty() {
            errors.push(Error::required(&at, ""));
            continue;
        }
        if !seen.insert((name, claim.str_at("request"))) {
            errors.push(Error::duplicate(&at, name));
        }
        if !known.contains(&name) {
            let mut error = Error::not_found(&at, name);
            let list = if known.is_empty() { "which is empty".to_owned() } else { known.join(", ") };
            error.message += &format!(": must be one of the names in pod.spec.resourceClaims {list}");
            errors.push(error);
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sidecars_count_with_the_containers_and_init_containers_at_their_peak() {
        let cpu = |name: &str, cpu: &str| json!({"name": name, "resources": {"requests": {"cpu": cpu}}});
        let mut sidecar = cpu("s", "1");
        sidecar.set("restartPolicy", "Always");
        let spec = json!({"containers": [cpu("a", "1"), cpu("b", "500m")], "initContainers": [sidecar, cpu("i", "3")]});
        assert_eq!(aggregate(&spec, "requests").get("cpu").map(ToString::to_string), Some("4".to_owned()));
    }
}
