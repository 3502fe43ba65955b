//! What of a sandbox's config cannot be honored. Everything else is honored, or holds of itself: a pod without Linux
//! namespaces has no privilege to drop. A sandbox that is `privileged` only may have containers that are, and each of
//! those is refused.

use crate::cri::error::Error;
use crate::cri::message::security_profile::ProfileType;
use crate::cri::message::{
    LinuxSandboxSecurityContext, NamespaceMode, PodSandboxConfig, PortMapping, Protocol, SecurityProfile,
};

/// The names that a RuntimeClass can give as its handler: the default, and ours on nodes that have others too.
pub(in crate::cri) const HANDLERS: [&str; 2] = ["", "coracle"];

const NO_NAMESPACE: &str = "a sandbox is not a Linux namespace";
const NO_PROCESS: &str = "its programs are no Linux processes";
const LATER: &str = "this node cannot do it yet";

/// One thing that a config can ask for in vain.
struct Rule {
    what: &'static str,
    asked: fn(&PodSandboxConfig) -> bool,
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        what: "a sysctl",
        asked: |it| it.linux.as_ref().is_some_and(|it| !it.sysctls.is_empty()),
        why: NO_NAMESPACE,
    },
    Rule { what: "hostNetwork", asked: |it| on_node(it, |options| options.network), why: NO_NAMESPACE },
    Rule { what: "hostPID", asked: |it| on_node(it, |options| options.pid), why: NO_NAMESPACE },
    Rule { what: "hostIPC", asked: |it| on_node(it, |options| options.ipc), why: NO_NAMESPACE },
    Rule { what: "a user namespace", asked: has_user_namespace, why: NO_NAMESPACE },
    Rule { what: "an SELinux label", asked: |it| security(it).is_some_and(has_label), why: NO_PROCESS },
    Rule { what: "a seccomp profile of the host", asked: |it| is_localhost(it, |it| &it.seccomp), why: NO_PROCESS },
    Rule { what: "an AppArmor profile of the host", asked: |it| is_localhost(it, |it| &it.apparmor), why: NO_PROCESS },
    Rule {
        what: "runAsGroup without runAsUser",
        asked: |it| security(it).is_some_and(|it| it.run_as_group.is_some() && it.run_as_user.is_none()),
        why: "a group needs a user",
    },
    Rule { what: "a host port that is not TCP", asked: |it| it.port_mappings.iter().any(is_datagram_port), why: LATER },
    Rule { what: "a config for Windows", asked: |it| it.windows.is_some(), why: "this is no Windows" },
];

/// Says no to what a sandbox in one process cannot be.
pub(super) fn refuse(config: &PodSandboxConfig, handler: &str) -> Result<(), Error> {
    if !HANDLERS.contains(&handler) {
        return Err(Error::Invalid(format!("no runtime for `{handler}` is configured")));
    }
    match RULES.iter().find(|rule| (rule.asked)(config)) {
        Some(Rule { what, why, .. }) => Err(Error::Invalid(format!("{what} is not supported: {why}"))),
        None => Ok(()),
    }
}

fn security(config: &PodSandboxConfig) -> Option<&LinuxSandboxSecurityContext> {
    config.linux.as_ref()?.security_context.as_ref()
}

fn on_node(config: &PodSandboxConfig, of: fn(&crate::cri::message::NamespaceOption) -> i32) -> bool {
    let options = security(config).and_then(|it| it.namespace_options.as_ref());
    options.is_some_and(|it| of(it) == i32::from(NamespaceMode::Node))
}

fn has_user_namespace(config: &PodSandboxConfig) -> bool {
    let options = security(config).and_then(|it| it.namespace_options.as_ref());
    let users = options.and_then(|it| it.userns_options.as_ref());
    users.is_some_and(|it| it.mode != i32::from(NamespaceMode::Node))
}

fn is_datagram_port(mapping: &PortMapping) -> bool {
    mapping.host_port != 0 && mapping.protocol != i32::from(Protocol::Tcp)
}

fn has_label(security: &LinuxSandboxSecurityContext) -> bool {
    security.selinux_options.as_ref().is_some_and(|it| *it != Default::default())
}

fn is_localhost(config: &PodSandboxConfig, of: fn(&LinuxSandboxSecurityContext) -> &Option<SecurityProfile>) -> bool {
    let profile = security(config).and_then(|it| of(it).as_ref());
    profile.is_some_and(|it| it.profile_type == i32::from(ProfileType::Localhost))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::cri::message::{Int64Value, LinuxPodSandboxConfig, NamespaceOption, SeLinuxOption, UserNamespace};

    fn with(security_context: LinuxSandboxSecurityContext) -> PodSandboxConfig {
        let linux = LinuxPodSandboxConfig { security_context: Some(security_context), ..Default::default() };
        PodSandboxConfig { linux: Some(Box::new(linux)), ..Default::default() }
    }

    fn namespaces(namespace_options: NamespaceOption) -> PodSandboxConfig {
        with(LinuxSandboxSecurityContext { namespace_options: Some(namespace_options), ..Default::default() })
    }

    fn profile(kind: ProfileType) -> Option<SecurityProfile> {
        Some(SecurityProfile { profile_type: kind.into(), localhost_ref: "p".to_owned() })
    }

    #[test]
    fn each_rule_refuses_what_it_names() {
        let node = i32::from(NamespaceMode::Node);
        let sysctls = [("kernel.shm_rmid_forced".to_owned(), "1".to_owned())].into();
        let protocol = i32::from(Protocol::Udp);
        let port = PortMapping { container_port: 53, host_port: 53, protocol, ..Default::default() };
        let label = SeLinuxOption { level: "s0".to_owned(), ..Default::default() };
        let security = LinuxSandboxSecurityContext::default;
        let asked = [
            PodSandboxConfig {
                linux: Some(Box::new(LinuxPodSandboxConfig { sysctls, ..Default::default() })),
                ..Default::default()
            },
            namespaces(NamespaceOption { network: node, ..Default::default() }),
            namespaces(NamespaceOption { pid: node, ..Default::default() }),
            namespaces(NamespaceOption { ipc: node, ..Default::default() }),
            namespaces(NamespaceOption { userns_options: Some(UserNamespace::default()), ..Default::default() }),
            with(LinuxSandboxSecurityContext { selinux_options: Some(label), ..security() }),
            with(LinuxSandboxSecurityContext { seccomp: profile(ProfileType::Localhost), ..security() }),
            with(LinuxSandboxSecurityContext { apparmor: profile(ProfileType::Localhost), ..security() }),
            with(LinuxSandboxSecurityContext { run_as_group: Some(Int64Value { value: 1 }), ..security() }),
            PodSandboxConfig { port_mappings: vec![port], ..Default::default() },
            PodSandboxConfig { windows: Some(Box::default()), ..Default::default() },
        ];
        assert_eq!(asked.len(), RULES.len());
        for (config, rule) in asked.iter().zip(RULES) {
            let message = refuse(config, "").unwrap_err().to_string();
            assert!(message.starts_with(rule.what), "{message}");
        }
    }

    #[test]
    fn what_holds_of_itself_is_accepted() {
        let security = LinuxSandboxSecurityContext {
            seccomp: profile(ProfileType::RuntimeDefault),
            apparmor: profile(ProfileType::Unconfined),
            run_as_user: Some(Int64Value { value: 1000 }),
            run_as_group: Some(Int64Value { value: 1000 }),
            supplemental_groups: vec![7],
            readonly_rootfs: true,
            privileged: true,
            selinux_options: Some(SeLinuxOption::default()),
            ..Default::default()
        };
        refuse(&with(security), "coracle").unwrap();
        refuse(&PodSandboxConfig::default(), "").unwrap();
        assert!(refuse(&PodSandboxConfig::default(), "runsc").unwrap_err().to_string().contains("`runsc`"));
    }
}
