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
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn sources() -> Sources {
        let mut sources = Sources::default();
        let map = json!({"data": {"a": "from a", "b": "from b", "bad-name": "x", "1num": "y"}});
        sources.config_maps.insert("conf".to_owned(), serde_json::from_value(map).unwrap());
        let secret = json!({"data": {"a": "c2VjcmV0IGE=", "s": "c2VjcmV0IHM="}});
        sources.secrets.insert("sec".to_owned(), serde_json::from_value(secret).unwrap());
        sources
    }

    /// `oracle/kubelet/env.txt`, its first pod.
    #[test]
    fn an_environment_is_what_a_kubelet_makes_of_it() {
        let container: Container = serde_json::from_value(json!({"name": "c", "env": [
            {"name":"ONE","value":"1"}, {"name":"TWO","value":"$(ONE)-2"}, {"name":"THREE","value":"$$(ONE)"},
            {"name":"FOUR","value":"$(LATER) $(ONE"}, {"name":"LATER","value":"l"}, {"name":"ONE","value":"one again"},
            {"name":"FIVE","value":"$(ONE)"}, {"name":"a","value":"own a"}, {"name":"FROMENV","value":"$(P_s)"},
            {"name":"KUBE","value":"$(KUBERNETES_SERVICE_PORT)"}, {"name":"EMPTY"},
            {"name":"S","valueFrom":{"secretKeyRef":{"name":"sec","key":"s"}}},
            {"name":"C","valueFrom":{"configMapKeyRef":{"name":"conf","key":"b"}}}],
            "envFrom": [{"configMapRef":{"name":"conf"}}, {"prefix":"P_","secretRef":{"name":"sec"}},
            {"secretRef":{"name":"sec"}}]}))
        .unwrap();
        let kubernetes = ServiceLink {
            name: "kubernetes".to_owned(),
            ip: "10.96.0.1".to_owned(),
            ports: vec![("https".to_owned(), 443, "TCP".to_owned())],
        };
        let env = build(&Pod::default(), &container, &sources(), &[kubernetes], &Facts::default()).unwrap();
        let mut lines: Vec<String> = env.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        lines.sort();
        let expected = "1num=y
C=from b
EMPTY=
FIVE=one again
FOUR=$(LATER) $(ONE
FROMENV=secret s
KUBE=443
KUBERNETES_PORT=tcp://10.96.0.1:443
KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443
KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1
KUBERNETES_PORT_443_TCP_PORT=443
KUBERNETES_PORT_443_TCP_PROTO=tcp
KUBERNETES_SERVICE_HOST=10.96.0.1
KUBERNETES_SERVICE_PORT=443
KUBERNETES_SERVICE_PORT_HTTPS=443
LATER=l
ONE=one again
P_a=secret a
P_s=secret s
S=secret s
THREE=$(ONE)
TWO=1-2
a=own a
b=from b
bad-name=x
s=secret s";
        assert_eq!(lines.join("\n"), expected);
        assert_eq!(env.expand("arg $(ONE) $(NOSUCH) $$(ONE)"), "arg one again $(NOSUCH) $(ONE)");
    }

    /// `oracle/kubelet/config-missing.txt`.
    #[test]
    fn what_is_missing_is_named() {
        let rows = [
            (json!({"configMapKeyRef":{"name":"absent","key":"a"}}), "configmap \"absent\" not found"),
            (json!({"configMapKeyRef":{"name":"conf","key":"z"}}), "couldn't find key z in ConfigMap ns/conf"),
            (json!({"secretKeyRef":{"name":"absent","key":"a"}}), "secret \"absent\" not found"),
        ];
        let pod: Pod = serde_json::from_value(json!({"metadata":{"namespace":"ns"}})).unwrap();
        for (from, message) in rows {
            let container = json!({"name": "c", "env": [{"name": "X", "valueFrom": from}]});
            let container: Container = serde_json::from_value(container).unwrap();
            let err = build(&pod, &container, &sources(), &[], &Facts::default()).unwrap_err();
            assert_eq!(err, message);
        }
    }

    /// `oracle/kubelet/downward-api.txt`.
    #[test]
    fn a_pod_knows_its_resources() {
        let container: Container = serde_json::from_value(json!({"name": "c", "resources": {
            "requests": {"cpu": "100m", "memory": "16Mi"},
            "limits": {"cpu": "1500m", "memory": "32Mi", "ephemeral-storage": "2Mi"}}}))
        .unwrap();
        let rows = [
            ("limits.cpu", "0", "2"),
            ("limits.cpu", "1m", "1500"),
            ("requests.cpu", "0", "1"),
            ("limits.memory", "0", "33554432"),
            ("limits.memory", "1Mi", "32"),
            ("requests.memory", "1Mi", "16"),
            ("limits.ephemeral-storage", "0", "2097152"),
        ];
        for (resource, divisor, expected) in rows {
            let selector = serde_json::from_value(json!({"resource": resource, "divisor": divisor})).unwrap();
            assert_eq!(downward::resource(&container, &Facts::default(), &selector).unwrap(), expected, "{resource}");
        }
    }
}
