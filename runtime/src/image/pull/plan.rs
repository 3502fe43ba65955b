//! Decides from a manifest and a config what an image is, what of it is fetched, and what is refused before that.

use std::collections::BTreeMap;

use super::error::PullError;
use super::oci::{Config, Descriptor, Document, Execution, LAYERS_MAX, SPIN_CONFIG, WASM_CONFIG};
use super::world::World;
use crate::image::import::FILE_BYTES_MAX;
use crate::image::layer::UNPACKED_BYTES_MAX;
use crate::image::manifest::{Entry, Manifest};

/// What layers of one module are called, by who made them.
const WASM_LAYERS: &[&str] = &[
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
];
const ARCHIVE_LAYERS: &[&str] = &[
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
];
const WASM_ARCHITECTURES: &[&str] = &["wasm", "wasm32"];
/// Systems of Wasm artifacts that we run.
const WASM_SYSTEMS: &[&str] = &["wasi", "wasip1", "wasip2", ""];
/// Annotations by which crun and youki know that an image for Linux has a module to run.
const HINTS: &[(&str, &str)] = &[("run.oci.handler", "wasm"), ("module.wasm.image/variant", "compat")];
const WHAT_RUNS: &str = "Coracle runs WebAssembly: a Wasm artifact, or an image whose entrypoint is a .wasm file";

/// What to do with an image.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) layers: Vec<Layer>,
    /// `os/architecture`, for messages.
    platform: String,
    execution: Execution,
    /// Where a module that is a layer of its own appears.
    module_path: String,
    /// Whether the config says which contents it is for, so that its digest can stand for all of the image.
    pub(crate) bound_by_config: bool,
    /// Whether the names of imports must be read once the module is here.
    pub(crate) check_world: bool,
}

/// One layer of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) descriptor: Descriptor,
    pub(crate) form: Form,
    /// The digest of what is packed in it, if the config says.
    pub(crate) diff_id: Option<String>,
}

/// How a layer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Wasm,
    Archive,
}

/// Decides what `manifest` with `config` is; `name` is what its module is called if the image does not say.
pub(crate) fn plan(name: &str, manifest: &Document, config: Config) -> Result<Plan, PullError> {
    let kind = manifest.config.as_ref().map(|it| it.media_type.as_str()).unwrap_or_default();
    let platform = match (config.os.as_str(), config.architecture.as_str()) {
        ("", "") => "no platform".to_owned(),
        (os, architecture) => format!("{os}/{architecture}"),
    };
    let execution = config.config.clone().unwrap_or_default();
    let module_path = module_path(name, &execution);
    let layers = layers(manifest, &config)?;
    let spin = is_spin(manifest);
    let plan = Plan {
        bound_by_config: layers.iter().all(|layer| layer.is_bound(&config)),
        check_world: spin || kind == WASM_CONFIG,
        layers,
        platform,
        execution,
        module_path,
    };
    let modules = plan.layers.iter().filter(|layer| layer.form == Form::Wasm).count();
    if modules > 1 {
        let what = if spin { "is a Spin application of several components" } else { "has several modules as layers" };
        return Err(refused(format!("it {what}, which need their own host; {WHAT_RUNS}")));
    }
    if kind == WASM_CONFIG {
        check_artifact(&config, &plan)?;
    }
    if modules == 0 && !WASM_ARCHITECTURES.contains(&&*config.architecture) && !hints(manifest, &plan.execution) {
        return Err(plan.not_wasm());
    }
    check_sizes(&plan.layers)?;
    Ok(plan)
}

// === impl Plan ===

impl Plan {
    /// The module that is a layer of its own, in the image's view of its files.
    pub(crate) fn module_path(&self) -> &str {
        &self.module_path
    }

    /// What the image is once its files are known.
    pub(crate) fn finish(self, files: BTreeMap<String, Entry>) -> Result<Manifest, PullError> {
        if !files.values().any(|entry| entry.wasm) {
            return Err(self.not_wasm());
        }
        let module_is_layer = self.layers.iter().any(|layer| layer.form == Form::Wasm);
        let mut entrypoint = self.execution.entrypoint.clone().unwrap_or_default();
        let mut cmd = self.execution.cmd.clone().unwrap_or_default();
        if entrypoint.is_empty() && !cmd.is_empty() && !module_is_layer {
            entrypoint.push(cmd.remove(0));
        }
        if module_is_layer {
            entrypoint.splice(..entrypoint.len().min(1), [self.module_path.clone()]);
        } else if let Some(program) = entrypoint.first_mut() {
            *program = self.program(program, &files)?;
        }
        let env = self.execution.env.iter().flatten().filter_map(|line| line.split_once('='));
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Manifest { files, entrypoint, cmd, env, user: self.execution.user, pulled: true })
    }

    /// The path of the program that the entrypoint's first word means.
    fn program(&self, word: &str, files: &BTreeMap<String, Entry>) -> Result<String, PullError> {
        let (word, export) = word.split_once('#').unwrap_or((word, "_start"));
        if !matches!(export, "" | "_start") {
            return Err(refused(format!("its entrypoint is the export `{export}`; Coracle starts `_start`")));
        }
        let dir = self.execution.working_dir.as_str();
        let places = if word.starts_with('/') { vec![""] } else { vec!["", dir, "/bin", "/usr/bin", "/usr/local/bin"] };
        let found = places.into_iter().map(|dir| absolute(dir, word)).find_map(|path| Some((files.get(&path)?, path)));
        match found {
            Some((entry, path)) if entry.wasm => Ok(path),
            Some(_) if word.ends_with(".cwasm") => {
                Err(refused(format!("`{word}` is native code, which is never run from an image; {WHAT_RUNS}")))
            }
            Some(_) => {
                Err(refused(format!("its program `{word}` is not WebAssembly ({}); {WHAT_RUNS}", self.platform)))
            }
            None => Err(refused(format!("its program `{word}` is not in it"))),
        }
    }

    fn not_wasm(&self) -> PullError {
        refused(format!("it is an image for {} and holds no WebAssembly to run; {WHAT_RUNS}", self.platform))
    }
}

// === impl Layer ===

impl Layer {
    /// Whether the config pins down what is in this layer.
    fn is_bound(&self, config: &Config) -> bool {
        match (self.form, &self.diff_id) {
            // The archive's digest is checked when it is unpacked.
            (Form::Archive, diff_id) => diff_id.is_some(),
            (Form::Wasm, Some(diff_id)) => *diff_id == self.descriptor.digest,
            (Form::Wasm, None) => {
                config.layer_digests.as_ref().is_some_and(|digests| digests.contains(&self.descriptor.digest))
            }
        }
    }
}

fn layers(manifest: &Document, config: &Config) -> Result<Vec<Layer>, PullError> {
    if manifest.layers.len() > LAYERS_MAX {
        return Err(refused(format!("it has more than {LAYERS_MAX} layers")));
    }
    let diff_ids = config.rootfs.as_ref().map(|it| it.diff_ids.as_slice()).unwrap_or_default();
    let mut layers = Vec::new();
    for (at, descriptor) in manifest.layers.iter().enumerate() {
        let Some(form) = form(descriptor, manifest)? else { continue };
        descriptor.check()?;
        layers.push(Layer { descriptor: descriptor.clone(), form, diff_id: diff_ids.get(at).cloned() });
    }
    if layers.iter().any(|layer: &Layer| layer.form == Form::Archive && layer.diff_id.is_none()) {
        return Err(refused("its config does not list its layers".to_owned()));
    }
    Ok(layers)
}

fn check_sizes(layers: &[Layer]) -> Result<(), PullError> {
    let sizes = layers.iter().map(|layer| layer.descriptor.size);
    let (biggest, sum) = sizes.fold((0, 0_u64), |(biggest, sum), size| (size.max(biggest), sum.saturating_add(size)));
    if biggest > FILE_BYTES_MAX {
        return Err(refused(format!("a layer of it has {biggest} bytes, more than {FILE_BYTES_MAX}")));
    }
    if sum > UNPACKED_BYTES_MAX {
        return Err(refused(format!("its layers have {sum} bytes, more than {UNPACKED_BYTES_MAX}")));
    }
    Ok(())
}

/// How a layer is read; `None` if it is none of the image's contents.
fn form(layer: &Descriptor, manifest: &Document) -> Result<Option<Form>, PullError> {
    let kind = layer.media_type.as_str();
    if WASM_LAYERS.contains(&kind) {
        return Ok(Some(Form::Wasm));
    }
    if ARCHIVE_LAYERS.contains(&kind) {
        return Ok(Some(Form::Archive));
    }
    if kind == SPIN_CONFIG {
        return Ok(None);
    }
    if is_spin(manifest) {
        return Err(refused(format!(
            "it is a Spin application with files of its own, which needs Spin's host; {WHAT_RUNS}"
        )));
    }
    let kind: String = kind.chars().filter(|c| c.is_ascii_graphic()).take(100).collect();
    Err(refused(format!("it has a layer of the type `{kind}`; {WHAT_RUNS}")))
}

fn is_spin(manifest: &Document) -> bool {
    manifest.config.iter().chain(&manifest.layers).any(|it| it.media_type == SPIN_CONFIG)
}

/// What a Wasm artifact's config must say.
fn check_artifact(config: &Config, plan: &Plan) -> Result<(), PullError> {
    let [layer] = &plan.layers[..] else {
        return Err(refused(format!("it is a Wasm artifact of {} layers instead of one", plan.layers.len())));
    };
    if !WASM_SYSTEMS.contains(&&*config.os) {
        return Err(refused(format!("it is for {}, and Coracle runs wasip1 and wasip2", plan.platform)));
    }
    if config.layer_digests.is_some() && !layer.is_bound(config) {
        return Err(refused("its config is for another layer".to_owned()));
    }
    let Some(component) = &config.component else { return Ok(()) };
    World { imports: component.imports.clone(), exports: component.exports.clone() }.check()
}

/// Whether an image that says it is for another machine says too that its program is WebAssembly.
fn hints(manifest: &Document, execution: &Execution) -> bool {
    let annotated = |(name, start): &(&str, &str)| {
        manifest.annotations.as_ref().and_then(|it| it.get(*name)).is_some_and(|value| value.starts_with(start))
    };
    let words = execution.entrypoint.iter().flatten().chain(execution.cmd.iter().flatten());
    let program = words.clone().next().map(|word| word.split('#').next().unwrap_or(word));
    HINTS.iter().any(annotated) || program.is_some_and(|word| word.ends_with(".wasm"))
}

fn module_path(name: &str, execution: &Execution) -> String {
    let word = execution.entrypoint.iter().flatten().next().map(|word| word.split('#').next().unwrap_or(word));
    match word {
        Some(word) if word.ends_with(".wasm") && !word.split('/').any(|part| part == "..") => absolute("", word),
        Some(_) | None => format!("/{name}.wasm"),
    }
}

/// `word` in `dir`, in the form of the keys of `Manifest::files`.
fn absolute(dir: &str, word: &str) -> String {
    let parts = dir.split('/').chain(word.split('/')).filter(|part| !matches!(*part, "" | "."));
    parts.map(|part| format!("/{part}")).collect()
}

fn refused(reason: String) -> PullError {
    PullError::Refused(reason)
}

#[cfg(test)]
mod tests;
