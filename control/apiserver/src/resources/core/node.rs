//! Node: what a machine offers, what keeps pods away from it, and how it fares.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::field::{Error, Errors, Kind, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Now, Resource, Scope, Subresource, Verb};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell, keep};
use crate::validation::{check, entries, ip, names, one_of, quantity};

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const UNKNOWN: &str = "<unknown>";

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["no"],
        subresources: const {
            &[
                Subresource {
                    name: "proxy",
                    verbs: &[Verb::Create, Verb::Delete, Verb::Get, Verb::Patch, Verb::Update],
                    body: Some(("", "v1", "NodeProxyOptions")),
                },
                Subresource::STATUS,
            ]
        },
        columns: const {
            &[
                Column::NAME,
                Column::text("Status"),
                Column::text("Roles"),
                Column::AGE,
                Column::text("Version"),
                Column::wide("Internal-IP"),
                Column::wide("External-IP"),
                Column::wide("OS-Image"),
                Column::wide("Kernel-Version"),
                Column::wide("Container-Runtime"),
            ]
        },
        cells,
        selectable_fields: &[("spec.unschedulable", |object| object.bool_at("spec.unschedulable").to_string())],
        strategy: &Node,
        etcd_folder: Some("minions"),
        status_takes_labels: true,
        ..super::new("Node", "nodes", "core/v1.Node", Scope::Cluster)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let info = |field: &str| object.str_at(&format!("status.nodeInfo.{field}"));
    let address = |kind: &str| {
        let found = object.list_at("status.addresses").iter().find(|address| address.str_at("type") == kind);
        cell::text_or(found.map(|address| address.str_at("address")).unwrap_or_default(), cell::NONE)
    };
    let kernel = match (info("kernelVersion"), info("architecture")) {
        ("", _) => UNKNOWN.to_owned(),
        (version, "") => version.to_owned(),
        (version, architecture) => format!("{version} ({architecture})"),
    };
    vec![
        cell::name(object),
        status(object).into(),
        cell::text_or(&roles(object).into_iter().collect::<Vec<_>>().join(","), cell::NONE),
        age::of(object, now),
        info("kubeletVersion").into(),
        address("InternalIP"),
        address("ExternalIP"),
        cell::text_or(info("osImage"), UNKNOWN),
        kernel.into(),
        cell::text_or(info("containerRuntimeVersion"), UNKNOWN),
    ]
}

fn status(object: &Value) -> String {
    let ready = object.list_at("status.conditions").iter().find(|condition| condition.str_at("type") == "Ready");
    let status = match ready.map(|condition| condition.str_at("status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    if object.bool_at("spec.unschedulable") { format!("{status},SchedulingDisabled") } else { status.to_owned() }
}

fn roles(object: &Value) -> BTreeSet<&str> {
    let labels = || entries(object.at("metadata.labels"));
    let prefixed = labels().filter_map(|(key, _)| key.strip_prefix(ROLE_PREFIX));
    let named = labels().filter(|(key, _)| *key == "kubernetes.io/role").filter_map(|(_, value)| value.as_str());
    prefixed.chain(named).filter(|role| !role.is_empty()).collect()
}

struct Node;

impl Strategy for Node {
    fn default(&self, object: &mut Value) {
        if object.at("status.allocatable").is_none_or(Value::is_null)
            && let Some(capacity) = object.at("status.capacity").filter(|capacity| !capacity.is_null()).cloned()
        {
            object.set("status.allocatable", capacity);
        }
        align_pod_cidrs(object);
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.remove("spec.configSource");
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        new.remove("spec.configSource");
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        let mut errors = validate_resources(object);
        errors.extend(validate_taints(object));
        errors.extend(validate_pod_cidrs(object.list_at("spec.podCIDRs")));
        errors
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = validate_resources(new);
        errors.extend(validate_addresses(new));
        let cidrs = old.list_at("spec.podCIDRs");
        if !cidrs.is_empty() && cidrs != new.list_at("spec.podCIDRs") {
            let fault = "node updates may not change podCIDR except from \"\" to valid";
            errors.push(Error::forbidden(&Path::new("spec.podCIDRs"), fault));
        }
        errors.extend(validate_taints(new));
        let provider = old.str_at("spec.providerID");
        if !provider.is_empty() && provider != new.str_at("spec.providerID") {
            let fault = "field cannot be modified once set";
            errors.push(Error::invalid(&Path::new("spec.providerID"), Value::Null, fault));
        }
        errors
    }
}

/// `podCIDR` is the first of `podCIDRs`; where they disagree it wins.
fn align_pod_cidrs(object: &mut Value) {
    let one = object.str_at("spec.podCIDR").to_owned();
    let first = object.list_at("spec.podCIDRs").first().and_then(Value::as_str).unwrap_or_default().to_owned();
    match (one.is_empty(), first.is_empty()) {
        (true, true) => {}
        (true, false) => object.set("spec.podCIDR", first),
        (false, _) if one != first => object.set("spec.podCIDRs", json!([one])),
        (false, _) => {}
    }
}

fn validate_resources(object: &Value) -> Errors {
    ["capacity", "allocatable"]
        .into_iter()
        .flat_map(|field| {
            let path = Path::new("status").child(field);
            let amounts = entries(object.at(&format!("status.{field}")));
            amounts.flat_map(move |(name, amount)| quantity::validate_value(&path.child(name), name, amount))
        })
        .collect()
}

fn validate_taints(object: &Value) -> Errors {
    // Upstream gives the metadata's path to fields of the spec.
    let path = Path::new("metadata.taints");
    let mut seen = BTreeSet::new();
    let mut errors = Errors::new();
    for (i, taint) in object.list_at("spec.taints").iter().enumerate() {
        let (path, key, effect) = (path.index(i), taint.str_at("key"), taint.str_at("effect"));
        let value = taint.str_at("value");
        errors.extend(check(&path.child("key"), key, names::qualified_name));
        let faults = names::label_value(value);
        if !faults.is_empty() {
            errors.push(Error::invalid(&path.child("value"), value, &faults.join(";")));
        }
        errors.extend(match effect {
            "" => vec![Error::required(&path.child("effect"), "")],
            effect => one_of(&path.child("effect"), effect, EFFECTS),
        });
        if !seen.insert((key, effect)) {
            // In the order of upstream's struct, which a map of ours would sort.
            let [key, value, effect] = [key, value, effect].map(crate::field::quote);
            let taint = format!("{{\"Key\":{key},\"Value\":{value},\"Effect\":{effect},\"TimeAdded\":null}}");
            let message = format!("Duplicate value: {taint}: taints must be unique by key and effect pair");
            errors.push(Error::new(Kind::Duplicate, &path, message));
        }
    }
    errors
}

fn validate_pod_cidrs(cidrs: &[Value]) -> Errors {
    let path = Path::new("spec.podCIDRs");
    let texts: Vec<&str> = cidrs.iter().filter_map(Value::as_str).collect();
    let mut errors: Errors =
        texts.iter().enumerate().flat_map(|(i, text)| ip::validate_cidr(&path.index(i), text)).collect();
    let families: BTreeSet<bool> =
        texts.iter().filter_map(|text| ip::parse_cidr(text)).map(|(address, _)| address.is_ipv4()).collect();
    if errors.is_empty() && texts.len() > 1 && (families.len() < 2 || texts.len() > 2) {
        let fault = "may specify no more than one CIDR for each IP family";
        errors.push(Error::invalid(&path, cidrs.to_vec(), fault));
    }
    errors
}

fn validate_addresses(object: &Value) -> Errors {
    let path = Path::new("status.addresses");
    let mut seen = BTreeSet::new();
    let each = object.list_at("status.addresses").iter().enumerate();
    each.filter(|(_, address)| !seen.insert((address.str_at("type"), address.str_at("address"))))
        .map(|(i, address)| {
            let [kind, text] = ["type", "address"].map(|field| crate::field::quote(address.str_at(field)));
            let message = format!("Duplicate value: {{\"Type\":{kind},\"Address\":{text}}}");
            Error::new(Kind::Duplicate, &path.index(i), message)
        })
        .collect()
}
