//! What of a container's config cannot be honored. Everything else is honored, or holds of itself: a program that can
//! reach nothing but what it was given has no capability to drop and no path to mask.

use crate::cri::error::Error;
use crate::cri::message::security_profile::ProfileType;
use crate::cri::message::{
    ContainerConfig, LinuxContainerResources, LinuxContainerSecurityContext, Mount, MountPropagation, NamespaceMode,
    NamespaceOption, SecurityProfile,
};

const NO_PROCESS: &str = "a program here is no Linux process";
const NO_NAMESPACE: &str = "programs here have no Linux namespaces";
const NO_CGROUP: &str = "programs here have no cgroup";
const NO_USERS: &str = "a Wasm image has no users";

/// The one file of cgroup v2 that kubelets ask for and that holds of itself: a program ends as a whole.
const OOM_GROUP: (&str, &str) = ("memory.oom.group", "1");

/// One thing that a config can ask for in vain.
struct Rule {
    what: &'static str,
    asked: fn(&ContainerConfig) -> bool,
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule { what: "a container without metadata", asked: |it| it.metadata.is_none(), why: "it needs a name" },
    Rule { what: "workingDir", asked: |it| !matches!(it.working_dir.as_str(), "" | "/"), why: "WASI has none" },
    Rule { what: "a device", asked: |it| !it.devices.is_empty() || !it.cdi_devices.is_empty(), why: NO_PROCESS },
    Rule { what: "privileged", asked: |it| security(it).is_some_and(|it| it.privileged), why: NO_PROCESS },
    Rule { what: "an added capability", asked: |it| security(it).is_some_and(adds_capability), why: NO_PROCESS },
    Rule { what: "an SELinux label", asked: |it| security(it).is_some_and(has_label), why: NO_PROCESS },
    Rule { what: "a seccomp profile of the host", asked: |it| is_localhost(it, |it| &it.seccomp), why: NO_PROCESS },
    Rule { what: "an AppArmor profile of the host", asked: |it| is_localhost(it, |it| &it.apparmor), why: NO_PROCESS },
    Rule {
        what: "runAsUserName",
        asked: |it| security(it).is_some_and(|it| !it.run_as_username.is_empty()),
        why: NO_USERS,
    },
    Rule {
        what: "runAsGroup without runAsUser",
        asked: |it| security(it).is_some_and(group_alone),
        why: "a group needs a user",
    },
    Rule { what: "hostNetwork", asked: |it| is_in(it, |it| it.network, NamespaceMode::Node), why: NO_NAMESPACE },
    Rule { what: "hostPID", asked: |it| is_in(it, |it| it.pid, NamespaceMode::Node), why: NO_NAMESPACE },
    Rule { what: "hostIPC", asked: |it| is_in(it, |it| it.ipc, NamespaceMode::Node), why: NO_NAMESPACE },
    Rule {
        what: "another container's processes",
        asked: |it| is_in(it, |it| it.pid, NamespaceMode::Target),
        why: NO_NAMESPACE,
    },
    Rule {
        what: "bidirectional mount propagation",
        asked: |it| it.mounts.iter().any(is_bidirectional),
        why: NO_NAMESPACE,
    },
    Rule { what: "a mount with mapped ids", asked: |it| it.mounts.iter().any(maps_ids), why: NO_NAMESPACE },
    Rule {
        what: "a recursively read-only mount that can be written or propagates",
        asked: |it| it.mounts.iter().any(contradicts_itself),
        why: "its parts contradict each other",
    },
    Rule {
        what: "a mount with options",
        asked: |it| it.mounts.iter().any(|it| !it.mount_options.is_empty()),
        why: NO_NAMESPACE,
    },
    Rule {
        what: "an image volume that can be written",
        asked: |it| it.mounts.iter().any(|it| it.image.is_some() && !it.readonly),
        why: "an image never changes",
    },
    Rule { what: "a config for Windows", asked: |it| it.windows.is_some(), why: "this is no Windows" },
];

/// Says no to what a program in this process cannot be or have.
pub(super) fn refuse(config: &ContainerConfig) -> Result<(), Error> {
    if let Some(Rule { what, why, .. }) = RULES.iter().find(|rule| (rule.asked)(config)) {
        return Err(Error::Invalid(format!("{what} is not supported: {why}")));
    }
    match config.linux.as_ref().and_then(|it| it.resources.as_ref()) {
        Some(resources) => refuse_resources(resources),
        None => Ok(()),
    }
}

/// Says no to resources that only cgroups hand out. Those of swap and huge pages are never used at all.
pub(super) fn refuse_resources(resources: &LinuxContainerResources) -> Result<(), Error> {
    let refuse = |what: &str| Err(Error::Invalid(format!("{what} is not supported: {NO_CGROUP}")));
    if !resources.cpuset_cpus.is_empty() || !resources.cpuset_mems.is_empty() {
        return refuse("a cpuset");
    }
    let unknown = |it: &(&String, &String)| (it.0.as_str(), it.1.as_str()) != OOM_GROUP;
    match resources.unified.iter().find(unknown) {
        Some((file, _)) => refuse(&format!("the cgroup's file `{file}`")),
        None => Ok(()),
    }
}

fn security(config: &ContainerConfig) -> Option<&LinuxContainerSecurityContext> {
    config.linux.as_ref()?.security_context.as_ref()
}

fn adds_capability(security: &LinuxContainerSecurityContext) -> bool {
    let all = security.capabilities.iter();
    all.into_iter().any(|it| !it.add_capabilities.is_empty() || !it.add_ambient_capabilities.is_empty())
}

fn has_label(security: &LinuxContainerSecurityContext) -> bool {
    security.selinux_options.as_ref().is_some_and(|it| *it != Default::default())
}

fn group_alone(security: &LinuxContainerSecurityContext) -> bool {
    security.run_as_group.is_some() && security.run_as_user.is_none()
}

fn is_in(config: &ContainerConfig, of: fn(&NamespaceOption) -> i32, mode: NamespaceMode) -> bool {
    let options = security(config).and_then(|it| it.namespace_options.as_ref());
    options.is_some_and(|it| of(it) == i32::from(mode))
}

fn is_localhost(config: &ContainerConfig, of: fn(&LinuxContainerSecurityContext) -> &Option<SecurityProfile>) -> bool {
    let profile = security(config).and_then(|it| of(it).as_ref());
    profile.is_some_and(|it| it.profile_type == i32::from(ProfileType::Localhost))
}

fn is_bidirectional(mount: &Mount) -> bool {
    mount.propagation == i32::from(MountPropagation::PropagationBidirectional)
}

fn contradicts_itself(mount: &Mount) -> bool {
    let private = i32::from(MountPropagation::PropagationPrivate);
    mount.recursive_read_only && (!mount.readonly || mount.propagation != private)
}

fn maps_ids(mount: &Mount) -> bool {
    !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty()
}

#[cfg(test)]
mod tests;
