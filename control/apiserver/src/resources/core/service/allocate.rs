//! Gives a service its addresses and node ports, and keeps those it had where a client left them out
//! (`pkg/registry/core/service/storage/alloc.go`).

use serde_json::{Value, json};

use crate::error::Failure;
use crate::field::{Error, Path};
use crate::object::Fields;
use crate::registry::allocator::{Claim, Refusal};
use crate::resources::core::service::shape::{self, same};
use crate::resources::core::service::{family, invalid, ports};
use crate::validation::ip;

/// Fills in a service that is created, or changed from `old`.
pub(super) fn service(
    claim: &mut Claim,
    known: &[&'static str],
    object: &mut Value,
    old: Option<&Value>,
) -> Result<(), Failure> {
    match old {
        None => align_new(object),
        Some(old) => {
            inherit(object, old);
            align_changed(object, old);
        }
    }
    if shape::kind(object) != "ExternalName" {
        family::fill(object, old, known).map_err(|errors| invalid(object, &errors))?;
    }
    match old {
        None => addresses(claim, object)?,
        Some(old) => change_addresses(claim, object, old)?,
    }
    ports::fill(claim, object, old)
}

/// A client that knows only `clusterIP` sets `clusterIPs` with it.
fn align_new(object: &mut Value) {
    let one = object.str_at("spec.clusterIP").to_owned();
    if !one.is_empty() && object.list_at("spec.clusterIPs").is_empty() {
        object.set("spec.clusterIPs", json!([one]));
    }
}

/// On update, whichever of the two fields the client changed wins (`normalizeClusterIPs`).
fn align_changed(object: &mut Value, old: &Value) {
    let (one, before) = (object.str_at("spec.clusterIP").to_owned(), old.str_at("spec.clusterIP"));
    let list_untouched = same(object, old, "spec.clusterIPs");
    let list_empty = object.list_at("spec.clusterIPs").is_empty();
    match (one == before, one.is_empty()) {
        (true, _) if list_empty => {
            if let Some(list) = old.at("spec.clusterIPs") {
                object.set("spec.clusterIPs", list.clone());
            }
        }
        (true, _) => {}
        (false, true) if list_untouched && !before.is_empty() => drop(object.remove("spec.clusterIPs")),
        (false, true) => {}
        (false, false) if list_untouched || list_empty => object.set("spec.clusterIPs", json!([one])),
        (false, false) => {}
    }
}

/// What the server chose before and the client left out stays (`patchAllocatedValues`).
fn inherit(object: &mut Value, old: &Value) {
    if shape::needs_cluster_ip(old) && shape::needs_cluster_ip(object) {
        if object.str_at("spec.clusterIP").is_empty() {
            object.set("spec.clusterIP", old.str_at("spec.clusterIP"));
        }
        let same_address = same(object, old, "spec.clusterIP");
        if same_address && object.list_at("spec.clusterIPs").is_empty() {
            object.set("spec.clusterIPs", old.list_at("spec.clusterIPs").to_vec());
        }
    }
    ports::inherit(object, old);
}

fn addresses(claim: &mut Claim, object: &mut Value) -> Result<(), Failure> {
    if shape::kind(object) == "ExternalName" || shape::is_headless(object) {
        return Ok(());
    }
    let families = object.list_at("spec.ipFamilies").to_vec();
    let mut list = object.list_at("spec.clusterIPs").to_vec();
    for (i, family) in families.iter().filter_map(Value::as_str).enumerate() {
        let address = take(claim, object, family, list.get(i).and_then(Value::as_str).unwrap_or_default())?;
        match list.get_mut(i) {
            Some(place) => *place = address.into(),
            None => list.push(address.into()),
        }
    }
    if let Some(first) = list.first().cloned() {
        object.set("spec.clusterIP", first);
    }
    object.set("spec.clusterIPs", list);
    Ok(())
}

/// The address that is wanted, or any of the family if none is.
fn take(claim: &mut Claim, object: &Value, family: &str, wanted: &str) -> Result<String, Failure> {
    if wanted.is_empty() {
        let found = claim.any_address(family);
        let fault = |refusal: Refusal| Failure::internal(&format!("failed to allocate a serviceIP: {refusal}"));
        return found.map(|address| address.to_string()).map_err(fault);
    }
    let taken = ip::parse(wanted).ok_or(Refusal::Outside).and_then(|address| claim.address(address));
    taken.map(|()| wanted.to_owned()).map_err(|refusal| {
        let why = match refusal {
            Refusal::Taken => "provided IP is already allocated",
            Refusal::Outside | Refusal::Full => "the provided network does not match the current range",
        };
        let list = object.list_at("spec.clusterIPs").to_vec();
        let fault = format!("failed to allocate IP {wanted}: {why}");
        invalid(object, &[Error::invalid(&Path::new("spec.clusterIPs"), list, &fault)])
    })
}

fn change_addresses(claim: &mut Claim, object: &mut Value, old: &Value) -> Result<(), Failure> {
    let held = old.list_at("spec.clusterIPs").iter().filter_map(Value::as_str).filter_map(ip::parse);
    match (shape::kind(old) == "ExternalName", shape::kind(object) == "ExternalName") {
        (true, true) => Ok(()),
        (true, false) => addresses(claim, object),
        (false, true) => {
            held.for_each(|address| claim.give_back_address(address));
            Ok(())
        }
        (false, false) if shape::is_headless(old) => Ok(()),
        (false, false) => {
            let count = object.list_at("spec.ipFamilies").len();
            held.skip(count).for_each(|address| claim.give_back_address(address));
            second_address(claim, object, old)
        }
    }
}

/// A service that gets a second family gets a second address.
fn second_address(claim: &mut Claim, object: &mut Value, old: &Value) -> Result<(), Failure> {
    let families = object.list_at("spec.ipFamilies");
    let Some(family) = families.get(1).and_then(Value::as_str).map(str::to_owned) else { return Ok(()) };
    if old.list_at("spec.ipFamilies").len() != 1 {
        return Ok(());
    }
    let mut list = object.list_at("spec.clusterIPs").to_vec();
    let wanted = list.get(1).and_then(Value::as_str).unwrap_or_default().to_owned();
    let address = take(claim, object, &family, &wanted)?;
    list.truncate(1);
    list.push(address.into());
    object.set("spec.clusterIPs", list);
    Ok(())
}
