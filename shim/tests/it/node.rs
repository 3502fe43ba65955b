//! A node in a temporary directory, with images written by hand: what each test arranges.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use runtime::{AddressMapping, Runtime};
use serde_json::{Value, json};
use shim::agent::network::{Cidr, Network};
use shim::agent::{Agent, Config};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::api::Api;
use crate::cri::stream::tools;

#[path = "../../../xtask/src/guests.rs"]
mod guests;

/// Tests of one process share the kernel's ports, so each node has networks of its own in 127/8.
pub(crate) static NEXT_NETWORK: AtomicU8 = AtomicU8::new(180);

const POD_CIDR: &str = "10.42.0.0/24";

/// Prints a word and ends.
const HELLO: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "hello\n")
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 8))
        (i32.store (i32.const 4) (i32.const 6))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))"#;
/// Ends badly; the adapter of preview 1 makes 1 of every such code.
const FAILS: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (call $exit (i32.const 7))))"#;
/// Sleeps for an hour.
const SLEEPS: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 3600000000000))
        (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#;

pub(crate) struct Node {
    pub(crate) api: Arc<Api>,
    pub(crate) agent: Arc<Agent>,
    runtime: Arc<Runtime>,
    pods: AddressMapping,
    dir: tempfile::TempDir,
    shutdown: oneshot::Sender<()>,
    driver: JoinHandle<()>,
}

impl Node {
    /// A node of a cluster whose only Service is `kubernetes`.
    pub(crate) fn start() -> Self {
        Self::start_with(POD_CIDR)
    }

    /// A node with these addresses for pods.
    pub(crate) fn start_with(pod_cidr: &str) -> Self {
        let api = Api::new();
        api.create(
            "/api/v1/namespaces/default/services",
            json!({"metadata": {"name": "kubernetes"}, "spec": {"clusterIP": "10.96.0.1",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP"}]}}),
        );
        Self::start_in(tempfile::tempdir().unwrap(), api, pod_cidr)
    }

    /// Ends this node and starts another in its place.
    pub(crate) async fn restart(self) -> Self {
        let Self { api, agent, runtime, pods: _, dir, shutdown, driver } = self;
        shutdown.send(()).unwrap();
        driver.await.unwrap();
        drop((agent, runtime));
        Self::start_in(dir, api, POD_CIDR)
    }

    fn start_in(dir: tempfile::TempDir, api: Arc<Api>, pod_cidr: &str) -> Self {
        let pod_cidr: Cidr = pod_cidr.parse().unwrap();
        let second = NEXT_NETWORK.fetch_add(2, Ordering::Relaxed);
        let twin = |cidr: Cidr, second| AddressMapping::Twin {
            network: cidr.network,
            prefix_len: cidr.prefix_len,
            second,
            shift_low_ports: true,
        };
        let network =
            Network { pods: twin(pod_cidr, second), services: twin("10.96.0.0/16".parse().unwrap(), second + 1) };
        let runtime = open_runtime(dir.path(), network.pods);
        import_guests(&runtime, dir.path());
        let config = Config {
            node_name: "node".to_owned(),
            host_ip: "192.0.2.1".parse().unwrap(),
            pod_cidr,
            network,
            data_dir: dir.path().to_owned(),
            volume_refresh: Duration::from_millis(100),
        };
        let (agent, driver) = Agent::new(config, api.client(), Arc::clone(&runtime));
        let (shutdown, ended) = oneshot::channel();
        let driver = tokio::spawn(driver.run(async move { drop(ended.await) }));
        Self { api, agent, runtime, pods: network.pods, dir, shutdown, driver }
    }

    /// Gives the node the image of the actor: a component that needs seconds to compile.
    pub(crate) fn import_actor(&self) {
        self.runtime.images().import("example.local/actor:1", &actor()).unwrap();
    }

    /// Gives the node an image of several commands.
    pub(crate) fn import_tools(&self) {
        tools::import(&self.runtime, self.dir.path());
    }

    /// Creates a pod of one container `c`, whose fields and those of the spec are given; answers its path.
    pub(crate) fn pod(&self, name: &str, image: &str, container: Value, spec: Value) -> String {
        let mut pod = json!({"metadata": {"name": name}, "spec": {"nodeName": "node", "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": format!("example.local/{image}:1")}]}});
        pod["spec"]["containers"][0].as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
        pod["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        self.api.create("/api/v1/namespaces/ns/pods", pod);
        format!("/api/v1/namespaces/ns/pods/{name}")
    }

    /// Where the host finds what programs know as `address`.
    pub(crate) fn host_address(&self, address: SocketAddr) -> SocketAddr {
        self.pods.host_address(address)
    }

    /// What the kubelet's API answers.
    pub(crate) async fn ask(&self, path: &str) -> (u16, String) {
        let req = Request::get(path).body(Body::empty()).unwrap();
        let response = self.agent.router().oneshot(req).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Waits until the log of a pod's container says something.
    pub(crate) async fn says(&self, pod: &str, text: &str) {
        let mut log = String::new();
        for _ in 0..6000 {
            log = self.ask(&format!("/containerLogs/ns/{pod}/c")).await.1;
            if log.contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{pod} does not say `{text}`: {log}");
    }

    /// Waits for an event about a pod, and answers all of them: reason and message.
    pub(crate) async fn events(&self, pod: &str, last: &str) -> Vec<String> {
        for _ in 0..500 {
            let all = self.api.events(pod);
            if all.iter().any(|it| it.starts_with(last)) {
                return all;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no event {last}: {:?}", self.api.events(pod));
    }
}

/// The guest that does what its arguments say.
pub(crate) fn actor() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    BUILT.get_or_init(|| guests::build(root).unwrap());
    root.join("target/guests/actor.wasm")
}

/// The arguments after this test's name are those of the compile child.
#[test]
fn compile_child() {
    let mut args = std::env::args_os().skip_while(|it| it != "--nocapture").skip(1);
    if let Some(first) = args.next() {
        let code = runtime::compile_main(std::iter::once(first).chain(args));
        assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
    }
}

/// The images of the programs above.
pub(crate) fn import_guests(runtime: &Runtime, dir: &Path) {
    for (name, wat) in [("hello", HELLO), ("fails", FAILS), ("sleeps", SLEEPS)] {
        let path = dir.join(format!("{name}.wasm"));
        std::fs::write(&path, wat::parse_str(wat).unwrap()).unwrap();
        runtime.images().import(&format!("example.local/{name}:1"), &path).unwrap();
    }
}

pub(crate) fn open_runtime(dir: &Path, address_mapping: AddressMapping) -> Arc<Runtime> {
    let this = std::env::current_exe().unwrap();
    let compiler = [this.into_os_string(), "--exact".into(), "node::compile_child".into(), "--nocapture".into()].into();
    Runtime::open(runtime::Config { data_dir: dir.to_owned(), compiler, address_mapping }).unwrap()
}
