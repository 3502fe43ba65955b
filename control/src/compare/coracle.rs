//! `coracle cri`, as anybody would start it.

use std::path::Path;

use anyhow::{Context, Result};
use runtime::ImageStore;
use shim::cri::message::NamespaceMode;

use super::report::Runtime;
use super::stack::Stack;

/// The image's name.
const REFERENCE: &str = "localhost/coracle-compare/program:1";

/// `program cri` in `folder`, with an image of the component `wasm`.
///
/// # Errors
/// When a file cannot be written, or `wasm` is no WebAssembly.
pub(crate) fn stack(folder: &Path, program: &Path, wasm: &Path) -> Result<Stack> {
    let root = root(folder);
    std::fs::create_dir_all(&root).with_context(|| format!("create `{}`", root.display()))?;
    // A copy, because this very process maps the original: pages that both map would count for half.
    // Not in the folder whose disk is measured: containerd's programs are not there either.
    let copy = folder.with_extension("program");
    std::fs::copy(program, &copy).with_context(|| format!("copy `{}`", program.display()))?;
    let images = ImageStore::open(&root.join("images")).context("open the images")?;
    images.import(REFERENCE, wasm).with_context(|| format!("import `{}`", wasm.display()))?;
    let socket = folder.join("cri.sock");
    let mut command = vec![copy.clone().into_os_string(), "cri".into(), "--pod-network".into(), "loopback".into()];
    command.extend(["--socket".into(), socket.clone().into_os_string(), "--root".into(), root.into_os_string()]);
    Ok(Stack {
        runtime: Runtime::Coracle,
        folder: folder.to_owned(),
        socket,
        command,
        path: None,
        imports: Vec::new(),
        image: REFERENCE.to_owned(),
        pause: None,
        network: NamespaceMode::Pod,
        programs: vec![copy],
        versions: vec![format!("coracle {}", env!("CARGO_PKG_VERSION"))],
        setting: "each pod has an address of its own, which needs no network of Linux; compiled before, once per image"
            .to_owned(),
    })
}

/// Its root, below its folder.
pub(crate) fn root(folder: &Path) -> std::path::PathBuf {
    folder.join("root")
}
