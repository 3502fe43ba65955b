//! The compile child: reads a module, writes machine code, dies.

fn main() -> std::process::ExitCode {
    runtime::compile_main(std::env::args_os().skip(1))
}
