//! Scripts, with what they print and end with.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crate::applets;
use crate::call::{Call, Env, In, Out, Streams};

struct Sink(Rc<RefCell<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `sh` with both outputs in one; what it printed, and its code.
fn run(args: &[&str], input: &'static str) -> (String, u8) {
    let printed = Rc::new(RefCell::new(Vec::new()));
    let out = Out::new(Sink(printed.clone()));
    let args: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
    let env = Env::from([("HOME".to_owned(), "/".to_owned())]);
    let streams = Streams { input: In::new(input.as_bytes()), out: out.clone(), err: out };
    let code = applets::run(&mut Call { name: "sh", args: &args, env: &env, streams });
    let text = String::from_utf8(printed.borrow().clone()).unwrap();
    (text, code)
}

fn check(script: &str, printed: &str, code: u8) {
    assert_eq!(run(&["-c", script], ""), (printed.to_owned(), code), "{script}");
}

#[test]
fn commands_follow_each_other() {
    check("echo a; echo b", "a\nb\n", 0);
    check("true && echo a || echo b", "a\n", 0);
    check("false && echo a || echo b", "b\n", 0);
    check("pgrep sleep || true", "", 0);
    check("! true", "", 1);
    check("echo -n hello", "hello", 0);
    check("# nothing\n\n", "", 0);
}

#[test]
fn codes_are_exact() {
    check("exit 42", "", 42);
    check("(exit 3); echo $?", "3\n", 0);
    check("nosuch", "sh: nosuch: not found\n", 127);
    check("false", "", 1);
    check("sh -c 'exit 7'; exit $?", "", 7);
    check("/sbin/nowhere/echo a", "sh: /sbin/nowhere/echo: not found\n", 127);
    check("/nowhere/ls", "sh: /nowhere/ls: not found\n", 127);
    check("/dev/null", "sh: /dev/null: neither an applet nor a shell's script\n", 126);
}

#[test]
fn words_are_quoted_and_split() {
    check("A='x  y'; echo $A \"$A\" '$A' \\$A", "x y x  y $A $A\n", 0);
    check("echo \"a\"'b'c", "abc\n", 0);
    check("printf '[%s]' \"\" $NONE ''", "[][]", 0);
    check("unset NONE; HOME=/h; echo ~ ~/x '~' a~ ~b; X=~/y; echo $X", "/h /h/x ~ a~ ~b\n/h/y\n", 0);
    check("echo ${NONE:-x y} ${HOME:+set} ${#HOME}", "x y set 1\n", 0);
    check("F=a/b.tar.gz; echo ${F##*/} ${F%.gz} ${F%%.*} ${F#a}", "b.tar.gz a/b.tar a/b /b.tar.gz\n", 0);
    check("echo $(echo a; echo b) `echo c` \"$(printf 'd\\n\\n')\"", "a b c d\n", 0);
    check("i=1; i=$((i + 2)); echo $i $(( (i-1) * 4 ))", "3 8\n", 0);
}

#[test]
fn arguments_stay_words() {
    let printed = "sh2 2 a b|c\n".to_owned();
    assert_eq!(run(&["-c", "echo $0 $# \"$1|$2\"", "sh2", "a b", "c"], ""), (printed, 0));
    assert_eq!(run(&["-c", "printf '[%s]' \"$@\"", "sh", "a b", "c"], "").0, "[a b][c]");
    assert_eq!(
        run(&["-c", "for x; do echo \"<$x>\"; done; shift; echo $1", "sh", "a b", "c"], "").0,
        "<a b>\n<c>\nc\n"
    );
}

#[test]
fn control_goes_where_it_should() {
    check("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n", 0);
    check("for x in 1 2 3; do if [ $x = 2 ]; then continue; fi; echo $x; done", "1\n3\n", 0);
    check("i=0; while true; do i=$((i+1)); [ $i -ge 3 ] && break; done; echo $i", "3\n", 0);
    check("i=0\nuntil [ $i -eq 2 ]\ndo\n  echo $i\n  i=$((i+1))\ndone", "0\n1\n", 0);
    check("for a in 1 2; do for b in 1 2; do break 2; done; echo no; done; echo yes", "yes\n", 0);
    check("case abc in x|y) echo 1;; a*) echo 2;; *) echo 3;; esac", "2\n", 0);
    check("{ echo a; exit 4; }; echo b", "a\n", 4);
    check("if false; then echo a; fi", "", 0);
}

#[test]
fn pipes_carry_what_is_written() {
    check("echo one two | wc -w", "2\n", 0);
    check("printf 'b\\na\\n' | sort | head -n 1", "a\n", 0);
    check("yes | head -n 2", "y\ny\n", 0);
    check("x=$(seq 20000); while true; do echo $x; done | head -c 3", "1 2", 0);
    check("printf 'a b\\nc d\\n' | while read x y; do echo $y-$x; done", "b-a\nd-c\n", 0);
    check("exit 3 | true; echo $?", "0\n", 0);
}

#[test]
fn an_overflowing_pipe_is_an_error_and_not_an_end() {
    let (printed, code) = run(&["-c", "yes | wc -c"], "");
    assert_eq!((printed.as_str(), code), ("wc: a pipe holds no more than 8 MiB inside one instance\n", 1));
}

#[test]
fn streams_are_redirected() {
    let folder = std::env::temp_dir().join(format!("busybox-sh-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.display();
    check(
        &format!("echo a > {path}/f; echo b >> {path}/f; cat < {path}/f; echo {path}/*"),
        &format!("a\nb\n{path}/f\n"),
        0,
    );
    check(
        &format!("nosuch 2> {path}/e; cat {path}/e; {{ echo c; }} > {path}/g; wc -c < {path}/g"),
        "sh: nosuch: not found\n2\n",
        0,
    );
    std::fs::remove_dir_all(&folder).unwrap();
    check("echo gone > /dev/null; nosuch > /dev/null 2>&1; echo $?", "127\n", 0);
    check("cat < /nowhere/at/all", "sh: /nowhere/at/all: No such file or directory\n", 1);
}

#[test]
fn a_path_is_what_lies_there() {
    let folder = std::env::temp_dir().join(format!("busybox-path-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("echo"), b"\0asm").unwrap();
    std::fs::write(folder.join("cat"), "#!/bin/sh\necho \"script $1\"\n").unwrap();
    let path = folder.display();
    check(&format!("{path}/echo a; {path}/cat b"), "a\nscript b\n", 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn variables_reach_commands_once_exported() {
    check("A=1; printenv A; export A; printenv A; B=2 printenv B; echo [$B]", "1\n2\n[]\n", 0);
    check("unset HOME; echo ${HOME-none}", "none\n", 0);
}

#[test]
fn an_error_ends_a_careful_script() {
    check("set -e; false; echo no", "", 1);
    check("set -e; false || true; if false; then :; fi; ! true; echo yes", "yes\n", 0);
    assert_eq!(run(&["-ec", "false; echo no"], ""), (String::new(), 1));
    check("set -x; echo a", "+ echo a\na\n", 0);
}

#[test]
fn the_input_is_run_as_it_comes() {
    assert_eq!(run(&[], "echo a\nfor x in 1 2\ndo echo $x\ndone\ncat\nrest\n"), ("a\n1\n2\nrest\n".to_owned(), 0));
    assert_eq!(run(&[], "exit 5\necho no\n"), (String::new(), 5));
    assert_eq!(run(&[], "if true\n").1, 2);
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    for (script, about) in [
        ("sleep 1 &", "background"),
        ("f() { :; }", "functions"),
        ("cat << E", "here-documents"),
        ("trap : TERM", "signals"),
        ("echo )", "unexpected"),
        ("echo 'a", "end of file"),
        ("set -u", "not an option"),
    ] {
        let (printed, code) = run(&["-c", script], "");
        assert!(code > 0 && printed.contains(about), "{script}: {printed}");
    }
    let deep = "(".repeat(10_000);
    assert!(run(&["-c", &deep], "").0.contains("nested too deeply"));
    assert!(run(&["-c", &"$(".repeat(10_000)], "").1 == 2);
}
