//! `cargo xtask push`: puts a module into a registry of this machine, in the forms that images of WebAssembly have.
//!
//! It stands in for `wkg oci push` and `docker push` where neither is installed: plain HTTP, one user, one layer.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// What was asked for.
struct Options {
    module: PathBuf,
    reference: String,
    user: Option<String>,
    /// The module in the root of an ordinary image, with this file of data beside it.
    data: Option<PathBuf>,
}

/// Runs `cargo xtask push`.
///
/// # Errors
/// The registry does not take it.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result<()> {
    let options = Options::parse(arguments)?;
    let module = fs::read(&options.module).with_context(|| format!("read `{}`", options.module.display()))?;
    let (host, rest) = options.reference.split_once('/').context("a reference is HOST/NAME:TAG")?;
    let (name, tag) = rest.rsplit_once(':').context("a reference is HOST/NAME:TAG")?;
    let authorization = options.user.as_ref().map(|user| format!("Basic {}", STANDARD.encode(user)));
    let repository = Repository { host, name, authorization };
    let manifest = match &options.data {
        None => artifact(&repository, &module)?,
        Some(data) => {
            let data = fs::read(data).with_context(|| format!("read `{}`", data.display()))?;
            image(&repository, &module, &data)?
        }
    };
    let bytes = repository.name(tag, &manifest)?;
    println!("pushed {}@{}", options.reference, digest(&bytes));
    Ok(())
}

// === impl Options ===

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let (mut words, mut user, mut data) = (Vec::new(), None, None);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--user" => user = Some(arguments.next().context("--user needs NAME:PASSWORD")?),
                "--with-data" => data = Some(arguments.next().context("--with-data needs a file")?.into()),
                _ => words.push(argument),
            }
        }
        let [module, reference] = <[String; 2]>::try_from(words).map_err(|_| {
            anyhow::anyhow!("usage: cargo xtask push [--user NAME:PASSWORD] [--with-data FILE] MODULE REFERENCE")
        })?;
        Ok(Options { module: module.into(), reference, user, data })
    }
}

/// A CNCF Wasm artifact.
fn artifact(repository: &Repository<'_>, module: &[u8]) -> Result<Value> {
    let config = json!({"architecture": "wasm", "os": "wasip2", "layerDigests": [digest(module)]});
    manifest(repository, ("application/vnd.wasm.config.v0+json", &config), ("application/wasm", module))
}

/// An image of files, as a Dockerfile `FROM scratch` makes it.
fn image(repository: &Repository<'_>, module: &[u8], data: &[u8]) -> Result<Value> {
    let layer = layer(&[("app.wasm", Member::File(module)), ("data.txt", Member::File(data))]);
    let config = json!({
        "architecture": "wasm", "os": "wasip1", "config": {"Entrypoint": ["/app.wasm"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
    });
    let types = ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar");
    manifest(repository, (types.0, &config), (types.1, &layer))
}

/// What is at a path of a layer.
#[derive(Clone, Copy)]
pub(crate) enum Member<'a> {
    File(&'a [u8]),
    /// The same file as at another path of the layer.
    HardLink(&'a str),
}

/// A layer, as a plain archive.
pub(crate) fn layer(members: &[(&str, Member<'_>)]) -> Vec<u8> {
    let mut archive: Vec<u8> = members.iter().flat_map(|(path, member)| tar_member(path, *member)).collect();
    archive.extend([0; 1024]);
    archive
}

fn manifest(repository: &Repository<'_>, config: (&str, &Value), layer: (&str, &[u8])) -> Result<Value> {
    let config_bytes = serde_json::to_vec(config.1)?;
    Ok(json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": repository.blob(config.0, &config_bytes)?,
        "layers": [repository.blob(layer.0, layer.1)?],
    }))
}

fn tar_member(path: &str, member: Member<'_>) -> Vec<u8> {
    let (kind, contents, target) = match member {
        Member::File(contents) => (b'0', contents, ""),
        Member::HardLink(target) => (b'1', &[][..], target),
    };
    let mut header = [0; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
    header[156] = kind;
    header[157..157 + target.len()].copy_from_slice(target.as_bytes());
    header[257..263].copy_from_slice(b"ustar\0");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut member = [&header, contents].concat();
    member.resize(member.len().next_multiple_of(512), 0);
    member
}

/// One repository, and who writes to it.
pub(crate) struct Repository<'a> {
    pub(crate) host: &'a str,
    pub(crate) name: &'a str,
    pub(crate) authorization: Option<String>,
}

// === impl Repository ===

impl Repository<'_> {
    /// Uploads a blob; its descriptor.
    pub(crate) fn blob(&self, kind: &str, bytes: &[u8]) -> Result<Value> {
        let begun = self.ask("POST", &format!("/v2/{}/blobs/uploads/", self.name), "", b"", 202)?;
        let place = begun.strip_prefix(&format!("http://{}", self.host)).unwrap_or(&begun);
        let separator = if place.contains('?') { '&' } else { '?' };
        let path = format!("{place}{separator}digest={}", digest(bytes));
        self.ask("PUT", &path, "application/octet-stream", bytes, 201).context("put a blob")?;
        Ok(json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()}))
    }

    /// Names a manifest; its bytes.
    pub(crate) fn name(&self, tag: &str, manifest: &Value) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(manifest)?;
        let path = format!("/v2/{}/manifests/{tag}", self.name);
        self.ask("PUT", &path, MANIFEST, &bytes, 201).context("put the manifest")?;
        Ok(bytes)
    }

    /// One request on a connection of its own; the answer's `Location`.
    fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8], wanted: u16) -> Result<String> {
        let mut stream = TcpStream::connect(self.host).with_context(|| format!("connect to {}", self.host))?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        head += &format!("Content-Length: {}\r\n", body.len());
        if !kind.is_empty() {
            head += &format!("Content-Type: {kind}\r\n");
        }
        if let Some(authorization) = &self.authorization {
            head += &format!("Authorization: {authorization}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        stream.write_all(body)?;
        let mut lines = BufReader::new(stream.take(ANSWER_BYTES_MAX)).lines();
        let first = lines.next().context("no answer")??;
        let status: u16 = first.split(' ').nth(1).and_then(|word| word.parse().ok()).context("no HTTP")?;
        let mut location = String::new();
        for line in lines.by_ref() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("location")
            {
                location = value.to_owned();
            }
        }
        if status != wanted {
            bail!("{method} {path}: {first}: {}", lines.next().transpose()?.unwrap_or_default());
        }
        ensure!(status == 201 || !location.is_empty(), "the registry does not say where to upload");
        Ok(location)
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
