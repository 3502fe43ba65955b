//! IP families of a service: which it asks for, which the cluster has, and the fields that say so (`initIPFamilyFields`).

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::allocator::family_name;
use crate::resources::core::service::shape;
use crate::validation::{ip, one_of};

const FAMILIES: &[&str] = &["IPv4", "IPv6"];
const POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];

/// Fills in families and policy for a cluster with `known` families, the default one first.
pub(super) fn fill(object: &mut Value, old: Option<&Value>, known: &[&'static str]) -> Result<(), Errors> {
    fill_policy(object, old);
    let mut errors = validate(object);
    if !errors.is_empty() {
        return Err(errors);
    }
    errors.extend(old.map(|old| reduce(object, old)).unwrap_or_default());
    errors.extend(validate_single(object));
    errors.extend(infer(object, known));
    if !errors.is_empty() {
        return Err(errors);
    }
    let selectorless = crate::validation::entries(object.at("spec.selector")).next().is_none();
    if !(shape::is_headless(object) && selectorless) {
        errors.extend(validate_known(object, known));
        if !errors.is_empty() {
            return Err(errors);
        }
    }
    let mut families = texts(object, "spec.ipFamilies");
    if families.is_empty() {
        families.extend(known.first().map(|family| (*family).to_owned()));
    }
    // Without a selector nobody but the writer of the endpoints knows what families there are.
    let may_extend = known.len() == 2 || shape::is_headless(object) && selectorless;
    if policy(object) != "SingleStack" && families.len() == 1 && may_extend {
        let other = FAMILIES.iter().find(|family| **family != families[0]);
        families.extend(other.map(|family| (*family).to_owned()));
    }
    object.set("spec.ipFamilies", families);
    Ok(())
}

fn policy(object: &Value) -> &str {
    object.str_at("spec.ipFamilyPolicy")
}

fn texts(object: &Value, path: &str) -> Vec<String> {
    object.list_at(path).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn fill_policy(object: &mut Value, old: Option<&Value>) {
    if !policy(object).is_empty() {
        return;
    }
    let before = old.map(policy).unwrap_or_default();
    let selectorless = crate::validation::entries(object.at("spec.selector")).next().is_none();
    let inferred = match before {
        "" if object.str_at("spec.clusterIP") == "None" && selectorless => "RequireDualStack",
        "" => "SingleStack",
        before => before,
    };
    let inferred = inferred.to_owned();
    object.set("spec.ipFamilyPolicy", inferred);
}

/// Going back to one family drops the second of each list; anything else may not.
fn reduce(object: &mut Value, old: &Value) -> Errors {
    let path = Path::new("spec.ipFamilyPolicy");
    let mut errors = Errors::new();
    for (field, what) in [("spec.clusterIPs", "cluster IP"), ("spec.ipFamilies", "IP family")] {
        let (after, before) = (texts(object, field), texts(old, field));
        match policy(object) {
            "SingleStack" if after == before && after.len() > 1 => object.set(field, json!([after[0]])),
            "SingleStack" => {}
            other if before.len() == 2 && after.len() == 1 => {
                let fault = format!("must be 'SingleStack' to release the secondary {what}");
                errors.push(Error::invalid(&path, other, &fault));
            }
            _ => {}
        }
    }
    errors
}

fn validate_single(object: &Value) -> Errors {
    if policy(object) != "SingleStack" {
        return Errors::new();
    }
    let lists = [("spec.clusterIPs", "cluster IPs"), ("spec.ipFamilies", "IP families")];
    let doubled = lists.into_iter().filter(|(field, _)| object.list_at(field).len() == 2);
    doubled
        .map(|(_, what)| {
            let fault = format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified");
            Error::invalid(&Path::new("spec.ipFamilyPolicy"), policy(object), &fault)
        })
        .collect()
}

/// Families that are not given follow the addresses that are.
fn infer(object: &mut Value, known: &[&'static str]) -> Errors {
    let mut families = texts(object, "spec.ipFamilies");
    let mut errors = Errors::new();
    let addresses = texts(object, "spec.clusterIPs");
    for (i, address) in addresses.iter().enumerate().skip(families.len()) {
        let Some(address) = ip::parse(address) else { break };
        let family = family_name(address.is_ipv4());
        if known.contains(&family) {
            families.push(family.to_owned());
        } else {
            let fault = format!("{family} is not configured on this cluster");
            let path = Path::new("spec.clusterIPs").index(i);
            errors.push(Error::invalid(&path, addresses.clone(), &fault));
        }
    }
    object.set("spec.ipFamilies", families);
    errors
}

fn validate_known(object: &Value, known: &[&'static str]) -> Errors {
    let mut errors = Errors::new();
    if policy(object) == "RequireDualStack" && known.len() < 2 {
        let fault = "this cluster is not configured for dual-stack services";
        errors.push(Error::invalid(&Path::new("spec.ipFamilyPolicy"), policy(object), fault));
    }
    let path = Path::new("spec.ipFamilies");
    for (i, family) in texts(object, "spec.ipFamilies").iter().enumerate() {
        if !known.contains(&family.as_str()) {
            errors.push(Error::invalid(&path.index(i), family.as_str(), "not configured on this cluster"));
        }
    }
    errors
}

/// What is wrong with addresses, families and policy among themselves (`ValidateServiceClusterIPsRelatedFields`).
pub(super) fn validate(object: &Value) -> Errors {
    if shape::kind(object) == "ExternalName" {
        return Errors::new();
    }
    let mut errors = validate_pair(object);
    let path = Path::new("spec.ipFamilies");
    let families = texts(object, "spec.ipFamilies");
    for (i, family) in families.iter().enumerate() {
        errors.extend(one_of(&path.index(i), family, FAMILIES));
        if families[..i].contains(family) {
            errors.push(Error::duplicate(&path.index(i), family.as_str()));
        }
    }
    if !policy(object).is_empty() {
        errors.extend(one_of(&Path::new("spec.ipFamilyPolicy"), policy(object), POLICIES));
    }
    errors.extend(validate_addresses(object, &families));
    errors
}

/// `clusterIP` is the first of `clusterIPs`.
fn validate_pair(object: &Value) -> Errors {
    let path = Path::new("spec.clusterIPs");
    let list = object.list_at("spec.clusterIPs");
    match (object.str_at("spec.clusterIP"), list.first()) {
        ("", None) => Errors::new(),
        ("", Some(_)) => {
            vec![Error::invalid(&path, list.to_vec(), "must be empty when `clusterIP` is not specified")]
        }
        (_, None) => vec![Error::required(&path, "")],
        (one, Some(first)) if first != one => {
            vec![Error::invalid(&path, list.to_vec(), "first value must match `clusterIP`")]
        }
        (_, Some(_)) => Errors::new(),
    }
}

fn validate_addresses(object: &Value, families: &[String]) -> Errors {
    let path = Path::new("spec.clusterIPs");
    let list = texts(object, "spec.clusterIPs");
    let mut errors = Errors::new();
    for (i, address) in list.iter().enumerate() {
        match (i, address.as_str()) {
            (0, "None") if list.len() > 1 => {
                errors.push(Error::invalid(&path, list.clone(), "'None' must be the first and only value"));
            }
            (0, "None") => {}
            (_, address) => errors.extend(ip::validate(&path.index(i), address)),
        }
    }
    if list.len() > 2 {
        errors.push(Error::invalid(&path, list.clone(), "may only hold up to 2 values"));
    }
    let parsed: Vec<bool> = list.iter().filter_map(|text| ip::parse(text)).map(|ip| ip.is_ipv4()).collect();
    if !errors.is_empty() || parsed.len() != list.len() {
        return errors;
    }
    if parsed.len() > 1 && parsed.iter().all(|is_ipv4| *is_ipv4 == parsed[0]) {
        errors.push(Error::invalid(&path, list.clone(), "may specify no more than one IP for each IP family"));
    }
    for (i, (is_ipv4, family)) in parsed.iter().zip(families).enumerate() {
        if family_name(*is_ipv4) != family && FAMILIES.contains(&family.as_str()) {
            let fault = format!("expected an {family} value as indicated by `ipFamilies[{i}]`");
            errors.push(Error::invalid(&path.index(i), list[i].as_str(), &fault));
        }
    }
    errors
}
