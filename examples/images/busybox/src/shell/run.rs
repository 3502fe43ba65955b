//! Runs commands: streams are led, words expanded, and builtins or applets called.

use std::env;
use std::fmt::Display;
use std::io::{self, Read, Write};

use super::syntax::{Chain, Command, List, Pipeline, When, Word};
use super::{Shell, builtin, pipe::pipe};
use crate::applets::{self, CODE_NOT_FOUND};
use crate::call::{Call, Env, Streams, reason};
use crate::files::open;

/// As a shell reports a file that is no program.
const CODE_NOT_EXECUTABLE: u8 = 126;
/// As a shell that dies of SIGPIPE.
const CODE_PIPE_BROKE: u8 = 141;
/// How much of a file is looked at to see what it is.
const MARK_BYTES: u64 = 64;
const WASM_MARK: &[u8] = b"\0asm";
/// Where commands are expected to be. A bare name is looked for in none other.
const PROGRAM_FOLDERS: &[&str] = &["", "/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"];

/// What comes after a command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flow {
    /// The next one.
    On,
    /// What is behind this many loops.
    Break(usize),
    /// The next turn of this many loops out.
    Continue(usize),
    /// Nothing.
    Exit,
}

impl Shell {
    /// Runs commands in order.
    pub fn list(&mut self, list: &List, streams: &Streams) -> Flow {
        for chain in list {
            let flow = self.chain(chain, streams);
            if flow != Flow::On {
                return flow;
            }
        }
        Flow::On
    }

    fn chain(&mut self, Chain(pipelines): &Chain, streams: &Streams) -> Flow {
        for (at, (when, pipeline)) in pipelines.iter().enumerate() {
            let runs = match when {
                When::Always => true,
                When::Succeeded => self.status == 0,
                When::Failed => self.status != 0,
            };
            if !runs {
                continue;
            }
            // What `&&`, `||` or `!` looks at is a condition.
            let condition = u32::from(at + 1 < pipelines.len() || pipeline.negated);
            self.conditions += condition;
            let flow = self.pipeline(pipeline, streams);
            self.conditions -= condition;
            if flow != Flow::On {
                return flow;
            }
            if self.exits_on_error && self.status != 0 && condition == 0 && self.conditions == 0 {
                return Flow::Exit;
            }
        }
        Flow::On
    }

    fn pipeline(&mut self, pipeline: &Pipeline, streams: &Streams) -> Flow {
        let flow = match pipeline.commands.as_slice() {
            [command] => self.command(command, streams),
            commands => {
                self.status = self.piped(commands, streams);
                Flow::On
            }
        };
        if pipeline.negated {
            self.status = u8::from(self.status == 0);
        }
        flow
    }

    /// Runs each command to its end before the next; each is a subshell. The last one's code.
    fn piped(&self, commands: &[Command], streams: &Streams) -> u8 {
        let mut input = streams.input.clone();
        let mut code = 0;
        for (at, command) in commands.iter().enumerate() {
            let (out, reader) = if at + 1 < commands.len() { pipe() } else { (streams.out.clone(), input.clone()) };
            let own = Streams { input: input.clone(), out, err: streams.err.clone() };
            code = self.apart(|shell| shell.command(command, &own));
            input = reader;
        }
        code
    }

    /// Runs commands in a copy of this shell; their code.
    pub fn subshell(&self, list: &List, streams: &Streams) -> u8 {
        self.apart(|shell| shell.list(list, streams))
    }

    fn apart(&self, run: impl FnOnce(&mut Shell) -> Flow) -> u8 {
        let mut copy = self.clone();
        let here = env::current_dir();
        run(&mut copy);
        // The directory is the instance's, so it is put back by hand.
        if let Ok(here) = here {
            let _ = env::set_current_dir(here);
        }
        copy.status
    }

    fn command(&mut self, command: &Command, streams: &Streams) -> Flow {
        let redirects = match command {
            Command::Simple { redirects, .. } | Command::Compound { redirects, .. } => redirects,
        };
        let streams = match self.redirected(redirects, streams) {
            Ok(streams) => streams,
            Err(err) => return self.failed(&err, streams),
        };
        let flow = match command {
            Command::Compound { body, .. } => self.compound(body, &streams),
            Command::Simple { assignments, words, .. } => self.simple(assignments, words, &streams),
        };
        flow.unwrap_or_else(|err| self.failed(&err, &streams))
    }

    fn simple(&mut self, assignments: &[(String, Word)], words: &[Word], streams: &Streams) -> io::Result<Flow> {
        self.status = if words.is_empty() { 0 } else { self.status };
        let words = self.fields(words, streams)?;
        let mut values = Vec::new();
        for (name, word) in assignments {
            values.push((name.clone(), self.text(word, streams)?));
        }
        if self.traces {
            let mut err = streams.err.clone();
            let assigned = values.iter().map(|(name, value)| format!("{name}={value}"));
            writeln!(err, "+ {}", assigned.chain(words.iter().cloned()).collect::<Vec<_>>().join(" "))?;
        }
        let Some((name, args)) = words.split_first() else {
            for (name, value) in values {
                self.assign(&name, value);
            }
            return Ok(Flow::On);
        };
        if let Some(builtin) = builtin::find(name) {
            let before: Vec<_> =
                values.iter().map(|(name, _)| (name.clone(), self.variables.get(name).cloned())).collect();
            for (name, value) in values {
                self.assign(&name, value);
            }
            let flow = builtin(self, args, streams)?;
            for (name, variable) in before {
                match variable {
                    Some(variable) => self.variables.insert(name, variable),
                    None => self.variables.remove(&name),
                };
            }
            return Ok(flow);
        }
        let mut env = self.exported();
        env.extend(values);
        self.status = self.program(name, args, &env, streams);
        // A shell that writes to nobody is ended by that, or it would go on for ever.
        Ok(if self.status == CODE_PIPE_BROKE { Flow::Exit } else { Flow::On })
    }

    /// What commands inherit.
    pub fn exported(&self) -> Env {
        let exported = self.variables.iter().filter(|(_, variable)| variable.exported);
        exported.map(|(name, variable)| (name.clone(), variable.value.clone())).collect()
    }

    /// Runs an applet by its name, or what is at a path; its code.
    pub fn program(&mut self, path: &str, args: &[String], env: &Env, streams: &Streams) -> u8 {
        let name = applets::name_of(path);
        let known = applets::find(name).is_some();
        let is_named = PROGRAM_FOLDERS.contains(&path.strip_suffix(".wasm").unwrap_or(path).trim_end_matches(name));
        let kind = match kind_of(path, streams) {
            // A bare name, or a host that does not show modules among an image's files.
            Kind::Absent if is_named && known => Kind::Module,
            kind => kind,
        };
        match kind {
            Kind::Module if known => applets::run(&mut Call { name, args, env, streams: streams.clone() }),
            Kind::Script => {
                let words = [&[path.to_owned()], args].concat();
                applets::run(&mut Call { name: "sh", args: &words, env, streams: streams.clone() })
            }
            Kind::Module => {
                self.complain(format_args!("{path}: an instance cannot run another module"), streams);
                CODE_NOT_EXECUTABLE
            }
            Kind::Other => {
                self.complain(format_args!("{path}: neither an applet nor a shell's script"), streams);
                CODE_NOT_EXECUTABLE
            }
            Kind::Absent => {
                self.complain(format_args!("{path}: not found"), streams);
                CODE_NOT_FOUND
            }
        }
    }

    fn failed(&mut self, err: &io::Error, streams: &Streams) -> Flow {
        if err.kind() == io::ErrorKind::BrokenPipe {
            self.status = CODE_PIPE_BROKE;
            return Flow::Exit;
        }
        self.complain(reason(err), streams);
        self.status = 1;
        Flow::On
    }

    /// Says what is wrong, after the shell's name.
    pub fn complain(&self, what: impl Display, streams: &Streams) {
        let mut err = streams.err.clone();
        // Nobody is left to be told when this cannot be written.
        let _ = writeln!(err, "{}: {what}", self.name);
    }
}

/// What is at a path.
enum Kind {
    /// WebAssembly: this very component, if the name is an applet's.
    Module,
    Script,
    Other,
    Absent,
}

fn kind_of(path: &str, streams: &Streams) -> Kind {
    if !path.contains('/') {
        return Kind::Absent;
    }
    let mut mark = Vec::new();
    let read = open::read(path, streams).and_then(|file| file.take(MARK_BYTES).read_to_end(&mut mark));
    let first = mark.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    match read {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Kind::Absent,
        Ok(_) if mark.starts_with(WASM_MARK) => Kind::Module,
        Ok(_) if first.starts_with(b"#!") && first.ends_with(b"sh") => Kind::Script,
        Ok(_) | Err(_) => Kind::Other,
    }
}
