//! Decides which image of an index is ours.

use super::error::PullError;
use super::oci::{Descriptor, Platform};

const WASI: &[&str] = &["wasip2", "wasi", "wasip1"];
const WASM: &[&str] = &["wasm", "wasm32"];
/// Marks what is no image: a signature or where it comes from.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// Platforms that a message lists.
const NAMED_MAX: usize = 8;

/// The image to take: WASI on Wasm first, then Wasm on anything, then the only one, then this machine's Linux, which
/// counts only if its program is WebAssembly after all.
pub(crate) fn select(manifests: &[Descriptor]) -> Result<&Descriptor, PullError> {
    let images: Vec<&Descriptor> = manifests
        .iter()
        .filter(|it| it.annotation(REFERENCE_TYPE).is_none() && !is(it, &["unknown"], &["unknown"]))
        .collect();
    for os in WASI {
        if let Some(found) = images.iter().find(|it| is(it, &[os], WASM)) {
            return Ok(found);
        }
    }
    let on_wasm = images.iter().find(|it| it.platform.as_ref().is_some_and(|it| WASM.contains(&&*it.architecture)));
    let only = (images.len() == 1).then(|| &images[0]);
    let linux = || images.iter().find(|it| is(it, &["linux"], &[machine()]));
    on_wasm.or(only).or_else(linux).copied().ok_or_else(|| PullError::Refused(none_fits(&images)))
}

fn is(descriptor: &Descriptor, os: &[&str], architectures: &[&str]) -> bool {
    let fits = |platform: &Platform| os.contains(&&*platform.os) && architectures.contains(&&*platform.architecture);
    descriptor.platform.as_ref().is_some_and(fits)
}

/// This machine as Go names it.
fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn none_fits(images: &[&Descriptor]) -> String {
    let platforms = images.iter().filter_map(|it| it.platform.as_ref());
    let names: Vec<String> = platforms.take(NAMED_MAX).map(|it| format!("{}/{}", it.os, it.architecture)).collect();
    format!("no image of it is for WebAssembly ({}); Coracle runs WebAssembly: wasi/wasm", names.join(", "))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn descriptor(platform: &str) -> Descriptor {
        let platform = platform
            .split_once('/')
            .map(|(os, architecture)| Platform { os: os.to_owned(), architecture: architecture.to_owned() });
        Descriptor { platform, ..Descriptor::default() }
    }

    fn index(platforms: &[&str]) -> Vec<Descriptor> {
        platforms.iter().map(|platform| descriptor(platform)).collect()
    }

    #[test]
    fn wasi_is_preferred_and_linux_comes_last() {
        let linux = format!("linux/{}", machine());
        for (platforms, chosen) in [
            (&["linux/amd64", "wasi/wasm", "linux/wasm"][..], 1),
            (&["wasip1/wasm", "wasip2/wasm32"], 1),
            (&["linux/amd64", "js/wasm"], 1),
            (&["linux/s390x"], 0),
            (&["none", "unknown/unknown"], 0),
            (&["windows/amd64", &linux], 1),
        ] {
            let manifests = index(platforms);
            assert!(std::ptr::eq(select(&manifests).unwrap(), &manifests[chosen]), "{platforms:?}");
        }
    }

    #[test]
    fn a_refusal_names_what_there_is() {
        let message = select(&index(&["linux/s390x", "windows/amd64"])).unwrap_err().to_string();
        assert!(message.contains("linux/s390x, windows/amd64"), "{message}");
        assert!(select(&[]).is_err());
    }
}
