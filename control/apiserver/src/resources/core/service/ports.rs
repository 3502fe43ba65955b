//! Node ports of a service: kept by name, taken as asked, or chosen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::error::Failure;
use crate::field::{Error, Path};
use crate::object::Fields;
use crate::registry::allocator::{Claim, NODE_PORTS, Refusal};
use crate::resources::core::service::{invalid, shape};

/// Ports that have no node port now keep the one that the port of their name had.
pub(super) fn inherit(object: &mut Value, old: &Value) {
    if shape::needs_node_port(old) && shape::needs_node_port(object) {
        let set = |object: &Value| -> BTreeSet<i64> { shape::node_ports(object).into_iter().collect() };
        let mut used: BTreeSet<i64> = set(old).intersection(&set(object)).copied().collect();
        let named = old.list_at("spec.ports").iter();
        let named: BTreeMap<&str, i64> =
            named.filter_map(|port| Some((port.str_at("name"), port.i64_at("nodePort")?))).collect();
        for port in object.at_mut("spec.ports").and_then(Value::as_array_mut).into_iter().flatten() {
            let before = named.get(port.str_at("name")).copied().unwrap_or_default();
            let is_free = port.i64_at("nodePort").unwrap_or_default() == 0;
            if is_free && before != 0 && used.insert(before) {
                port.set("nodePort", before);
            }
        }
    }
    let both = shape::needs_health_check(old) && shape::needs_health_check(object);
    if both && object.i64_at("spec.healthCheckNodePort").unwrap_or_default() == 0 {
        crate::resources::keep(object, old, "spec.healthCheckNodePort");
    }
}

/// Takes what the ports ask for, and chooses for those that must have one.
pub(super) fn fill(claim: &mut Claim, object: &mut Value, old: Option<&Value>) -> Result<(), Failure> {
    let held: BTreeSet<i64> = old.map(shape::node_ports).into_iter().flatten().filter(|port| *port != 0).collect();
    if shape::takes_node_port(object) {
        let chosen = choose(claim, object, &held)?;
        let ports = object.at_mut("spec.ports").and_then(Value::as_array_mut).into_iter().flatten();
        for (port, chosen) in ports.zip(chosen).filter(|(_, chosen)| *chosen != 0) {
            port.set("nodePort", chosen);
        }
        let kept: BTreeSet<i64> = shape::node_ports(object).into_iter().collect();
        held.difference(&kept).for_each(|port| claim.give_back_port(*port));
    } else {
        held.iter().for_each(|port| claim.give_back_port(*port));
    }
    health_check(claim, object, old)
}

/// The node port of each port, 0 for none. Ports of one number share theirs, for TCP and UDP to look alike.
fn choose(claim: &mut Claim, object: &Value, held: &BTreeSet<i64>) -> Result<Vec<i64>, Failure> {
    let asked = shape::node_ports(object);
    let numbers: Vec<i64> =
        object.list_at("spec.ports").iter().map(|port| port.i64_at("port").unwrap_or_default()).collect();
    let mut of_number: BTreeMap<i64, i64> = BTreeMap::new();
    let mut chosen = Vec::with_capacity(asked.len());
    for (i, (number, wanted)) in numbers.iter().zip(&asked).enumerate() {
        if *wanted == 0 && !shape::needs_node_port(object) {
            chosen.push(0);
            continue;
        }
        let sibling = numbers.iter().zip(&asked).find(|(n, port)| *n == number && **port != 0).map(|(_, port)| *port);
        let port = match (of_number.get(number), *wanted, sibling) {
            (Some(shared), 0, _) => *shared,
            (Some(shared), wanted, _) if *shared == wanted => wanted,
            (Some(_), wanted, _) => take(claim, object, i, wanted, held)?,
            (None, _, Some(asked)) => take(claim, object, i, asked, held)?,
            (None, _, None) => claim.any_port().map_err(|refusal| full(refusal, "a nodePort"))?,
        };
        of_number.entry(*number).or_insert(port);
        chosen.push(port);
    }
    Ok(chosen)
}

fn take(claim: &mut Claim, object: &Value, i: usize, wanted: i64, held: &BTreeSet<i64>) -> Result<i64, Failure> {
    if held.contains(&wanted) {
        return Ok(wanted);
    }
    claim.port(wanted).map(|()| wanted).map_err(|refusal| {
        let path = Path::new("spec.ports").index(i).child("nodePort");
        invalid(object, &[Error::invalid(&path, wanted, &why(refusal))])
    })
}

fn why(refusal: Refusal) -> String {
    let (first, last) = NODE_PORTS;
    match refusal {
        Refusal::Taken => "provided port is already allocated".to_owned(),
        Refusal::Outside | Refusal::Full => {
            format!("provided port is not in the valid range. The range of valid ports is {first}-{last}")
        }
    }
}

fn full(refusal: Refusal, what: &str) -> Failure {
    Failure::internal(&format!("failed to allocate {what}: {refusal}"))
}

/// The port at which nodes tell load balancers whether they have pods of the service.
fn health_check(claim: &mut Claim, object: &mut Value, old: Option<&Value>) -> Result<(), Failure> {
    let held = old.filter(|old| shape::needs_health_check(old));
    let held = held.and_then(|old| old.i64_at("spec.healthCheckNodePort")).unwrap_or_default();
    let wanted = object.i64_at("spec.healthCheckNodePort").unwrap_or_default();
    if !shape::needs_health_check(object) {
        if held != 0 {
            claim.give_back_port(held);
        }
        return Ok(());
    }
    if wanted == held && held != 0 {
        return Ok(());
    }
    if held != 0 {
        let path = Path::new("spec.healthCheckNodePort");
        return Err(invalid(object, &[Error::invalid(&path, wanted, "field is immutable")]));
    }
    if wanted == 0 {
        let port = claim.any_port().map_err(|refusal| full(refusal, "a HealthCheck NodePort 0"))?;
        object.set("spec.healthCheckNodePort", port);
        return Ok(());
    }
    let fault = |refusal| {
        Failure::internal(&format!("failed to allocate requested HealthCheck NodePort {wanted}: {}", why(refusal)))
    };
    claim.port(wanted).map_err(fault)
}
