//! What was said on the command line, made sense of once: the rest of the program asks no further.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use apiserver::request::User;

use crate::args::{self, Part, PodNetwork};

/// The largest prefix that still has room for one node's /18 of pods.
const CLUSTER_PREFIX_MAX: u8 = 18;
/// Service networks between these sizes are what kube-apiserver takes.
const SERVICE_PREFIXES: std::ops::RangeInclusive<u8> = 12..=28;
/// A token file larger than this is some other file.
const TOKEN_FILE_BYTES_MAX: u64 = 1 << 20;

/// A cluster to run.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where the API listens; port 0 is any free one.
    pub https_listen: SocketAddr,
    /// A kubeconfig is written here too.
    pub kubeconfig: Option<PathBuf>,
    /// The name of this machine's Node.
    pub node_name: String,
    /// Pods' addresses.
    pub cluster_cidr: Cidr,
    /// Services' addresses.
    pub service_cidr: Cidr,
    /// How this host binds the addresses of pods and Services.
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only a node asks"))]
    pub pod_network: PodNetwork,
    /// CRI is served here too.
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only a node asks"))]
    pub cri_socket: Option<PathBuf>,
    /// Keep objects in memory only.
    pub in_memory: bool,
    /// Bearer tokens and who they are.
    pub tokens: Vec<(String, User)>,
    /// Where mirrors of registries and credentials for them stand, if not in the data directory.
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only a node asks"))]
    pub registries: Option<PathBuf>,
    /// Whether the controllers run.
    pub controllers: bool,
    /// Whether the scheduler runs.
    pub scheduler: bool,
    /// Whether the node runs.
    #[cfg_attr(not(feature = "node"), expect(dead_code, reason = "only a node asks"))]
    pub node: bool,
}

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    /// Its first address.
    pub network: Ipv4Addr,
    /// How many leading bits its addresses share.
    pub prefix: u8,
}

// === impl Config ===

impl Config {
    /// What `args` mean.
    ///
    /// # Errors
    /// When they contradict each other, or name a file that cannot be read.
    pub(crate) fn new(args: args::Server) -> Result<Config> {
        let cluster_cidr = Cidr::parse(&args.cluster_cidr).context("--cluster-cidr")?;
        let service_cidr = Cidr::parse(&args.service_cidr).context("--service-cidr")?;
        ensure!(
            cluster_cidr.prefix <= CLUSTER_PREFIX_MAX,
            "--cluster-cidr needs room for a /{CLUSTER_PREFIX_MAX}: {cluster_cidr}"
        );
        ensure!(SERVICE_PREFIXES.contains(&service_cidr.prefix), "--service-cidr must be a /12 to /28: {service_cidr}");
        ensure!(
            !cluster_cidr.overlaps(service_cidr),
            "--cluster-cidr and --service-cidr overlap: {cluster_cidr}, {service_cidr}"
        );
        let node_name = match args.node_name {
            Some(name) => name,
            None => hostname()?,
        };
        ensure!(is_node_name(&node_name), "--node-name must be a lowercase DNS name: {node_name}");
        let on = |part| !args.disable.contains(&part);
        Ok(Config {
            https_listen: args.https_listen,
            kubeconfig: args.write_kubeconfig,
            node_name,
            cluster_cidr,
            service_cidr,
            pod_network: args.pod_network,
            cri_socket: args.cri_socket,
            in_memory: args.in_memory,
            tokens: args.token_auth_file.as_deref().map(read_tokens).transpose()?.unwrap_or_default(),
            registries: args.registries,
            controllers: on(Part::Controllers),
            scheduler: on(Part::Scheduler),
            node: on(Part::Node) && cfg!(feature = "node"),
            data_dir: args.data_dir,
        })
    }
}

/// This machine's name as a node is named: lowercase.
fn hostname() -> Result<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").context("read the host's name; give --node-name")?;
    Ok(name.trim().to_ascii_lowercase())
}

/// RFC 1123 subdomain: what the API server takes as a Node's name.
fn is_node_name(name: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        !label.is_empty() && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Reads `token,user,uid,"group,group"` lines.
fn read_tokens(path: &Path) -> Result<Vec<(String, User)>> {
    let size = fs::metadata(path).with_context(|| format!("read `{}`", path.display()))?.len();
    ensure!(size <= TOKEN_FILE_BYTES_MAX, "`{}` is no token file: it has {size} bytes", path.display());
    let text = fs::read_to_string(path).with_context(|| format!("read `{}`", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let at = || format!("`{}` line {}", path.display(), number + 1);
            parse_token(line).with_context(at)
        })
        .collect()
}

fn parse_token(line: &str) -> Result<(String, User)> {
    let mut columns = line.splitn(4, ',').map(str::trim);
    let (Some(token), Some(name), Some(uid)) = (columns.next(), columns.next(), columns.next()) else {
        bail!("a line is `token,user,uid` or `token,user,uid,\"group,group\"`");
    };
    ensure!(!token.is_empty() && !name.is_empty(), "token and user must not be empty");
    let groups = columns.next().unwrap_or_default().trim_matches('"').split(',').map(str::trim);
    let groups = groups.filter(|group| !group.is_empty());
    Ok((token.to_owned(), User { uid: uid.to_owned(), ..User::new(name, groups) }))
}

// === impl Cidr ===

impl Cidr {
    /// From `10.42.0.0/16`.
    ///
    /// # Errors
    /// When it is no IPv4 network.
    pub(crate) fn parse(text: &str) -> Result<Cidr> {
        let parsed = text.split_once('/').and_then(|(network, prefix)| {
            Some(Cidr { network: network.parse().ok()?, prefix: prefix.parse().ok().filter(|p| *p <= 32)? })
        });
        let cidr = parsed.with_context(|| format!("not an IPv4 network, such as 10.42.0.0/16: {text}"))?;
        ensure!(
            u32::from(cidr.network) & !cidr.mask() == 0,
            "the network of this prefix is {}/{}: {text}",
            Ipv4Addr::from(u32::from(cidr.network) & cidr.mask()),
            cidr.prefix
        );
        Ok(cidr)
    }

    /// The address this far into the network.
    pub(crate) fn nth(self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network).wrapping_add(offset))
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0)
    }

    fn overlaps(self, other: Cidr) -> bool {
        let mask = self.mask() & other.mask();
        u32::from(self.network) & mask == u32::from(other.network) & mask
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use clap::Parser;

    use super::*;
    use crate::args::{Arguments, Command};

    fn config(arguments: &[&str]) -> Result<Config> {
        let words = ["coracle", "server"].iter().chain(arguments);
        let Command::Server(server) = Arguments::try_parse_from(words)?.command else { bail!("another command") };
        Config::new(server)
    }

    #[test]
    fn the_defaults_make_sense() {
        let config = config(&[]).unwrap();
        assert!(config.controllers && config.scheduler);
        assert_eq!(config.service_cidr.nth(1).to_string(), "10.96.0.1");
    }

    #[test]
    fn parts_can_be_left_out() {
        let config = config(&["--disable=controllers,node"]).unwrap();
        assert!(!config.controllers && config.scheduler && !config.node);
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_reason() {
        let refused = |arguments: &[&str]| format!("{:#}", config(arguments).unwrap_err());
        assert!(refused(&["--cluster-cidr=10.96.0.0/16"]).contains("overlap"));
        assert!(refused(&["--cluster-cidr=10.42.0.1/16"]).contains("is 10.42.0.0/16"));
        assert!(refused(&["--cluster-cidr=10.42.0.0/24"]).contains("room for a /18"));
        assert!(refused(&["--service-cidr=nonsense"]).contains("not an IPv4 network"));
        assert!(refused(&["--node-name=Big_Box"]).contains("lowercase DNS name"));
    }

    #[test]
    fn a_token_line_has_three_or_four_columns() {
        let (token, user) = parse_token("t,admin,1,\"system:masters,x\"").unwrap();
        assert_eq!((token.as_str(), user.name.as_str(), user.groups.len()), ("t", "admin", 2));
        assert!(parse_token("t,admin").is_err());
        assert!(parse_token(",admin,1").is_err());
    }
}
