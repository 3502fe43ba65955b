//! Commands that change the shell itself. Every row is found before the applets.

use std::env;
use std::io::{self, Write};

use super::run::Flow;
use super::syntax::is_name;
use super::{Shell, Variable, parse, read_script};
use crate::applets;
use crate::call::{Streams, about, fail};
use crate::options::{number, options};

/// A builtin; it sets the shell's status.
pub type Builtin = fn(&mut Shell, &[String], &Streams) -> io::Result<Flow>;

const BUILTINS: &[(&str, Builtin)] = &[
    (".", source),
    (":", nothing),
    ("break", leave),
    ("cd", cd),
    ("command", command),
    ("continue", again),
    ("eval", eval),
    ("exec", exec),
    ("exit", exit),
    ("export", export),
    ("read", read),
    ("set", set),
    ("shift", shift),
    ("source", source),
    ("trap", trap),
    ("type", command_kind),
    ("umask", umask),
    ("unset", unset),
    ("wait", nothing),
];

/// The builtin of this name.
pub fn find(name: &str) -> Option<Builtin> {
    BUILTINS.iter().find(|(own, _)| *own == name).map(|(_, builtin)| *builtin)
}

fn done(shell: &mut Shell, code: u8) -> io::Result<Flow> {
    shell.status = code;
    Ok(Flow::On)
}

/// `:`, and `wait`, since nothing runs beside the shell.
fn nothing(shell: &mut Shell, _: &[String], _: &Streams) -> io::Result<Flow> {
    done(shell, 0)
}

fn cd(shell: &mut Shell, args: &[String], streams: &Streams) -> io::Result<Flow> {
    let to = match args {
        [] => shell.value("HOME").unwrap_or("/").to_owned(),
        [word] if word == "-" => match shell.value("OLDPWD") {
            Some(old) => old.to_owned(),
            None => return fail("cd: OLDPWD not set"),
        },
        [word] => word.clone(),
        _ => return fail("cd: too many arguments"),
    };
    let before = env::current_dir()?.to_string_lossy().into_owned();
    about(format_args!("cd: {to}"), enter(&to))?;
    let here = env::current_dir()?.to_string_lossy().into_owned();
    if args.first().is_some_and(|word| word == "-") {
        writeln!(streams.out.clone(), "{here}")?;
    }
    shell.assign("OLDPWD", before);
    shell.assign("PWD", here);
    done(shell, 0)
}

/// WASI's libc keeps the directory as text: it neither looks whether it is there nor resolves `..`.
fn enter(to: &str) -> io::Result<()> {
    if !std::fs::metadata(to)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let mut path = if to.starts_with('/') { std::path::PathBuf::from("/") } else { env::current_dir()? };
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    env::set_current_dir(path)
}

fn exit(shell: &mut Shell, args: &[String], _: &Streams) -> io::Result<Flow> {
    if let Some(code) = args.first() {
        // As a Unix parent sees it.
        shell.status = (about("exit", number::<i64>(code))? & 0xff) as u8;
    }
    Ok(Flow::Exit)
}

fn loops(args: &[String]) -> io::Result<usize> {
    args.first().map_or(Ok(1), |word| number(word))
}

fn leave(shell: &mut Shell, args: &[String], _: &Streams) -> io::Result<Flow> {
    shell.status = 0;
    Ok(Flow::Break(loops(args)?))
}

fn again(shell: &mut Shell, args: &[String], _: &Streams) -> io::Result<Flow> {
    shell.status = 0;
    Ok(Flow::Continue(loops(args)?))
}

fn export(shell: &mut Shell, args: &[String], streams: &Streams) -> io::Result<Flow> {
    let words: Vec<&String> = args.iter().filter(|word| *word != "-p").collect();
    if words.is_empty() {
        for (name, variable) in shell.variables.iter().filter(|(_, variable)| variable.exported) {
            writeln!(streams.out.clone(), "export {name}='{}'", variable.value)?;
        }
    }
    for word in words {
        let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        if !is_name(name) {
            return fail(format_args!("export: {name}: bad variable name"));
        }
        let value = value.or(shell.value(name)).unwrap_or_default().to_owned();
        shell.variables.insert(name.to_owned(), Variable { value, exported: true });
    }
    done(shell, 0)
}

fn unset(shell: &mut Shell, args: &[String], _: &Streams) -> io::Result<Flow> {
    for name in args.iter().filter(|word| *word != "-v") {
        shell.variables.remove(name);
    }
    done(shell, 0)
}

fn set(shell: &mut Shell, args: &[String], streams: &Streams) -> io::Result<Flow> {
    if args.is_empty() {
        for (name, variable) in &shell.variables {
            writeln!(streams.out.clone(), "{name}='{}'", variable.value)?;
        }
    }
    let mut args = args;
    while let Some((word, rest)) = args.split_first() {
        if word == "--" || !word.starts_with(['-', '+']) {
            shell.args = if word == "--" { rest } else { args }.to_vec();
            break;
        }
        shell.set(word)?;
        args = rest;
    }
    done(shell, 0)
}

impl Shell {
    /// Sets options by their letters behind a `-`, or takes them back behind a `+`.
    pub fn set(&mut self, word: &str) -> io::Result<()> {
        let on = word.starts_with('-');
        for letter in word.chars().skip(1) {
            match letter {
                'e' => self.exits_on_error = on,
                'x' => self.traces = on,
                other => return fail(format_args!("set: {other}: not an option of this shell, which has e and x")),
            }
        }
        Ok(())
    }
}

fn shift(shell: &mut Shell, args: &[String], _: &Streams) -> io::Result<Flow> {
    let count = loops(args)?;
    if count > shell.args.len() {
        return fail("shift: can't shift that many");
    }
    shell.args.drain(..count);
    done(shell, 0)
}

/// `read`: a line into variables, the rest of it into the last.
fn read(shell: &mut Shell, args: &[String], streams: &Streams) -> io::Result<Flow> {
    let options = about("read", options(args, "r"))?;
    let Some(line) = streams.input.line()? else { return done(shell, 1) };
    let text = String::from_utf8_lossy(&line).into_owned();
    let whole = text.strip_suffix('\n');
    let mut rest = whole.unwrap_or(&text).trim_matches([' ', '\t']);
    let names = if options.words.is_empty() { &["REPLY".to_owned()][..] } else { &options.words };
    for (at, name) in names.iter().enumerate() {
        if at + 1 == names.len() {
            shell.assign(name, rest.to_owned());
            break;
        }
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        shell.assign(name, rest[..end].to_owned());
        rest = rest[end..].trim_start_matches([' ', '\t']);
    }
    done(shell, u8::from(whole.is_none()))
}

fn eval(shell: &mut Shell, args: &[String], streams: &Streams) -> io::Result<Flow> {
    nested(shell, &args.join(" "), streams)
}

fn source(shell: &mut Shell, args: &[String], streams: &Streams) -> io::Result<Flow> {
    let [file, ..] = args else { return fail(".: filename argument required") };
    let text = read_script(file, streams)?;
    nested(shell, &text, streams)
}

fn nested(shell: &mut Shell, text: &str, streams: &Streams) -> io::Result<Flow> {
    match parse::parse(text) {
        Ok(list) => {
            shell.status = 0;
            Ok(shell.list(&list, streams))
        }
        Err(fault) => fail(fault),
    }
}

/// `exec`: the shell is not replaced, it ends with the command.
fn exec(shell: &mut Shell, args: &[String], streams: &Streams) -> io::Result<Flow> {
    let [name, args @ ..] = args else { return fail("exec: without a command it is not in this shell") };
    let env = shell.exported();
    shell.status = shell.program(name, args, &env, streams);
    Ok(Flow::Exit)
}

fn command(shell: &mut Shell, args: &[String], streams: &Streams) -> io::Result<Flow> {
    match args {
        [option, name] if option == "-v" => {
            let known = find(name).is_some() || applets::find(applets::name_of(name)).is_some();
            if known {
                writeln!(streams.out.clone(), "{name}")?;
            }
            done(shell, if known { 0 } else { applets::CODE_NOT_FOUND })
        }
        [name, rest @ ..] => match find(name) {
            Some(builtin) => builtin(shell, rest, streams),
            None => {
                let env = shell.exported();
                let code = shell.program(name, rest, &env, streams);
                done(shell, code)
            }
        },
        [] => done(shell, 0),
    }
}

fn command_kind(shell: &mut Shell, args: &[String], streams: &Streams) -> io::Result<Flow> {
    let mut code = 0;
    for name in args {
        let kind = match () {
            () if find(name).is_some() => "a shell builtin",
            () if applets::find(applets::name_of(name)).is_some() => "an applet of this component",
            () => {
                code = 1;
                "not found"
            }
        };
        writeln!(streams.out.clone(), "{name}: {kind}")?;
    }
    done(shell, code)
}

fn trap(_: &mut Shell, _: &[String], _: &Streams) -> io::Result<Flow> {
    fail("trap: there are no signals in WebAssembly")
}

fn umask(_: &mut Shell, _: &[String], _: &Streams) -> io::Result<Flow> {
    fail("umask: a WebAssembly program knows no modes")
}
