//! The compile child: turns one module into machine code under resource limits, in a process of its own.
//!
//! # Errors
//! Exit code 2 says that the module is bad, with the reason on standard error; anything else that something failed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wasmtime::Engine;
use wit_component::ComponentEncoder;

use crate::artifact::EXIT_BAD_MODULE;
use crate::engine::{self, Class};
use crate::image;

/// Larger modules are refused before the compiler sees them.
const MODULE_BYTES_MAX: u64 = 64 << 20;
/// Address space, which bounds memory: compiling needs some hundred bytes per byte of code.
const ADDRESS_SPACE_BYTES_MAX: u64 = 4 << 30;
const CPU_SECONDS_MAX: u64 = 120;
const OUTPUT_BYTES_MAX: u64 = 512 << 20;
/// Compiling never competes with what already runs.
const NICENESS: i32 = 15;

/// The layer word of a component, where a core module has its version.
const COMPONENT_LAYER: &[u8] = &[0x0d, 0x00, 0x01, 0x00];

/// What the hidden subcommand runs in the child process: `compile_main(arguments after the subcommand)` is its exit code.
pub fn compile_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let result = Task::parse(args).and_then(|task| {
        confine()?;
        task.run()
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::BadModule(reason)) => report(&reason, EXIT_BAD_MODULE),
        Err(Failure::Failed(reason)) => report(&reason, 1),
    }
}

#[derive(Debug)]
enum Failure {
    BadModule(String),
    Failed(String),
}

/// The command line: module, its digest, class, output.
#[derive(Debug)]
struct Task {
    module: PathBuf,
    digest: String,
    class: Class,
    output: PathBuf,
}

impl Task {
    fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        let usage = || Failure::Failed("usage: MODULE DIGEST CLASS OUTPUT".to_owned());
        let args: Vec<OsString> = args.into_iter().collect();
        let [module, digest, class, output] = args.as_slice() else { return Err(usage()) };
        let class = class.to_str().and_then(Class::from_name).ok_or_else(usage)?;
        let digest = digest.to_str().ok_or_else(usage)?.to_owned();
        Ok(Self { module: module.into(), digest, class, output: output.into() })
    }

    fn run(&self) -> Result<(), Failure> {
        let size = fs::metadata(&self.module).map_err(failed("read the module"))?.len();
        if size > MODULE_BYTES_MAX {
            return Err(Failure::BadModule(format!("it has {size} bytes, more than {MODULE_BYTES_MAX}")));
        }
        let bytes = fs::read(&self.module).map_err(failed("read the module"))?;
        if image::digest(&bytes) != self.digest {
            return Err(Failure::Failed(format!("`{}` is damaged: its digest is another", self.module.display())));
        }
        let component = if is_component(&bytes) { bytes } else { wrap(&bytes)? };
        let engine = Engine::new(&engine::config(self.class)).map_err(failed("make an engine"))?;
        let code = engine.precompile_component(&component).map_err(bad_module)?;
        write(&self.output, &code).map_err(failed("write the artifact"))
    }
}

fn is_component(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(COMPONENT_LAYER)
}

/// A core module of WASI preview 1 becomes a component of WASI 0.2.
fn wrap(module: &[u8]) -> Result<Vec<u8>, Failure> {
    let encode = || {
        ComponentEncoder::default()
            .module(module)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)?
            .validate(true)
            .encode()
    };
    encode().map_err(bad_module)
}

/// Binds this process before it looks at a byte of the module.
fn confine() -> Result<(), Failure> {
    let limits = [
        (Resource::As, ADDRESS_SPACE_BYTES_MAX),
        (Resource::Cpu, CPU_SECONDS_MAX),
        (Resource::Fsize, OUTPUT_BYTES_MAX),
        (Resource::Core, 0),
    ];
    for (resource, max) in limits {
        let limit = Rlimit { current: Some(max), maximum: Some(max) };
        setrlimit(resource, limit).map_err(failed("set a resource limit"))?;
    }
    // Only a courtesy: a sandbox may forbid it.
    let _ = rustix::process::nice(NICENESS);
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn failed<E: std::fmt::Display>(operation: &'static str) -> impl FnOnce(E) -> Failure {
    move |err| Failure::Failed(format!("{operation}: {err}"))
}

fn bad_module(err: impl std::fmt::Debug) -> Failure {
    Failure::BadModule(format!("{err:?}"))
}

#[expect(clippy::print_stderr, reason = "standard error is how a child process answers its parent")]
fn report(reason: &str, code: u8) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::from(code)
}
