//! Each rule by a config that breaks it alone, and what no rule minds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::cri::message::{
    Capability, ContainerMetadata, Device, HugepageLimit, IdMapping, ImageSpec, Int64Value, LinuxContainerConfig,
    SeLinuxOption,
};

fn config() -> ContainerConfig {
    ContainerConfig { metadata: Some(ContainerMetadata::default()), ..Default::default() }
}

fn secured(security_context: LinuxContainerSecurityContext) -> ContainerConfig {
    let linux = LinuxContainerConfig { security_context: Some(security_context), ..Default::default() };
    ContainerConfig { linux: Some(linux), ..config() }
}

fn within(namespace_options: NamespaceOption) -> ContainerConfig {
    secured(LinuxContainerSecurityContext { namespace_options: Some(namespace_options), ..Default::default() })
}

fn mounting(mount: Mount) -> ContainerConfig {
    ContainerConfig { mounts: vec![mount], ..config() }
}

fn limited(resources: LinuxContainerResources) -> ContainerConfig {
    let linux = LinuxContainerConfig { resources: Some(resources), ..Default::default() };
    ContainerConfig { linux: Some(linux), ..config() }
}

fn profile(kind: ProfileType) -> Option<SecurityProfile> {
    Some(SecurityProfile { profile_type: kind.into(), localhost_ref: "p".to_owned() })
}

#[test]
fn each_rule_refuses_what_it_names() {
    let none = LinuxContainerSecurityContext::default;
    let node = i32::from(NamespaceMode::Node);
    let capabilities = Capability { add_capabilities: vec!["SYS_TIME".to_owned()], ..Default::default() };
    let label = SeLinuxOption { level: "s0".to_owned(), ..Default::default() };
    let asked = [
        ContainerConfig::default(),
        ContainerConfig { working_dir: "/srv".to_owned(), ..config() },
        ContainerConfig { devices: vec![Device::default()], ..config() },
        secured(LinuxContainerSecurityContext { privileged: true, ..none() }),
        secured(LinuxContainerSecurityContext { capabilities: Some(capabilities), ..none() }),
        secured(LinuxContainerSecurityContext { selinux_options: Some(label), ..none() }),
        secured(LinuxContainerSecurityContext { seccomp: profile(ProfileType::Localhost), ..none() }),
        secured(LinuxContainerSecurityContext { apparmor: profile(ProfileType::Localhost), ..none() }),
        secured(LinuxContainerSecurityContext { run_as_username: "nginx".to_owned(), ..none() }),
        secured(LinuxContainerSecurityContext { run_as_group: Some(Int64Value { value: 1 }), ..none() }),
        within(NamespaceOption { network: node, ..Default::default() }),
        within(NamespaceOption { pid: node, ..Default::default() }),
        within(NamespaceOption { ipc: node, ..Default::default() }),
        within(NamespaceOption { pid: NamespaceMode::Target.into(), ..Default::default() }),
        mounting(Mount { propagation: MountPropagation::PropagationBidirectional.into(), ..Default::default() }),
        mounting(Mount { uid_mappings: vec![IdMapping::default()], ..Default::default() }),
        mounting(Mount { recursive_read_only: true, ..Default::default() }),
        mounting(Mount { mount_options: vec!["noexec".to_owned()], ..Default::default() }),
        mounting(Mount { image: Some(Box::new(ImageSpec::default())), ..Default::default() }),
        ContainerConfig { windows: Some(Box::default()), ..config() },
    ];
    assert_eq!(asked.len(), RULES.len());
    for (config, rule) in asked.iter().zip(RULES) {
        let message = refuse(config).unwrap_err().to_string();
        assert!(message.starts_with(rule.what), "{message}");
    }
}

/// What a kubelet sends for a pod of the Pod Security level `restricted`.
#[test]
fn what_holds_of_itself_is_accepted() {
    let security = LinuxContainerSecurityContext {
        capabilities: Some(Capability { drop_capabilities: vec!["ALL".to_owned()], ..Default::default() }),
        seccomp: profile(ProfileType::RuntimeDefault),
        apparmor: profile(ProfileType::RuntimeDefault),
        readonly_rootfs: true,
        no_new_privs: true,
        run_as_user: Some(Int64Value { value: 1000 }),
        run_as_group: Some(Int64Value { value: 1000 }),
        masked_paths: vec!["/proc/kcore".to_owned()],
        readonly_paths: vec!["/proc/sys".to_owned()],
        namespace_options: Some(NamespaceOption { pid: NamespaceMode::Container.into(), ..Default::default() }),
        selinux_options: Some(SeLinuxOption::default()),
        ..Default::default()
    };
    refuse(&secured(security)).unwrap();
    refuse(&mounting(Mount { recursive_read_only: true, readonly: true, selinux_relabel: true, ..Default::default() }))
        .unwrap();
    refuse(&limited(LinuxContainerResources {
        unified: [("memory.oom.group".to_owned(), "1".to_owned())].into(),
        hugepage_limits: vec![HugepageLimit { page_size: "2MB".to_owned(), limit: 0 }],
        oom_score_adj: 999,
        memory_swap_limit_in_bytes: 1 << 20,
        ..Default::default()
    }))
    .unwrap();
}

#[test]
fn a_recursively_read_only_mount_is_private() {
    let mount = |propagation: MountPropagation| Mount {
        recursive_read_only: true,
        readonly: true,
        propagation: propagation.into(),
        ..Default::default()
    };
    refuse(&mounting(mount(MountPropagation::PropagationPrivate))).unwrap();
    refuse(&mounting(mount(MountPropagation::PropagationHostToContainer))).unwrap_err();
}

#[test]
fn what_only_a_cgroup_has_is_refused_by_name() {
    let message = |resources| refuse(&limited(resources)).unwrap_err().to_string();
    let cpuset = LinuxContainerResources { cpuset_cpus: "0-1".to_owned(), ..Default::default() };
    assert!(message(cpuset).starts_with("a cpuset"));
    let unified = [("memory.high".to_owned(), "1".to_owned())].into();
    let unified = LinuxContainerResources { unified, ..Default::default() };
    assert!(message(unified).contains("`memory.high`"));
}
