//! A real `coracle server` process for tests and benches: started in a folder of its own, killed with the value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::process::{Child, Command};

/// How long a server may take until it answers.
const READY_SECONDS_MAX: u64 = 60;

/// A running server and a client with full rights.
pub struct Cluster {
    /// Talks to it over TLS.
    pub client: kube::Client,
    /// Its data directory, which outlives the process.
    pub data: PathBuf,
    /// The process.
    pub child: Child,
}

/// How a server is started.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// More arguments of `coracle server`.
    pub arguments: &'a [&'a str],
    /// Do not wait for the Node.
    pub without_node: bool,
}

impl Cluster {
    /// Starts a server on `folder` and waits until it is ready.
    pub async fn start(folder: &Path, options: Options<'_>) -> Result<Cluster> {
        let data = folder.join("data");
        let kubeconfig = folder.join("kubeconfig");
        let _ = fs::remove_file(&kubeconfig);
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("server.log"))?;
        // Servers of tests that run at the same time share no addresses, whatever the machine allows.
        let child = Command::new(env!("CARGO_BIN_EXE_coracle"))
            .args(["server", "--https-listen", "127.0.0.1:0", "--pod-network", "loopback", "--data-dir"])
            .arg(&data)
            .arg("--write-kubeconfig")
            .arg(&kubeconfig)
            .args(options.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("start `coracle server`")?;
        let client = connect(&kubeconfig)
            .await
            .with_context(|| fs::read_to_string(folder.join("server.log")).unwrap_or_default())?;
        let cluster = Cluster { client, data, child };
        cluster
            .ready(options)
            .await
            .with_context(|| fs::read_to_string(folder.join("server.log")).unwrap_or_default())?;
        Ok(cluster)
    }

    async fn ready(&self, options: Options<'_>) -> Result<()> {
        until("the API server is ready", || async {
            let request = http::Request::get("/readyz").body(Vec::new())?;
            Ok(self.client.request_text(request).await.is_ok_and(|text| text == "ok").then_some(()))
        })
        .await?;
        if options.without_node {
            return Ok(());
        }
        until("the Node is ready", || async {
            let nodes = kube::Api::<k8s_openapi::api::core::v1::Node>::all(self.client.clone());
            let nodes = nodes.list(&Default::default()).await?;
            let ready = nodes.items.iter().any(|node| {
                let conditions = node.status.iter().flat_map(|s| s.conditions.iter().flatten());
                conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
            });
            Ok(ready.then_some(()))
        })
        .await
    }

    /// Ends the server as a power cut would.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("kill the server")
    }

    /// Gives an image file a name, through the same command a user runs.
    pub async fn import(&self, file: &Path, reference: &str) -> Result<()> {
        let output = Command::new(env!("CARGO_BIN_EXE_coracle"))
            .args(["image", "import", "--data-dir"])
            .arg(&self.data)
            .arg(file)
            .arg(reference)
            .output()
            .await?;
        if !output.status.success() {
            bail!("import: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

/// Polls until `condition` answers something, at most a minute.
pub async fn until<T, F, R>(what: &str, mut condition: F) -> Result<T>
where
    F: FnMut() -> R,
    R: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + Duration::from_secs(READY_SECONDS_MAX);
    let mut last = None;
    while Instant::now() < deadline {
        match condition().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => {}
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("waited in vain until {what}: {last:?}")
}

async fn connect(kubeconfig: &Path) -> Result<kube::Client> {
    let config = until("the kubeconfig is written", || async {
        Ok(kubeconfig.exists().then(|| Kubeconfig::read_from(kubeconfig)).transpose()?)
    })
    .await?;
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}
