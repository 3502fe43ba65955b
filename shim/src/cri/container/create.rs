//! CreateContainer: turns a container's config into a program's spec, and says no to what a program cannot have.

use std::path::Path;
use std::sync::Arc;

use runtime::{Group, MountSource, Spec};
use serde::Deserialize;

use crate::cri::error::Error;
use crate::cri::files::{FileSets, SCHEME};
use crate::cri::image;
use crate::cri::message::{
    ContainerConfig, ContainerEventType, CreateContainerRequest, CreateContainerResponse, KeyValue,
    LinuxContainerResources, Mount, PodSandboxState,
};
use crate::cri::service::{Service, now};
use crate::cri::state::{Container, Program};

/// The kubelet's annotation that has a container's ports, in JSON.
pub(crate) const PORTS_ANNOTATION: &str = "io.kubernetes.container.ports";
/// Where a `wasi:http` component listens that names no port.
const HTTP_PORT_DEFAULT: u16 = 8080;
/// The period of a CPU quota that names none, in microseconds.
const CPU_PERIOD_DEFAULT: i64 = 100_000;
/// As cgroups have it.
const CPU_SHARES_MIN: i64 = 2;
const CPU_SHARES_MAX: i64 = 262_144;

/// Makes a container in a sandbox that is ready.
pub(in crate::cri) async fn create(
    service: &Service,
    req: CreateContainerRequest,
) -> Result<CreateContainerResponse, Error> {
    let config = req.config.ok_or_else(|| Error::Invalid("a container needs a config".to_owned()))?;
    refuse_unsupported(&config)?;
    let wanted = config.image.as_ref().map(|it| it.image.as_str()).unwrap_or_default();
    let found = image::resolve(service, wanted).await?;
    let image_id = found.ok_or_else(|| Error::NotFound { kind: "image", id: wanted.to_owned() })?.id;

    let id = service.new_id();
    let (group, log_directory) = {
        let state = service.state.lock();
        let sandbox = state.sandbox(&req.pod_sandbox_id)?;
        if sandbox.state() != PodSandboxState::SandboxReady {
            return Err(Error::State(format!("sandbox `{}` is not ready", sandbox.id)));
        }
        (Arc::clone(&sandbox.group), sandbox.config.log_directory.clone())
    };
    let spec = spec(service.files(), &id, &image_id, group, &log_directory, &config)?;
    let container = container(id.clone(), req.pod_sandbox_id, image_id, spec, config);

    let mut state = service.state.lock();
    let Some(sandbox) = state.sandboxes.get_mut(&container.sandbox_id) else {
        return Err(Error::NotFound { kind: "sandbox", id: container.sandbox_id });
    };
    sandbox.containers.push(id.clone());
    state.containers.insert(id.clone(), container);
    service.tell(&state, &id, ContainerEventType::ContainerCreatedEvent);
    Ok(CreateContainerResponse { container_id: id })
}

fn container(id: String, sandbox_id: String, image_id: String, spec: Spec, config: ContainerConfig) -> Container {
    Container {
        id,
        sandbox_id,
        metadata: config.metadata.unwrap_or_default(),
        image: config.image.unwrap_or_default(),
        image_id,
        labels: config.labels,
        annotations: config.annotations,
        mounts: config.mounts,
        log_path: spec.log_path.clone(),
        resources: config.linux.and_then(|it| it.resources).unwrap_or_default(),
        created_at: now(),
        started_at: 0,
        finished_at: 0,
        exit_code: 0,
        reason: "",
        message: String::new(),
        program: Program::Ready(Box::new(spec)),
    }
}

/// What a program in this process cannot be or have.
fn refuse_unsupported(config: &ContainerConfig) -> Result<(), Error> {
    let privileged = config.linux.as_ref().and_then(|it| it.security_context.as_ref()).is_some_and(|it| it.privileged);
    let rows = [
        (privileged, "privileged"),
        (config.tty, "tty"),
        (config.stdin, "stdin"),
        (!config.working_dir.is_empty() && config.working_dir != "/", "workingDir"),
        (config.metadata.is_none(), "a container without metadata"),
    ];
    match rows.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Error::Invalid(format!("{what} is not supported"))),
        None => Ok(()),
    }
}

/// The program that a config means.
fn spec(
    files: &FileSets,
    id: &str,
    image_id: &str,
    group: Arc<Group>,
    log_directory: &str,
    config: &ContainerConfig,
) -> Result<Spec, Error> {
    let resources = config.linux.as_ref().and_then(|it| it.resources.clone()).unwrap_or_default();
    let mut env = vec![("HOSTNAME".to_owned(), group.hostname.clone())];
    for variable in &config.envs {
        env.push(text_variable(variable)?);
    }
    Ok(Spec {
        id: id.to_owned(),
        group,
        image: image_id.to_owned(),
        args: config.command.iter().chain(&config.args).cloned().collect(),
        env,
        mounts: config.mounts.iter().map(|it| mount(files, it)).collect::<Result<_, _>>()?,
        memory_bytes_max: u64::try_from(resources.memory_limit_in_bytes).ok().filter(|bytes| *bytes != 0),
        cpu_millis_max: cpu_millis(&resources),
        cpu_shares: u32::try_from(resources.cpu_shares.clamp(CPU_SHARES_MIN, CPU_SHARES_MAX))
            .expect("clamped to what fits"),
        http_port: http_port(config),
        log_path: Path::new(log_directory).join(&config.log_path),
    })
}

/// A quota in a period as thousandths of a core.
fn cpu_millis(resources: &LinuxContainerResources) -> Option<u32> {
    if resources.cpu_quota <= 0 {
        return None;
    }
    let period = if resources.cpu_period > 0 { resources.cpu_period } else { CPU_PERIOD_DEFAULT };
    let millis = resources.cpu_quota.saturating_mul(1000) / period;
    Some(u32::try_from(millis.max(1)).unwrap_or(u32::MAX))
}

/// WASI has only text in its environment.
fn text_variable(variable: &KeyValue) -> Result<(String, String), Error> {
    match String::from_utf8(variable.value.clone()) {
        Ok(value) => Ok((variable.key.clone(), value)),
        Err(_) => Err(Error::Invalid(format!("the value of environment variable `{}` is not UTF-8", variable.key))),
    }
}

fn mount(files: &FileSets, mount: &Mount) -> Result<runtime::Mount, Error> {
    let source = if mount.host_path.starts_with(SCHEME) {
        let set = files.get(&mount.host_path);
        MountSource::Files(set.ok_or_else(|| Error::Invalid(format!("no such files: {}", mount.host_path)))?)
    } else {
        MountSource::Host(mount.host_path.clone().into())
    };
    Ok(runtime::Mount { path: mount.container_path.clone(), source, read_only: mount.readonly })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    container_port: u16,
    #[serde(default)]
    protocol: String,
}

/// The first TCP port that the container names.
fn http_port(config: &ContainerConfig) -> u16 {
    let ports = config.annotations.get(PORTS_ANNOTATION);
    let ports: Vec<Port> = ports.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let tcp = ports.iter().find(|port| matches!(port.protocol.as_str(), "" | "TCP"));
    tcp.map_or(HTTP_PORT_DEFAULT, |port| port.container_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_with_ports(json: &str) -> ContainerConfig {
        let annotations = [(PORTS_ANNOTATION.to_owned(), json.to_owned())];
        ContainerConfig { annotations: annotations.into(), ..Default::default() }
    }

    #[test]
    fn an_http_component_listens_on_its_first_tcp_port() {
        let ports = r#"[{"containerPort":53,"protocol":"UDP"},{"name":"web","containerPort":80,"protocol":"TCP"}]"#;
        assert_eq!(http_port(&config_with_ports(ports)), 80);
        assert_eq!(http_port(&config_with_ports("not json")), HTTP_PORT_DEFAULT);
        assert_eq!(http_port(&ContainerConfig::default()), HTTP_PORT_DEFAULT);
    }

    #[test]
    fn a_quota_is_thousandths_of_a_core() {
        let millis = |cpu_quota, cpu_period| {
            cpu_millis(&LinuxContainerResources { cpu_quota, cpu_period, ..Default::default() })
        };
        assert_eq!(millis(0, 100_000), None);
        assert_eq!(millis(10_000, 100_000), Some(100));
        assert_eq!(millis(1, 100_000), Some(1));
        assert_eq!(millis(50_000, 0), Some(500));
    }
}
