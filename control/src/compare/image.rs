//! Makes the container image of a static Linux program: `FROM scratch`, one layer with one file, in one archive that
//! `ctr images import` and `docker load` read.

use serde_json::json;
use sha2::{Digest, Sha256};

/// The image's name.
pub(crate) const REFERENCE: &str = "localhost/coracle-compare/program:1";
/// Its other name, under which it keeps sandboxes: upstream's own pause image does no more.
pub(crate) const PAUSE_REFERENCE: &str = "localhost/coracle-compare/pause:1";
/// Where the program is in it.
pub(crate) const PROGRAM: &str = "program";

const BLOCK_BYTES: usize = 512;

/// The archive of an image for `architecture` (as Go calls it) that holds `program` and runs it as a sandbox's keeper.
pub(crate) fn archive(program: &[u8], architecture: &str) -> Vec<u8> {
    let mut layer = Tar::default();
    layer.file(PROGRAM, 0o755, program);
    let layer = layer.finish();
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": [format!("/{PROGRAM}")], "Cmd": ["pause"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))]},
    });
    let manifest =
        json!([{"Config": "config.json", "RepoTags": [REFERENCE, PAUSE_REFERENCE], "Layers": ["layer.tar"]}]);
    let mut archive = Tar::default();
    archive.file("config.json", 0o644, config.to_string().as_bytes());
    archive.file("layer.tar", 0o644, &layer);
    archive.file("manifest.json", 0o644, manifest.to_string().as_bytes());
    archive.finish()
}

/// The digest in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A tar archive of plain files that belong to root, in the format of POSIX.
#[derive(Default)]
struct Tar(Vec<u8>);

// === impl Tar ===

impl Tar {
    /// Adds a file; its name is one of ours, and short.
    fn file(&mut self, name: &str, mode: u32, content: &[u8]) {
        let mut header = [0_u8; BLOCK_BYTES];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, &format!("{mode:07o}"));
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", content.len()));
        put(136, "00000000000");
        // The checksum is of a header that has blanks in its place.
        put(148, "        ");
        put(156, "0");
        put(257, "ustar");
        put(263, "00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(BLOCK_BYTES), 0);
    }

    /// Two empty blocks are the end.
    fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK_BYTES, 0);
        self.0
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn tar_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("image.tar"), archive(&[7; 1000], "amd64")).unwrap();
        let extract = |file: &str| {
            let mut tar = Command::new("tar");
            let status = tar.args(["-xf", file]).current_dir(folder.path()).stdin(Stdio::null()).status().unwrap();
            assert!(status.success());
        };
        extract("image.tar");
        extract("layer.tar");
        let read = |file: &str| std::fs::read(folder.path().join(file)).unwrap();
        assert_eq!(read(PROGRAM), [7; 1000]);
        let config: serde_json::Value = serde_json::from_slice(&read("config.json")).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", sha256(&read("layer.tar"))));
        let manifest: serde_json::Value = serde_json::from_slice(&read("manifest.json")).unwrap();
        assert_eq!(manifest[0]["RepoTags"][1], PAUSE_REFERENCE);
    }
}
