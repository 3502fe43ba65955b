//! Containerd with runc, started with a configuration, root, state and socket of its own: a containerd that this machine
//! may run already is not touched.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use shim::cri::message::NamespaceMode;

use super::image;
use super::report::Runtime;
use super::stack::Stack;

/// The programs it takes, main one first.
const PROGRAMS: [&str; 4] = ["containerd", "runc", "containerd-shim-runc-v2", "ctr"];
/// Where they may be besides where `PATH` says: Debian has runc where only root looks.
const FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/// What to do when they are missing.
pub(crate) const NEEDS: &str = "\
Containers need root and containerd with runc. Debian: apt install containerd runc. Current ones from their Go modules:
  go mod init x && go get github.com/containerd/containerd/v2@v2.4.2 github.com/opencontainers/runc@v1.5.2
  CGO_ENABLED=0 go build -o BIN/ github.com/containerd/containerd/v2/cmd/{containerd,containerd-shim-runc-v2,ctr}
  CGO_ENABLED=1 go build -o BIN/ github.com/opencontainers/runc
and then `coracle compare --bin-dir BIN`. This command installs nothing.";

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    files: [PathBuf; PROGRAMS.len()],
    path: OsString,
}

// === impl Tools ===

impl Tools {
    /// Looks for them in `bin_dir` first.
    ///
    /// # Errors
    /// With what is missing.
    pub(crate) fn find(bin_dir: Option<&Path>) -> Result<Tools, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("this is not root".to_owned());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = bin_dir
            .map(Path::to_owned)
            .into_iter()
            .chain(std::env::split_paths(&path))
            .chain(FOLDERS.map(Into::into))
            .collect();
        let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
        let missing: Vec<&str> = PROGRAMS.into_iter().filter(|name| find(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(format!("not found: {}", missing.join(", ")));
        }
        let path = std::env::join_paths(&folders).map_err(|error| error.to_string())?;
        Ok(Tools { files: PROGRAMS.map(|name| find(name).unwrap_or_default()), path })
    }
}

/// Containerd in `folder`, with an image of the static program `linux`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn stack(folder: &Path, tools: Tools, linux: &Path, snapshotter: &str) -> Result<Stack> {
    std::fs::create_dir_all(folder).with_context(|| format!("create `{}`", folder.display()))?;
    let program = std::fs::read(linux).with_context(|| format!("read `{}`", linux.display()))?;
    let archive = folder.join("image.tar");
    std::fs::write(&archive, image::archive(&program, architecture())).context("write the image")?;
    let (config, socket) = (folder.join("containerd.toml"), folder.join("containerd.sock"));
    std::fs::write(&config, configuration(folder, snapshotter)).context("write containerd's configuration")?;
    let [containerd, runc, _, ctr] = &tools.files;
    let words = |words: &[&dyn AsRef<std::ffi::OsStr>]| words.iter().map(|it| it.as_ref().to_owned()).collect();
    Ok(Stack {
        runtime: Runtime::Containerd,
        folder: folder.to_owned(),
        command: words(&[containerd, &"--config", &config]),
        imports: vec![words(&[
            ctr,
            &"--address",
            &socket,
            &"-n",
            &"k8s.io",
            &"images",
            &"import",
            &"--snapshotter",
            &snapshotter,
            &archive,
        ])],
        versions: vec![version(containerd, containerd_version), version(runc, runc_version)],
        setting: format!(
            "host network (a network of its own would cost each pod more), snapshotter {snapshotter}, cgroupfs, \
             the pause image is the pods' own program"
        ),
        socket,
        path: Some(tools.path),
        image: image::REFERENCE.to_owned(),
        pause: Some(image::PAUSE_REFERENCE.to_owned()),
        network: NamespaceMode::Node,
        programs: tools.files.to_vec(),
    })
}

/// Version 2 of the configuration: 1.6 knows no other, and later ones read it. Nothing is left where another containerd
/// would see it. Who may kill a process first matters to no figure, and not every root may say so.
fn configuration(folder: &Path, snapshotter: &str) -> String {
    let folder = folder.display();
    let pause = image::PAUSE_REFERENCE;
    format!(
        r#"version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{folder}/cni/bin"
  conf_dir = "{folder}/cni/conf"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "{snapshotter}"
  default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
  Root = "{folder}/runc"
"#
    )
}

/// This machine's, as Go calls it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn version(program: &Path, of: fn(&str) -> Option<String>) -> String {
    let output = Command::new(program).arg("--version").output();
    let said = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
    let name = program.file_name().unwrap_or_default().display();
    format!("{name} {}", of(&said).unwrap_or_else(|| "of unknown version".to_owned()))
}

/// `containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3`
fn containerd_version(said: &str) -> Option<String> {
    let word = said.split_ascii_whitespace().nth(2)?;
    Some(word.split(['~', '+']).next()?.trim_start_matches('v').to_owned())
}

/// `runc version 1.1.5+ds1`, and more lines
fn runc_version(said: &str) -> Option<String> {
    let word = said.lines().next()?.strip_prefix("runc version ")?;
    Some(word.split('+').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_say() {
        let said = "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n";
        assert_eq!(containerd_version(said).unwrap(), "1.6.20");
        assert_eq!(
            containerd_version("containerd github.com/containerd/containerd/v2 2.4.2+unknown \n").unwrap(),
            "2.4.2"
        );
        assert_eq!(runc_version("runc version 1.1.5+ds1\ncommit: 1\n").unwrap(), "1.1.5");
        assert_eq!(runc_version(""), None);
    }

    #[test]
    fn everything_of_the_configuration_lies_in_the_folder() {
        let text = configuration(Path::new("/tmp/x"), "overlayfs");
        let paths: Vec<&str> = text.split('"').filter(|it| it.starts_with('/')).collect();
        assert!(paths.len() >= 6 && paths.iter().all(|path| path.starts_with("/tmp/x/")), "{paths:?}");
    }
}
