//! Where Services lead, from what was heard of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;

fn state(services: &[Value], slices: &[Value]) -> Services {
    let all = Services::default();
    let mut before = Before::default();
    for it in services {
        all.take(News::Service(Event::Apply(serde_json::from_value(it.clone()).unwrap())), &mut before);
    }
    for it in slices {
        all.take(News::Slice(Event::Apply(serde_json::from_value(it.clone()).unwrap())), &mut before);
    }
    all
}

fn service(name: &str, ip: &str) -> Value {
    json!({"metadata": {"namespace": "ns", "name": name}, "spec": {"clusterIP": ip, "ports": [
        {"name": "web", "port": 80, "protocol": "TCP"}, {"name": "dns", "port": 53, "protocol": "UDP"}]}})
}

fn slice(service: &str) -> Value {
    json!({"metadata": {"namespace": "ns", "name": format!("{service}-x"), "labels": {SERVICE_LABEL: service}},
        "addressType": "IPv4", "ports": [{"name": "web", "port": 8080, "protocol": "TCP"}], "endpoints": [
        {"addresses": ["10.0.0.2"], "conditions": {"ready": true}, "hostname": "web-0"},
        {"addresses": ["10.0.0.3"], "conditions": {"ready": false}}, {"addresses": ["10.0.0.4"]}]})
}

#[test]
fn a_port_leads_to_the_endpoints_that_take_traffic() {
    let all = state(&[service("web", "10.96.0.9")], &[slice("web")]);
    let table = table(&all.state.lock());
    let behind: Vec<String> = table.tcp[&"10.96.0.9:80".parse().unwrap()].iter().map(ToString::to_string).collect();
    assert_eq!(behind, ["10.0.0.2:8080", "10.0.0.4:8080"]);
    assert!(table.udp[&"10.96.0.9:53".parse().unwrap()].is_empty());
    assert_eq!(table.names["web.ns"].to_vec(), ["10.96.0.9".parse::<IpAddr>().unwrap()]);
    assert_eq!(table.names["web-0.web.ns"].to_vec(), ["10.0.0.2".parse::<IpAddr>().unwrap()]);
}

#[test]
fn a_headless_service_is_its_endpoints() {
    let all = state(&[service("web", "None")], &[slice("web")]);
    let table = table(&all.state.lock());
    assert!(table.tcp.is_empty());
    let behind: Vec<String> = table.names["web.ns"].iter().map(ToString::to_string).collect();
    assert_eq!(behind, ["10.0.0.2", "10.0.0.4"]);
    assert_eq!(all.links("ns", true), []);
}

#[test]
fn what_a_new_list_does_not_have_is_gone() {
    let all = state(&[service("web", "10.96.0.9"), service("old", "10.96.0.8")], &[]);
    let mut before = Before::default();
    let web = serde_json::from_value(service("web", "10.96.0.9")).unwrap();
    for event in [Event::Init, Event::InitApply(web), Event::InitDone] {
        all.take(News::Service(event), &mut before);
    }
    let names: Vec<String> = all.links("ns", true).into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["web"]);
}
