//! The table of applets, and how a name becomes a call of one.

use std::io::{self, Write};

use crate::call::{Applet, Call, fail};
use crate::{clock, condition, dd, files, grep, net, process, shell, sums, system, tar, text};

/// As a shell reports a command that is not there.
pub const CODE_NOT_FOUND: u8 = 127;
/// As a shell reports SIGPIPE: nobody reads what the applet writes.
const CODE_PIPE_BROKE: u8 = 141;

/// One applet.
struct Row {
    name: &'static str,
    run: Applet,
    help: &'static str,
}

const fn row(name: &'static str, run: Applet, help: &'static str) -> Row {
    Row { name, run, help }
}

/// In the order in which they are listed.
const APPLETS: &[Row] = &[
    row("[", condition::bracket, "EXPRESSION ]: like test"),
    row("basename", text::names::basename, "PATH [SUFFIX]: a path's last part"),
    row("busybox", busybox, "[--list | --help | APPLET [ARGUMENTS]]: run an applet by name"),
    row("cat", text::cat, "[FILE]...: print files, or the input"),
    row("cp", files::change::cp, "[-rRpaf] FROM... TO: copy files and directories"),
    row("date", clock::date, "[-u] [-d @SECONDS] [+FORMAT]: print the time, in UTC"),
    row("dd", dd::dd, "[if=] [of=] [bs=] [count=] [skip=] [seek=] [conv=notrunc]: copy blocks"),
    row("dirname", text::names::dirname, "PATH: a path without its last part"),
    row("du", files::stat::du, "[-shk] [PATH]...: sizes of what is below, in KiB"),
    row("echo", text::echo, "[-neE] [WORD]...: print words"),
    row("env", system::env, "[-i] [-u NAME] [NAME=VALUE]... [COMMAND]: print or change the environment"),
    row("false", system::fail_quietly, "end with 1"),
    row("grep", grep::grep, "[-ivnclqhFEswx] [-e PATTERN] [FILE]...: print lines that match"),
    row("head", text::parts::head, "[-n LINES] [-c BYTES] [FILE]...: the beginning"),
    row("hostname", system::hostname, "print the pod's host name"),
    row("httpd", net::httpd::httpd, "-f [-p [ADDRESS:]PORT] [-h DIRECTORY]: serve files over HTTP"),
    row("id", system::id, "says that a WebAssembly program has no uid"),
    row("ls", files::ls::ls, "[-aAl1dRhF] [PATH]...: list directories"),
    row("md5sum", sums::md5sum, "[FILE]...: MD5 sums"),
    row("mkdir", files::change::mkdir, "[-p] DIRECTORY...: make directories"),
    row("mv", files::change::mv, "[-f] FROM... TO: rename"),
    row("nc", net::nc::nc, "HOST PORT | -l -p PORT: connect input and output with a peer"),
    row("nslookup", net::nslookup::nslookup, "NAME: a name's addresses"),
    row("pgrep", process::pgrep, "[-flx] PATTERN: this instance, if its name matches; it sees no other"),
    row("printenv", system::printenv, "[NAME]...: print environment variables"),
    row("printf", text::printf::printf, "FORMAT [WORD]...: print words in a form"),
    row("ps", process::ps, "this instance; it sees no other"),
    row("pwd", system::pwd, "print the working directory"),
    row("rm", files::change::rm, "[-rRf] PATH...: remove"),
    row("rmdir", files::change::rmdir, "DIRECTORY...: remove empty directories"),
    row("seq", text::numbers::seq, "[FIRST [STEP]] LAST: count"),
    row("sh", shell::sh, "[-ex] [-c SCRIPT | FILE] [ARGUMENTS]: a small shell"),
    row("sha256sum", sums::sha256sum, "[FILE]...: SHA-256 sums"),
    row("sleep", clock::sleep, "NUMBER[smhd]...: wait"),
    row("sort", text::lines::sort, "[-rnu] [FILE]...: sort lines"),
    row("stat", files::stat::stat, "[-c FORMAT] PATH...: what is known of a file"),
    row("tail", text::parts::tail, "[-f] [-n [+]LINES] [-c BYTES] [FILE]...: the end"),
    row("tar", tar::tar, "c|x|t [-f FILE] [-C DIRECTORY] [-mvz] [PATH]...: archives"),
    row("tee", text::lines::tee, "[-a] [FILE]...: copy the input to files and the output"),
    row("test", condition::test, "EXPRESSION: 0 if it is true"),
    row("top", process::top, "[-b] [-d SECONDS] [-n TIMES]: this instance, again and again"),
    row("touch", files::change::touch, "[-c] FILE...: make files, or set their time to now"),
    row("true", system::succeed, "end with 0"),
    row("tty", system::tty, "whether the input is a terminal"),
    row("uname", system::uname, "[-asm]: what this runs on"),
    row("uniq", text::lines::uniq, "[-c] [FILE]: lines without repetitions"),
    row("wc", text::numbers::wc, "[-lwc] [FILE]...: count lines, words and bytes"),
    row("wget", net::wget::wget, "[-qS] [-O FILE] [-T SECONDS] [--spider] URL: fetch over http"),
    row("yes", text::numbers::yes, "[WORD]...: print a line for ever"),
];

/// The applet that a path to a program names: its last part without `.wasm`.
pub fn name_of(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".wasm").unwrap_or(name)
}

/// The applet of this name.
pub fn find(name: &str) -> Option<Applet> {
    APPLETS.iter().find(|row| row.name == name).map(|row| row.run)
}

/// Runs the applet that the call names; its exit code.
pub fn run(call: &mut Call) -> u8 {
    let Some(row) = APPLETS.iter().find(|row| row.name == call.name) else {
        call.complain("applet not found");
        return CODE_NOT_FOUND;
    };
    // Not `[ --help ]` and `echo --help`, whose words are data.
    if call.args.first().is_some_and(|word| word == "--help") && !matches!(row.name, "busybox" | "[" | "test" | "echo")
    {
        let _ = writeln!(call.streams.out, "Usage: {} {}", row.name, row.help);
        return 0;
    }
    match (row.run)(call).and_then(|code| call.streams.out.flush().map(|()| code)) {
        Ok(code) => code,
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => CODE_PIPE_BROKE,
        Err(err) => call.complain(crate::call::reason(&err)),
    }
}

fn busybox(call: &mut Call) -> io::Result<u8> {
    match call.args {
        [] => help(call),
        [option] if option == "--help" => help(call),
        [option] if option == "--list" => {
            for row in APPLETS {
                writeln!(call.streams.out, "{}", row.name)?;
            }
            Ok(0)
        }
        [option, ..] if option.starts_with('-') => fail(format_args!("unknown option {option}")),
        [name, args @ ..] => {
            Ok(run(&mut Call { name: name_of(name), args, env: call.env, streams: call.streams.clone() }))
        }
    }
}

fn help(call: &mut Call) -> io::Result<u8> {
    let out = &mut call.streams.out;
    writeln!(out, "Commands for WebAssembly pods, all in one component, after BusyBox's idea.\n")?;
    writeln!(out, "Usage: busybox APPLET [ARGUMENTS], or APPLET [ARGUMENTS] under that name\n")?;
    for row in APPLETS {
        writeln!(out, "{:10} {}", row.name, row.help)?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applets_are_sorted_and_explained() {
        assert!(APPLETS.is_sorted_by(|a, b| a.name < b.name));
        assert!(APPLETS.iter().all(|row| !row.help.is_empty()));
    }

    /// The list that `make-rootfs` reads, since a host cannot ask the component itself.
    #[test]
    fn the_list_beside_the_sources_is_this_table() {
        let names: String = APPLETS.iter().map(|row| format!("{}\n", row.name)).collect();
        assert_eq!(include_str!("../applets.list"), names);
    }

    #[test]
    fn a_program_is_named_by_the_last_part_of_its_path() {
        for (path, name) in [("ls", "ls"), ("/bin/ls", "ls"), ("/bin/busybox.wasm", "busybox"), ("sh.wasm", "sh")] {
            assert_eq!(name_of(path), name);
        }
    }
}
