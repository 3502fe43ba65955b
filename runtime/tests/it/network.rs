//! Sockets, names and outgoing HTTP: a group's view of the network.

use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use runtime::{Instance, ServiceTable, Spec};

use crate::node::{Node, ended, printed, prints};

/// The actor in the group whose address ends in `host`.
fn actor(node: &Node, host: u8, args: &[&str]) -> Spec {
    let mut spec = node.spec(&node.import("actor"), args);
    spec.group = node.group(host);
    spec
}

/// A started actor that has printed `text`.
async fn started(node: &Node, host: u8, args: &[&str], text: &str) -> (Instance, std::path::PathBuf) {
    let spec = actor(node, host, args);
    let log = spec.log_path.clone().unwrap();
    let instance = node.runtime.start(spec).await.unwrap();
    prints(&log, text).await;
    (instance, log)
}

fn services(tcp: &[(&str, &[&str])], udp: &[(&str, &[&str])], names: &[(&str, &str)]) -> ServiceTable {
    let table = |rows: &[(&str, &[&str])]| {
        let endpoints = |list: &[&str]| list.iter().map(|to| to.parse().unwrap()).collect::<Arc<[SocketAddr]>>();
        rows.iter().map(|(from, to)| (from.parse().unwrap(), endpoints(to))).collect()
    };
    let names = names.iter().map(|(name, ip)| ((*name).to_owned(), Arc::new([ip.parse().unwrap()]) as Arc<[IpAddr]>));
    ServiceTable { tcp: table(tcp), udp: table(udp), names: names.collect::<HashMap<_, _>>() }
}

#[tokio::test]
async fn a_listener_on_the_wildcard_is_on_the_groups_address() {
    let node = Node::open();
    let (instance, log) = started(&node, 1, &["serve", "0.0.0.0:80"], "listening on 10.42.0.1:80").await;
    let host = node.runtime.host_address("10.42.0.1:80".parse().unwrap());
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        TcpStream::connect(host).unwrap().read_to_string(&mut text).unwrap();
        text
    });
    assert!(text.await.unwrap().starts_with("you are 127."));
    assert_eq!(ended(&instance).await.code, 0, "{}", printed(&log));
}

#[tokio::test]
async fn groups_know_each_other_by_their_addresses() {
    let node = Node::open();
    let (server, log) = started(&node, 1, &["serve", "0.0.0.0:8081"], "listening").await;
    let (_, said) = node.run(actor(&node, 2, &["dial", "10.42.0.1:8081"])).await;
    assert!(said.starts_with("10.42.0.1:8081 says you are 10.42.0.2:"), "{said}");
    ended(&server).await;
    assert!(printed(&log).contains("served 10.42.0.2"), "{}", printed(&log));
}

#[tokio::test]
async fn an_address_of_another_group_cannot_be_bound() {
    let node = Node::open();
    for address in ["10.42.0.9:80", "192.0.2.1:80"] {
        let (_, said) = node.run(actor(&node, 1, &["serve", address])).await;
        assert!(said.contains("AddrNotAvailable"), "{said}");
    }
}

#[tokio::test]
async fn a_service_leads_to_its_endpoint_and_shows_its_own_address() {
    let node = Node::open();
    node.runtime.set_services(services(
        &[("10.43.0.1:80", &["10.42.0.1:8082"]), ("10.43.0.2:80", &[])],
        &[],
        &[("web.default", "10.43.0.1")],
    ));
    let (_server, _) = started(&node, 1, &["serve", "0.0.0.0:8082"], "listening").await;
    for name in ["web:80", "web.default.svc.cluster.local:80"] {
        let (_, said) = node.run(actor(&node, 2, &["resolve", name.trim_end_matches(":80")])).await;
        assert_eq!(said, "10.43.0.1\n");
    }
    let (_, said) = node.run(actor(&node, 2, &["dial", "web:80"])).await;
    assert!(said.starts_with("10.43.0.1:80 says you are 10.42.0.2:"), "{said}");
    let (_, said) = node.run(actor(&node, 2, &["dial", "10.43.0.2:80"])).await;
    assert!(said.contains("ConnectionRefused"), "{said}");
    let (_, said) = node.run(actor(&node, 2, &["resolve", "nowhere"])).await;
    assert!(said.starts_with("error"), "{said}");
}

#[tokio::test]
async fn services_change_under_a_running_program() {
    let node = Node::open();
    let (_, said) = node.run(actor(&node, 2, &["resolve", "late"])).await;
    assert!(said.starts_with("error"), "{said}");
    node.runtime.set_services(services(&[], &[], &[("late.default", "10.43.0.3")]));
    let (_, said) = node.run(actor(&node, 2, &["resolve", "late"])).await;
    assert_eq!(said, "10.43.0.3\n");
}

#[tokio::test]
async fn loopback_is_the_groups_own() {
    let node = Node::open();
    // A listener of the host on the very port that the guest dials.
    let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = host.local_addr().unwrap().to_string();
    let (_, said) = node.run(actor(&node, 1, &["dial", &address])).await;
    assert!(said.contains("ConnectionRefused"), "{said}");

    let (server, log) = started(&node, 1, &["serve", "127.0.0.1:8083"], "listening on 127.0.0.1:8083").await;
    // Another group does not get in: the guest never sees it.
    let stranger = actor(&node, 2, &["dial", "10.42.0.1:8083"]);
    let (_, said) = node.run(stranger).await;
    assert!(said.contains("says \n") || said.contains("error"), "{said}");
    let (_, said) = node.run(actor(&node, 1, &["dial", "127.0.0.1:8083"])).await;
    assert!(said.starts_with("127.0.0.1:8083 says you are 10.42.0.1:"), "{said}");
    ended(&server).await;
    assert!(printed(&log).contains("served 10.42.0.1"), "{}", printed(&log));
}

#[tokio::test]
async fn datagrams_go_through_services_and_back() {
    let node = Node::open();
    node.runtime.set_services(services(&[], &[("10.43.0.1:53", &["10.42.0.1:5353"])], &[]));
    let (server, log) = started(&node, 1, &["udp-serve", "0.0.0.0:5353"], "bound to 10.42.0.1:5353").await;
    let (_, said) = node.run(actor(&node, 2, &["udp-dial", "10.43.0.1:53"])).await;
    assert_eq!(said, "10.43.0.1:53 says ping\n");
    ended(&server).await;
    assert!(printed(&log).contains("echoed 4 bytes to 10.42.0.2"), "{}", printed(&log));
}

#[tokio::test]
async fn outgoing_http_goes_through_services() {
    let node = Node::open();
    node.runtime.set_services(services(&[("10.43.0.1:80", &["10.42.0.1:8080"])], &[], &[("web.default", "10.43.0.1")]));
    let server = node.runtime.start(node.spec(&node.import("hello-http"), &[])).await.unwrap();
    let (_, said) = node.run(actor(&node, 2, &["get", "web", "/a"])).await;
    assert_eq!(said, "200 Hello from Wasm: /a\n\n");
    let (_, said) = node.run(actor(&node, 2, &["get", "10.42.0.1:8080", "/b"])).await;
    assert_eq!(said, "200 Hello from Wasm: /b\n\n");
    let (_, said) = node.run(actor(&node, 2, &["get", "10.42.0.1:9", "/"])).await;
    assert!(said.contains("error"), "{said}");
    let (_, said) = node.run(actor(&node, 2, &["get", "169.254.169.254", "/"])).await;
    assert!(said.contains("DestinationIpProhibited"), "{said}");
    let (_, said) = node.run(actor(&node, 2, &["get", "https://web", "/"])).await;
    assert!(said.contains("https is not supported yet"), "{said}");
    assert_eq!(server.exit(), None);
}

#[tokio::test]
async fn a_std_web_server_answers_many() {
    let node = Node::open();
    let image = node.import("tcp-echo");
    let spec = node.spec(&image, &[]);
    let log = spec.log_path.clone().unwrap();
    let instance = node.runtime.start(spec).await.unwrap();
    prints(&log, "listening on 10.42.0.1:8080").await;
    for _ in 0..20 {
        let (_, said) = node.run(actor(&node, 2, &["get", "10.42.0.1:8080", "/path"])).await;
        assert!(said.starts_with("200 you are 10.42.0.2\nGET /path HTTP/1.1"), "{said}");
    }
    assert_eq!(instance.exit(), None, "{}", printed(&log));
}
