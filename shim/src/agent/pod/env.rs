//! A container's environment: service variables, `envFrom`, `env`, and the expansion of `$(NAME)`.

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar, EnvVarSource, Pod};

use super::downward::{self, Facts};
use super::source::{self, Sources};

/// A Service, as variables tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceLink {
    /// Its name.
    pub(crate) name: String,
    /// Its cluster address.
    pub(crate) ip: String,
    /// Port name (may be empty), number and protocol, in order.
    pub(crate) ports: Vec<(String, u16, String)>,
}

/// Variables in the order in which they were first named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment(pub Vec<(String, String)>);

// === impl Environment ===

impl Environment {
    fn set(&mut self, name: String, value: String) {
        match self.0.iter_mut().find(|(it, _)| *it == name) {
            Some((_, before)) => *before = value,
            None => self.0.push((name, value)),
        }
    }

    /// Replaces `$(NAME)` by the variable's value; `$$` is a dollar sign, and what is unknown stays.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let reference = after.strip_prefix('(').and_then(|it| it.split_once(')'));
            rest = match (after.strip_prefix('$'), reference) {
                (Some(after), _) => {
                    out.push('$');
                    after
                }
                (None, Some((name, after))) => {
                    match self.0.iter().find(|(it, _)| it == name) {
                        Some((_, value)) => out.push_str(value),
                        None => out.extend(["$(", name, ")"]),
                    }
                    after
                }
                (None, None) => {
                    out.push('$');
                    after
                }
            };
        }
        out.push_str(rest);
        out
    }
}

/// A container's whole environment.
///
/// # Errors
/// Something that a variable needs is not there, in the words that the pod's status shows.
pub(crate) fn build(
    pod: &Pod,
    container: &Container,
    sources: &Sources,
    services: &[ServiceLink],
    facts: &Facts,
) -> Result<Environment, String> {
    let mut env = Environment::default();
    for (name, value) in services.iter().flat_map(service_variables) {
        env.set(name, value);
    }
    for from in container.env_from.iter().flatten() {
        for (name, value) in all_of(from, sources)? {
            env.set(name, value);
        }
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = value(variable, &env, pod, container, sources, facts)? {
            env.set(variable.name.clone(), value);
        }
    }
    Ok(env)
}

fn value(
    variable: &EnvVar,
    env: &Environment,
    pod: &Pod,
    container: &Container,
    sources: &Sources,
    facts: &Facts,
) -> Result<Option<String>, String> {
    let Some(from) = &variable.value_from else {
        return Ok(Some(env.expand(variable.value.as_deref().unwrap_or_default())));
    };
    if let Some(it) = &from.field_ref {
        return downward::field(pod, facts, &it.field_path).map(Some);
    }
    if let Some(it) = &from.resource_field_ref {
        let other = it.container_name.as_ref().filter(|name| !name.is_empty());
        let of = other.map_or(Some(container), |name| find_container(pod, name));
        let of = of.ok_or_else(|| format!("container {} not found", other.map_or("", String::as_str)))?;
        return downward::resource(of, facts, it).map(Some);
    }
    key(from, sources, pod.metadata.namespace.as_deref().unwrap_or_default())
}

/// The container or init container of that name.
pub(crate) fn find_container<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    let spec = pod.spec.as_ref()?;
    spec.containers.iter().chain(spec.init_containers.iter().flatten()).find(|it| it.name == name)
}

/// The value of a key of a ConfigMap or Secret.
fn key(from: &EnvVarSource, sources: &Sources, namespace: &str) -> Result<Option<String>, String> {
    if let Some(it) = &from.config_map_key_ref {
        let optional = it.optional == Some(true);
        let Some(map) = sources.config_maps.get(&it.name) else {
            return absent(optional, format!("configmap \"{}\" not found", it.name));
        };
        return match source::config_map_value(map, &it.key) {
            Some(value) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
            None => absent(optional, format!("couldn't find key {} in ConfigMap {namespace}/{}", it.key, it.name)),
        };
    }
    if let Some(it) = &from.secret_key_ref {
        let optional = it.optional == Some(true);
        let Some(secret) = sources.secrets.get(&it.name) else {
            return absent(optional, format!("secret \"{}\" not found", it.name));
        };
        return match source::secret_value(secret, &it.key) {
            Some(value) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
            None => absent(optional, format!("couldn't find key {} in Secret {namespace}/{}", it.key, it.name)),
        };
    }
    Ok(None)
}

fn absent<T>(optional: bool, message: String) -> Result<Option<T>, String> {
    if optional { Ok(None) } else { Err(message) }
}

/// All keys of a ConfigMap or Secret.
fn all_of(from: &EnvFromSource, sources: &Sources) -> Result<Vec<(String, String)>, String> {
    let prefix = from.prefix.clone().unwrap_or_default();
    let mut variables = Vec::new();
    if let Some(it) = &from.config_map_ref {
        match sources.config_maps.get(&it.name) {
            Some(map) => variables.extend(map.data.clone().unwrap_or_default()),
            None if it.optional == Some(true) => {}
            None => return Err(format!("configmap \"{}\" not found", it.name)),
        }
    }
    if let Some(it) = &from.secret_ref {
        match sources.secrets.get(&it.name) {
            Some(secret) => {
                let text = |(key, value): (String, k8s_openapi::ByteString)| {
                    (key, String::from_utf8_lossy(&value.0).into_owned())
                };
                variables.extend(secret.data.clone().unwrap_or_default().into_iter().map(text));
            }
            None if it.optional == Some(true) => {}
            None => return Err(format!("secret \"{}\" not found", it.name)),
        }
    }
    Ok(variables.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value)).collect())
}

/// The variables of one Service, as Docker's links had them.
fn service_variables(service: &ServiceLink) -> Vec<(String, String)> {
    let name = variable_name(&service.name);
    let ip = if service.ip.contains(':') { format!("[{}]", service.ip) } else { service.ip.clone() };
    let Some((_, first, first_protocol)) = service.ports.first() else { return Vec::new() };
    let mut variables =
        vec![(format!("{name}_SERVICE_HOST"), service.ip.clone()), (format!("{name}_SERVICE_PORT"), first.to_string())];
    for (port_name, port, _) in service.ports.iter().filter(|(port_name, ..)| !port_name.is_empty()) {
        variables.push((format!("{name}_SERVICE_PORT_{}", variable_name(port_name)), port.to_string()));
    }
    variables.push((format!("{name}_PORT"), format!("{}://{ip}:{first}", first_protocol.to_lowercase())));
    for (_, port, protocol) in &service.ports {
        let prefix = format!("{name}_PORT_{port}_{protocol}");
        let protocol = protocol.to_lowercase();
        variables.push((prefix.clone(), format!("{protocol}://{ip}:{port}")));
        variables.push((format!("{prefix}_PROTO"), protocol));
        variables.push((format!("{prefix}_PORT"), port.to_string()));
        variables.push((format!("{prefix}_ADDR"), service.ip.clone()));
    }
    variables
}

fn variable_name(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

#[cfg(test)]
mod tests;
