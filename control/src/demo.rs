//! `coracle demo`: a minute with a cluster, from nothing to an answer from a Wasm pod.
//!
//! # Flow
//! A cluster starts in a temporary directory; `examples/hello-http` is imported and applied through the API; when the
//! Deployment is available it is called through its Service. Then the pods are shown with what they cost.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use tokio::net::TcpStream;

use crate::args::{self, PodNetwork};
use crate::cluster::Cluster;
use crate::config::{Cidr, Config};

/// The guest, built with this program.
const GUEST: &[u8] = include_bytes!(concat!(env!("CORACLE_GUESTS"), "/hello-http.wasm"));
/// What is applied.
const MANIFESTS: [(&str, &str); 2] = [
    ("/apis/apps/v1/namespaces/default/deployments", include_str!("../../examples/hello-http/deployment.yaml")),
    ("/api/v1/namespaces/default/services", include_str!("../../examples/hello-http/service.yaml")),
];
/// The name of the image, the Deployment and the Service in those manifests.
const NAME: &str = "hello-http";
const IMAGE: &str = "example.local/hello-http:v1";
/// How long anything may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Runs the demo.
///
/// # Errors
/// When any step fails; the cluster is gone then, too.
pub(crate) async fn run(demo: args::Demo) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("coracle-demo-").tempdir().context("make a temporary directory")?;
    let started = Instant::now();
    let kubeconfig = folder.path().join("kubeconfig");
    let cluster = Cluster::start(Config {
        data_dir: folder.path().join("data"),
        https_listen: demo.https_listen,
        kubeconfig: Some(kubeconfig.clone()),
        node_name: "demo".to_owned(),
        cluster_cidr: Cidr::parse("10.42.0.0/16")?,
        service_cidr: Cidr::parse("10.96.0.0/16")?,
        cri_socket: None,
        pod_network: PodNetwork::Loopback,
        in_memory: true,
        tokens: Vec::new(),
        registries: None,
        controllers: true,
        scheduler: true,
        node: true,
    })
    .await?;
    say("A cluster started", started);
    let outcome = show(&cluster, folder.path()).await;
    if outcome.is_ok() {
        say_next(&kubeconfig.display().to_string(), demo.keep);
        if demo.keep {
            tokio::signal::ctrl_c().await.context("wait for Ctrl-C")?;
        }
    }
    cluster.stop().await;
    outcome
}

async fn show(cluster: &Cluster, folder: &std::path::Path) -> Result<()> {
    let client = cluster.client();
    let file = folder.join("hello-http.wasm");
    std::fs::write(&file, GUEST).with_context(|| format!("write `{}`", file.display()))?;
    cluster.node()?.import(&file, IMAGE).context("import the image")?;

    let applied = Instant::now();
    for (path, manifest) in MANIFESTS {
        let request = http::Request::post(path).header("content-type", "application/yaml");
        let request = request.body(manifest.as_bytes().to_vec())?;
        client.request_text(request).await.with_context(|| format!("apply to `{path}`"))?;
    }
    available(&client).await?;
    say("A Deployment of Wasm pods became available", applied);

    let service = Api::<Service>::default_namespaced(client.clone()).get(NAME).await?;
    let spec = service.spec.context("the Service has a spec")?;
    let port = spec.ports.iter().flatten().next().context("the Service has a port")?.port;
    let cluster_ip = spec.cluster_ip.context("the Service has an address")?;
    let address = SocketAddr::new(cluster_ip.parse()?, u16::try_from(port)?);
    let asked = Instant::now();
    let answer = get(cluster, address).await?;
    say(&format!("GET http://{address}/ through the Service answered"), asked);
    show_text(&format!("\n    {}\n", answer.trim().replace('\n', "\n    ")));
    show_pods(cluster, &client).await
}

async fn available(client: &kube::Client) -> Result<()> {
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let deployment = deployments.get(NAME).await?;
        let wanted = deployment.spec.replicas;
        let status = deployment.status.unwrap_or_default();
        if wanted.is_some() && status.available_replicas == wanted {
            return Ok(());
        }
        if Instant::now() > deadline {
            let pods = Api::<Pod>::default_namespaced(client.clone()).list(&ListParams::default()).await?;
            let states: Vec<String> = pods.iter().map(|pod| format!("{}: {:?}", pod.name_any(), pod.status)).collect();
            bail!("the Deployment was not available after {PATIENCE:?}: {}", states.join("; "));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The body of the answer to `GET /`.
async fn get(cluster: &Cluster, address: SocketAddr) -> Result<String> {
    let host = cluster.node()?.host_address(address);
    let deadline = Instant::now() + PATIENCE;
    let stream = loop {
        match TcpStream::connect(host).await {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > deadline => return Err(error).with_context(|| format!("connect to {host}")),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = http::Request::get("/").header("host", address.to_string()).body(Empty::<Bytes>::new())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        ensure!(response.status().is_success(), "the Service answered {}", response.status());
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok(String::from_utf8_lossy(&body).into_owned())
    };
    tokio::select! {
        answer = exchange => answer,
        ended = connection => bail!("the connection ended before the answer: {ended:?}"),
    }
}

async fn show_pods(cluster: &Cluster, client: &kube::Client) -> Result<()> {
    let pods = Api::<Pod>::default_namespaced(client.clone()).list(&ListParams::default()).await?;
    let memory = cluster.node()?.memory_by_pod().await?;
    let mut rows = vec![["POD".to_owned(), "STATUS".to_owned(), "IP".to_owned(), "GUEST MEMORY".to_owned()]];
    for pod in &pods {
        let status = pod.status.clone().unwrap_or_default();
        let used = pod.uid().and_then(|uid| memory.get(&uid).copied());
        rows.push([
            pod.name_any(),
            status.phase.unwrap_or_default(),
            status.pod_ip.unwrap_or_default(),
            used.map_or_else(|| "-".to_owned(), kib),
        ]);
    }
    let widths: [usize; 4] = std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    for (number, row) in rows.iter().enumerate() {
        let line: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        show_text(&emphasis(line.join("   ").trim_end(), number == 0));
    }
    show_text(&format!("\nThe whole process, API server and node and pods: {}", kib(resident_bytes()?)));
    Ok(())
}

/// The resident memory of this process.
fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("read this process's memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel says VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is a number")?;
    Ok(kibibytes * 1024)
}

fn kib(bytes: u64) -> String {
    if bytes < 10 << 20 {
        format!("{} KiB", bytes.div_ceil(1024))
    } else {
        format!("{:.1} MiB", bytes as f64 / 1048576.0)
    }
}

fn say(what: &str, since: Instant) {
    show_text(&format!("{what} in {:.1} ms", since.elapsed().as_secs_f64() * 1e3));
}

fn say_next(kubeconfig: &str, keep: bool) {
    let commands = [
        format!("export KUBECONFIG={kubeconfig}"),
        "kubectl get pods -o wide".to_owned(),
        format!("kubectl scale deployment {NAME} --replicas=100"),
        format!("kubectl rollout status deployment {NAME}"),
    ];
    let lead = if keep {
        "Go on in another terminal; Ctrl-C ends the cluster:"
    } else {
        "With `coracle demo --keep` you can go on:"
    };
    show_text(&format!("\n{lead}\n"));
    commands.iter().for_each(|command| show_text(&format!("    {command}")));
}

fn emphasis(text: &str, strong: bool) -> String {
    if strong && std::io::stdout().is_terminal() { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

#[expect(clippy::print_stdout, reason = "what the user asked to see")]
fn show_text(text: &str) {
    println!("{text}");
}
