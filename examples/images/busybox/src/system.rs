//! What a program can ask about where it runs: environment, names, and what WebAssembly has none of.

use std::io::{self, Write};

use crate::applets;
use crate::call::{Call, Env, fail};
use crate::options::leading_options;

/// `true`.
///
/// # Errors
/// Never.
pub fn succeed(_: &mut Call) -> io::Result<u8> {
    Ok(0)
}

/// `false`.
///
/// # Errors
/// Never.
pub fn fail_quietly(_: &mut Call) -> io::Result<u8> {
    Ok(1)
}

/// `pwd`.
///
/// # Errors
/// The output breaks.
pub fn pwd(call: &mut Call) -> io::Result<u8> {
    writeln!(call.streams.out, "{}", std::env::current_dir()?.display())?;
    Ok(0)
}

/// `env`: prints the environment, or runs an applet in a changed one.
///
/// # Errors
/// An option is not known.
pub fn env(call: &mut Call) -> io::Result<u8> {
    let options = leading_options(call.args, "iu:")?;
    let mut env = if options.has('i') { Env::new() } else { call.env.clone() };
    for name in options.values('u') {
        env.remove(name);
    }
    let mut words = options.words.as_slice();
    while let Some((name, value)) = words.first().and_then(|word| word.split_once('=')) {
        env.insert(name.to_owned(), value.to_owned());
        words = &words[1..];
    }
    if let [name, args @ ..] = words {
        let name = applets::name_of(name);
        if applets::find(name).is_none() {
            call.complain(format_args!("can't execute '{name}': No such file or directory"));
            return Ok(applets::CODE_NOT_FOUND);
        }
        return Ok(applets::run(&mut Call { name, args, env: &env, streams: call.streams.clone() }));
    }
    for (name, value) in &env {
        writeln!(call.streams.out, "{name}={value}")?;
    }
    Ok(0)
}

/// `printenv`: 1 if a name is not set.
///
/// # Errors
/// The output breaks.
pub fn printenv(call: &mut Call) -> io::Result<u8> {
    if call.args.is_empty() {
        return env(call);
    }
    let mut code = 0;
    for name in call.args {
        match call.env.get(name) {
            Some(value) => writeln!(call.streams.out, "{value}")?,
            None => code = 1,
        }
    }
    Ok(code)
}

/// `hostname`: what the pod's files or else its environment say, since WASI has no such call.
///
/// # Errors
/// Neither says it, or it should be set.
pub fn hostname(call: &mut Call) -> io::Result<u8> {
    if call.args.iter().any(|word| !word.starts_with('-')) {
        return fail("a WebAssembly program cannot set its host's name");
    }
    let file = std::fs::read_to_string("/etc/hostname").ok();
    let file = file.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let Some(name) = file.or(call.env.get("HOSTNAME").map(String::as_str)) else {
        return fail("neither /etc/hostname nor $HOSTNAME says it");
    };
    writeln!(call.streams.out, "{name}")?;
    Ok(0)
}

/// `id`: there is nothing to print that would be true.
///
/// # Errors
/// Always.
pub fn id(_: &mut Call) -> io::Result<u8> {
    fail("a WebAssembly program has no uid and no gid: what it may do is what it was given")
}

/// `tty`: 1 if the input is no terminal.
///
/// # Errors
/// The output breaks.
pub fn tty(call: &mut Call) -> io::Result<u8> {
    let terminal = io::IsTerminal::is_terminal(&io::stdin());
    writeln!(call.streams.out, "{}", if terminal { "/dev/tty" } else { "not a tty" })?;
    Ok(u8::from(!terminal))
}

/// `uname`: an instance cannot know the machine below it.
///
/// # Errors
/// The output breaks.
pub fn uname(call: &mut Call) -> io::Result<u8> {
    let text = match call.args.first().map(String::as_str) {
        None | Some("-s") => "WASI",
        Some("-m" | "-p") => std::env::consts::ARCH,
        Some("-a") => "WASI 0.2 wasm32",
        Some(other) => return fail(format_args!("{other}: not known inside WebAssembly")),
    };
    writeln!(call.streams.out, "{text}")?;
    Ok(0)
}
