//! `/etc/resolv.conf` of a container: what its sandbox's config says of names, for programs that ask servers themselves.
//! WASI's own lookups do not read it.

use std::collections::HashMap;
use std::sync::Arc;

use runtime::{File, Mount, MountSource};

use crate::cri::message::{ContainerConfig, DnsConfig, PodSandboxConfig};

const PATH: &str = "/etc/resolv.conf";
const MODE: u32 = 0o644;

/// The file, if the sandbox says anything of names and the container brings none of its own.
pub(super) fn resolv_conf(sandbox: &PodSandboxConfig, config: &ContainerConfig) -> Option<Mount> {
    let dns = sandbox.dns_config.as_ref()?;
    if config.mounts.iter().any(|it| it.container_path == PATH) {
        return None;
    }
    let file = File { data: text(dns).into(), mode: MODE };
    let files = HashMap::from([(String::new(), file)]);
    Some(Mount { path: PATH.to_owned(), source: MountSource::Files(Arc::new(files.into())), read_only: true })
}

fn text(dns: &DnsConfig) -> String {
    let mut text = String::new();
    let mut line = |key: &str, words: &[String]| {
        if !words.is_empty() {
            text += &format!("{key} {}\n", words.join(" "));
        }
    };
    line("search", &dns.searches);
    for server in &dns.servers {
        line("nameserver", std::slice::from_ref(server));
    }
    line("options", &dns.options);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_as_the_sandbox_says() {
        let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        let dns = DnsConfig {
            servers: words(&["10.96.0.10", "10.96.0.11"]),
            searches: words(&["ns.svc.cluster.local", "svc.cluster.local"]),
            options: words(&["ndots:5"]),
        };
        let wanted = "search ns.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\nnameserver 10.96.0.11\n\
                      options ndots:5\n";
        assert_eq!(text(&dns), wanted);
    }

    #[test]
    fn a_file_of_the_caller_comes_first_and_without_a_word_there_is_none() {
        let said = PodSandboxConfig { dns_config: Some(DnsConfig::default()), ..Default::default() };
        let plain = ContainerConfig::default();
        assert!(resolv_conf(&said, &plain).is_some());
        assert!(resolv_conf(&PodSandboxConfig::default(), &plain).is_none());
        let mounts = vec![crate::cri::message::Mount { container_path: PATH.to_owned(), ..Default::default() }];
        assert!(resolv_conf(&said, &ContainerConfig { mounts, ..Default::default() }).is_none());
    }
}
