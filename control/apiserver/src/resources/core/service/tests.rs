//! Services from what a client sends to what is stored, without a server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::{allocate, default, update};
use crate::object::Fields;
use crate::registry::allocator::{Allocators, Claim};
use crate::registry::strategy::Allocation;

/// The service as it is stored, or the message of the refusal.
fn save(allocators: &Arc<Allocators>, spec: Value, old: Option<&Value>) -> Result<Value, String> {
    let mut object = json!({"metadata": {"name": "s"}, "spec": spec});
    default::service(&mut object);
    let mut claim = Claim::new(allocators);
    allocate::service(&mut claim, &allocators.families(), &mut object, old).map_err(|failure| failure.message)?;
    if let Some(old) = old {
        update::drop_what_the_type_had(&mut object, old);
        let errors = update::validate(&object, old);
        if let Some(error) = errors.first() {
            return Err(error.to_string());
        }
    }
    let errors = super::validate::service(&object);
    if let Some(error) = errors.first() {
        return Err(error.to_string());
    }
    Box::new(claim).commit();
    Ok(object)
}

#[test]
fn an_update_that_leaves_out_what_the_server_chose_keeps_it() {
    let allocators = Allocators::new(&["10.96.0.0/16"]);
    let spec = json!({"type": "NodePort", "ports": [{"port": 80}]});
    let first = save(&allocators, spec.clone(), None).unwrap();
    assert_eq!(save(&allocators, spec, Some(&first)).unwrap(), first);
}

#[test]
fn a_type_that_needs_less_gives_back_what_it_had() {
    let allocators = Allocators::new(&["10.96.0.0/16"]);
    let wanted = json!({"type": "NodePort", "clusterIP": "10.96.0.9", "ports": [{"port": 80, "nodePort": 30001}]});
    let first = save(&allocators, wanted.clone(), None).unwrap();
    let mut spec = first["spec"].clone();
    spec["type"] = "ExternalName".into();
    spec["externalName"] = "x.example".into();
    let second = save(&allocators, spec, Some(&first)).unwrap();
    assert_eq!(second["spec"].at("clusterIP"), None);
    assert_eq!(second["spec"]["ports"][0].at("nodePort"), None);
    // Somebody else can have both now.
    assert!(save(&allocators, wanted, None).is_ok());
}

#[test]
fn the_address_of_a_service_does_not_change() {
    let allocators = Allocators::new(&["10.96.0.0/16"]);
    let first = save(&allocators, json!({"ports": [{"port": 80}]}), None).unwrap();
    let mut spec = first["spec"].clone();
    spec["clusterIP"] = "10.96.0.8".into();
    let refusal = save(&allocators, spec, Some(&first)).unwrap_err();
    assert_eq!(refusal, "spec.clusterIPs[0]: Invalid value: [\"10.96.0.8\"]: may not change once set");
}

#[test]
fn a_cluster_of_two_families_gives_two_addresses_to_who_asks() {
    let allocators = Allocators::new(&["10.96.0.0/16", "fd00::/112"]);
    let dual = json!({"ipFamilyPolicy": "PreferDualStack", "ports": [{"port": 80}]});
    let object = save(&allocators, dual, None).unwrap();
    assert_eq!(object["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
    assert_eq!(object["spec"]["clusterIPs"].as_array().unwrap().len(), 2);
    let single = save(&allocators, json!({"ports": [{"port": 80}]}), None).unwrap();
    assert_eq!(single["spec"]["ipFamilies"], json!(["IPv4"]));
}

#[test]
fn ports_of_one_number_share_their_node_port() {
    let allocators = Allocators::new(&["10.96.0.0/16"]);
    let ports = json!([
        {"name": "a", "port": 53, "protocol": "UDP"}, {"name": "b", "port": 53, "nodePort": 30053},
    ]);
    let object = save(&allocators, json!({"type": "NodePort", "ports": ports}), None).unwrap();
    assert_eq!(object["spec"]["ports"][0]["nodePort"], 30053);
    assert_eq!(object["spec"]["ports"][1]["nodePort"], 30053);
}
