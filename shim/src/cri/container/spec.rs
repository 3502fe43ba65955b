//! The program that a container's config means.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::{Group, ImageFiles, MountSource, Spec};
use serde::Deserialize;

use super::names;
use crate::cri::error::Error;
use crate::cri::files::{FileSets, SCHEME};
use crate::cri::message::{ContainerConfig, KeyValue, LinuxContainerResources, Mount, PodSandboxConfig, Protocol};

/// The kubelet's annotation that has a container's ports, in JSON.
pub(crate) const PORTS_ANNOTATION: &str = "io.kubernetes.container.ports";
/// Where a `wasi:http` component listens that names no port.
const HTTP_PORT_DEFAULT: u16 = 8080;
/// The period of a CPU quota that names none, in microseconds.
const CPU_PERIOD_DEFAULT: i64 = 100_000;
/// As cgroups have it.
const CPU_SHARES_MIN: i64 = 2;
const CPU_SHARES_MAX: i64 = 262_144;

/// What of a container's surroundings its program has to do with.
pub(super) struct Place<'a> {
    pub(super) files: &'a FileSets,
    /// What each mount shows of an image, if it is one.
    pub(super) volumes: Vec<Option<ImageFiles>>,
    pub(super) sandbox: &'a PodSandboxConfig,
    pub(super) group: Arc<Group>,
}

/// The program that a config means.
pub(super) fn spec(id: &str, image_id: &str, place: Place<'_>, config: &ContainerConfig) -> Result<Spec, Error> {
    let default = LinuxContainerResources::default();
    let resources = config.linux.as_ref().and_then(|it| it.resources.as_ref()).unwrap_or(&default);
    let mut env = vec![("HOSTNAME".to_owned(), place.group.hostname.clone())];
    for variable in &config.envs {
        env.push(text_variable(variable)?);
    }
    let log_path = log_path(place.sandbox, config)?;
    let sources = config.mounts.iter().zip(place.volumes);
    let mut mounts = sources.map(|(it, volume)| mount(place.files, it, volume)).collect::<Result<Vec<_>, _>>()?;
    mounts.extend(names::resolv_conf(place.sandbox, config));
    Ok(Spec {
        id: id.to_owned(),
        group: place.group,
        image: image_id.to_owned(),
        args: config.command.iter().chain(&config.args).cloned().collect(),
        env,
        mounts,
        memory_bytes_max: memory_bytes(resources),
        cpu_millis_max: cpu_millis(resources),
        cpu_shares: cpu_shares(resources),
        http_port: http_port(place.sandbox, config),
        log_path,
    })
}

/// Where a container's output goes; nowhere if the config does not say.
pub(super) fn log_path(sandbox: &PodSandboxConfig, config: &ContainerConfig) -> Result<Option<PathBuf>, Error> {
    let directory = Path::new(&sandbox.log_directory);
    if sandbox.log_directory.is_empty() || config.log_path.is_empty() {
        return Ok(None);
    }
    if !directory.is_absolute() {
        return Err(Error::Invalid(format!("the log directory is not absolute: `{}`", sandbox.log_directory)));
    }
    Ok(Some(directory.join(&config.log_path)))
}

/// The limit; `None` is none.
pub(super) fn memory_bytes(resources: &LinuxContainerResources) -> Option<u64> {
    u64::try_from(resources.memory_limit_in_bytes).ok().filter(|bytes| *bytes != 0)
}

/// A quota in a period as thousandths of a core; `None` is no limit.
pub(super) fn cpu_millis(resources: &LinuxContainerResources) -> Option<u32> {
    if resources.cpu_quota <= 0 {
        return None;
    }
    let period = if resources.cpu_period > 0 { resources.cpu_period } else { CPU_PERIOD_DEFAULT };
    let millis = resources.cpu_quota.saturating_mul(1000) / period;
    Some(u32::try_from(millis.max(1)).unwrap_or(u32::MAX))
}

/// Its part of the CPU when others want it too.
pub(super) fn cpu_shares(resources: &LinuxContainerResources) -> u32 {
    u32::try_from(resources.cpu_shares.clamp(CPU_SHARES_MIN, CPU_SHARES_MAX)).expect("clamped to what fits")
}

/// WASI has only text in its environment.
fn text_variable(variable: &KeyValue) -> Result<(String, String), Error> {
    match String::from_utf8(variable.value.clone()) {
        Ok(value) => Ok((variable.key.clone(), value)),
        Err(_) => Err(Error::Invalid(format!("the value of environment variable `{}` is not UTF-8", variable.key))),
    }
}

fn mount(files: &FileSets, mount: &Mount, volume: Option<ImageFiles>) -> Result<runtime::Mount, Error> {
    let source = if let Some(files) = volume {
        MountSource::Image(files)
    } else if mount.host_path.starts_with(SCHEME) {
        let set = files.get(&mount.host_path);
        MountSource::Files(set.ok_or_else(|| Error::Invalid(format!("no such files: {}", mount.host_path)))?)
    } else {
        MountSource::Host(host_path(mount)?)
    };
    Ok(runtime::Mount { path: mount.container_path.clone(), source, read_only: mount.readonly })
}

/// The place itself, whatever links lead there. A directory that is not there is made, as other runtimes do: a
/// kubelet counts on it for a `hostPath` without a type.
fn host_path(mount: &Mount) -> Result<PathBuf, Error> {
    let path = Path::new(&mount.host_path);
    if !path.is_absolute() || !mount.container_path.starts_with('/') {
        let (from, to) = (&mount.host_path, &mount.container_path);
        return Err(Error::Invalid(format!("a mount needs absolute paths: `{from}` at `{to}`")));
    }
    let failed = |source| Error::File { operation: format!("mount `{}`", mount.host_path), source };
    if !path.exists() {
        std::fs::create_dir_all(path).map_err(failed)?;
    }
    path.canonicalize().map_err(failed)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    container_port: u16,
    #[serde(default)]
    protocol: String,
}

/// The first TCP port that the container names, or else its sandbox.
fn http_port(sandbox: &PodSandboxConfig, config: &ContainerConfig) -> u16 {
    let ports = config.annotations.get(PORTS_ANNOTATION);
    let ports: Vec<Port> = ports.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let tcp = ports.iter().find(|port| matches!(port.protocol.as_str(), "" | "TCP")).map(|port| port.container_port);
    let mapped = sandbox.port_mappings.iter().filter(|it| it.protocol == i32::from(Protocol::Tcp));
    let mapped = mapped.filter_map(|it| u16::try_from(it.container_port).ok()).find(|port| *port != 0);
    tcp.or(mapped).unwrap_or(HTTP_PORT_DEFAULT)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::cri::message::PortMapping;

    fn config_with_ports(json: &str) -> ContainerConfig {
        let annotations = [(PORTS_ANNOTATION.to_owned(), json.to_owned())];
        ContainerConfig { annotations: annotations.into(), ..Default::default() }
    }

    #[test]
    fn an_http_component_listens_on_its_first_tcp_port() {
        let plain = PodSandboxConfig::default();
        let ports = r#"[{"containerPort":53,"protocol":"UDP"},{"name":"web","containerPort":80,"protocol":"TCP"}]"#;
        assert_eq!(http_port(&plain, &config_with_ports(ports)), 80);
        assert_eq!(http_port(&plain, &config_with_ports("not json")), HTTP_PORT_DEFAULT);
        assert_eq!(http_port(&plain, &ContainerConfig::default()), HTTP_PORT_DEFAULT);
        let port_mappings = vec![PortMapping { container_port: 8000, ..Default::default() }];
        let mapped = PodSandboxConfig { port_mappings, ..Default::default() };
        assert_eq!(http_port(&mapped, &ContainerConfig::default()), 8000);
        assert_eq!(http_port(&mapped, &config_with_ports(ports)), 80);
    }

    #[test]
    fn a_quota_is_thousandths_of_a_core() {
        let millis = |cpu_quota, cpu_period| {
            cpu_millis(&LinuxContainerResources { cpu_quota, cpu_period, ..Default::default() })
        };
        assert_eq!(millis(0, 100_000), None);
        assert_eq!(millis(-1, 100_000), None);
        assert_eq!(millis(10_000, 100_000), Some(100));
        assert_eq!(millis(1, 100_000), Some(1));
        assert_eq!(millis(50_000, 0), Some(500));
    }

    #[test]
    fn a_log_needs_a_directory_and_a_name() {
        let path = |directory: &str, name: &str| {
            let sandbox = PodSandboxConfig { log_directory: directory.to_owned(), ..Default::default() };
            log_path(&sandbox, &ContainerConfig { log_path: name.to_owned(), ..Default::default() })
        };
        assert_eq!(path("/logs", "c/0.log").unwrap(), Some("/logs/c/0.log".into()));
        assert_eq!(path("/logs", "").unwrap(), None);
        assert_eq!(path("", "c/0.log").unwrap(), None);
        assert!(path("logs", "c/0.log").is_err());
    }
}
