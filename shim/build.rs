//! Makes the types of CRI, its server and its client from `proto/cri.proto`, in Rust alone: no protoc is needed.

use std::error::Error;

const PROTO: &str = "proto/cri.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let files = protox::compile([PROTO], ["proto"])?;
    tonic_prost_build::configure()
        // It has secrets, and requests are logged: `message` says what is shown.
        .skip_debug([".runtime.v1.AuthConfig", ".runtime.v1.KeyValue"])
        // Rarely there, but kept with every sandbox or mount: absent it shall cost a pointer.
        .boxed(".runtime.v1.PodSandboxConfig.linux")
        .boxed(".runtime.v1.PodSandboxConfig.windows")
        .boxed(".runtime.v1.ContainerConfig.windows")
        .boxed(".runtime.v1.Mount.image")
        .client_mod_attribute(".", "#[cfg(feature = \"client\")]")
        .compile_fds(files)?;
    Ok(())
}
