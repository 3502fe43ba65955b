//! `sh`: a small shell in one instance.
//!
//! # Flow
//! Text → [`lex`] tokens → [`parse`] [`syntax`] → [`run`], which expands words ([`expand`]) and calls builtins and
//! applets as functions, for an instance can neither fork nor execute. Hence a pipe is a buffer: the left side runs to
//! its end before the right side begins. There is no background, and what is not there is refused by name.

mod arithmetic;
mod builtin;
mod control;
mod expand;
mod lex;
mod parameter;
mod parse;
mod pipe;
mod redirect;
mod run;
mod syntax;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read};

use crate::call::{Call, Env, Streams, fail};
use crate::files::open;
use parse::Fault;
use run::Flow;

/// As shells do for a script that cannot be read.
const CODE_SYNTAX: u8 = 2;
/// A script is read whole, and a command may span lines up to this.
const SCRIPT_BYTES_MAX: u64 = 1 << 20;

/// What a shell knows between commands. A subshell is a copy.
#[derive(Clone)]
struct Shell {
    name: String,
    args: Vec<String>,
    variables: BTreeMap<String, Variable>,
    status: u8,
    /// `set -e`.
    exits_on_error: bool,
    /// `set -x`.
    traces: bool,
    /// How many conditions surround what runs; in one an error ends nothing.
    conditions: u32,
}

#[derive(Clone)]
struct Variable {
    value: String,
    exported: bool,
}

/// `sh`.
///
/// # Errors
/// An option is not known, or the script cannot be read.
pub fn sh(call: &mut Call) -> io::Result<u8> {
    let mut shell = Shell::new(call.name, call.env);
    let mut args = call.args;
    let mut script = None;
    while let Some((word, rest)) = args.split_first().filter(|(word, _)| word.len() > 1 && word.starts_with(['-', '+']))
    {
        args = rest;
        if word == "--" {
            break;
        }
        let letters = word.replacen('c', "", 1);
        if letters.len() < word.len() {
            script = Some(());
        }
        shell.set(&letters.replace(['i', 'l', 's'], ""))?;
    }
    match (script, args) {
        (Some(()), []) => fail("-c requires an argument"),
        (Some(()), [text, rest @ ..]) => {
            if let [name, rest @ ..] = rest {
                shell.name.clone_from(name);
                shell.args = rest.to_vec();
            }
            Ok(shell.script(text, &call.streams))
        }
        (None, [file, rest @ ..]) => {
            shell.name.clone_from(file);
            shell.args = rest.to_vec();
            let text = read_script(file, &call.streams)?;
            Ok(shell.script(&text, &call.streams))
        }
        (None, []) => shell.input(&call.streams),
    }
}

fn read_script(file: &str, streams: &Streams) -> io::Result<String> {
    let mut text = String::new();
    open::read(file, streams)?.take(SCRIPT_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SCRIPT_BYTES_MAX { fail(format_args!("{file}: too long")) } else { Ok(text) }
}

// === impl Shell ===

impl Shell {
    fn new(name: &str, env: &Env) -> Shell {
        let variable = |value: &String| Variable { value: value.clone(), exported: true };
        Shell {
            name: name.to_owned(),
            args: Vec::new(),
            variables: env.iter().map(|(name, value)| (name.clone(), variable(value))).collect(),
            status: 0,
            exits_on_error: false,
            traces: false,
            conditions: 0,
        }
    }

    /// Runs a whole script; its exit code.
    fn script(&mut self, text: &str, streams: &Streams) -> u8 {
        match parse::parse(text) {
            Ok(list) => {
                self.list(&list, streams);
                self.status
            }
            Err(fault) => self.refuse(&fault, streams),
        }
    }

    /// Runs the input command by command, each as soon as it is whole, so that somebody may be at the other end. There
    /// is no prompt.
    fn input(&mut self, streams: &Streams) -> io::Result<u8> {
        let mut text = String::new();
        let lenient = io::stdin().is_terminal();
        while let Some(line) = streams.input.line()? {
            text += &String::from_utf8_lossy(&line);
            if text.len() as u64 > SCRIPT_BYTES_MAX {
                return fail("a command is too long");
            }
            match parse::parse(&text) {
                Ok(list) => {
                    text.clear();
                    if self.list(&list, streams) == Flow::Exit {
                        return Ok(self.status);
                    }
                }
                Err(Fault::Incomplete) => {}
                Err(fault) => {
                    text.clear();
                    self.status = self.refuse(&fault, streams);
                    if !lenient {
                        return Ok(self.status);
                    }
                }
            }
        }
        if text.is_empty() { Ok(self.status) } else { Ok(self.refuse(&Fault::Incomplete, streams)) }
    }

    fn refuse(&self, fault: &Fault, streams: &Streams) -> u8 {
        self.complain(fault, streams);
        CODE_SYNTAX
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.as_str())
    }

    fn assign(&mut self, name: &str, value: String) {
        let exported = self.variables.get(name).is_some_and(|variable| variable.exported);
        self.variables.insert(name.to_owned(), Variable { value, exported });
    }
}
