//! Commands: arguments, environment, output, exit codes, stop.

use std::time::{Duration, Instant};

use runtime::ExitReason;

use crate::node::{Node, ended, prints};

#[tokio::test]
async fn a_command_runs_and_its_output_is_logged() {
    let node = Node::open();
    let (exit, printed) = node.act(&["print", "hello"]).await;
    assert_eq!((exit.code, exit.reason), (0, ExitReason::Completed), "{}", exit.message);
    assert_eq!(printed, "hello\n");
}

#[tokio::test]
async fn log_lines_have_time_stream_and_tag() {
    let node = Node::open();
    let image = node.import("actor");
    let spec = node.spec(&image, &["both"]);
    let log = spec.log_path.clone().unwrap();
    ended(&node.runtime.start(spec).await.unwrap()).await;
    let text = std::fs::read_to_string(log).unwrap();
    let mut lines: Vec<&str> = text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["stderr F err", "stdout F out without end"]);
}

#[tokio::test]
async fn arguments_and_environment_are_those_of_the_spec() {
    let node = Node::open();
    let image = node.import("actor");
    let (_, printed) = node.run(node.spec(&image, &["args", "a b", ""])).await;
    assert_eq!(printed, "guest,args,a b,\n");
    let mut spec = node.spec(&image, &["env"]);
    spec.env = [("A", "1"), ("B", "2"), ("A", "3")].map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    let (_, printed) = node.run(spec).await;
    assert_eq!(printed, "B=2\nA=3\n");
}

#[tokio::test]
async fn an_empty_argv_becomes_the_modules_name() {
    let node = Node::open();
    let image = node.import("actor");
    let mut spec = node.spec(&image, &[]);
    spec.args.clear();
    let (exit, printed) = node.run(spec).await;
    assert_eq!(exit.code, 134);
    assert!(printed.contains("no such act: []"), "{printed}");
}

#[tokio::test]
async fn exit_codes_and_traps_are_told_apart() {
    let node = Node::open();
    let (exit, _) = node.act(&["fail"]).await;
    assert_eq!((exit.code, exit.reason, exit.message.as_str()), (1, ExitReason::Error, ""));
    let (exit, _) = node.act(&["exit", "42"]).await;
    assert_eq!((exit.code, exit.reason), (42, ExitReason::Error));
    let (exit, printed) = node.act(&["panic"]).await;
    assert_eq!((exit.code, exit.reason), (134, ExitReason::Error));
    let mut lines = exit.message.lines();
    assert_eq!(lines.next(), Some("wasm trap: wasm `unreachable` instruction executed"));
    assert_eq!(lines.next(), Some("wasm backtrace:"));
    assert!((1..=9).contains(&lines.count()), "{}", exit.message);
    assert!(printed.contains("as told"), "{printed}");
    let (exit, _) = node.act(&["recurse"]).await;
    assert_eq!((exit.code, exit.reason), (139, ExitReason::Error), "{}", exit.message);
}

/// WASI has no signals, so nothing is gained by waiting: SIGTERM ends a process that does not handle it.
#[tokio::test]
async fn a_command_that_is_asked_to_end_ends_at_once() {
    let node = Node::open();
    let image = node.import("actor");
    for act in [&["sleep", "60000"][..], &["loop"]] {
        let instance = node.runtime.start(node.spec(&image, act)).await.unwrap();
        assert_eq!(instance.exit(), None);
        let start = Instant::now();
        let exit = instance.stop(Duration::from_secs(60)).await;
        assert_eq!((exit.code, exit.reason), (143, ExitReason::Stopped), "{act:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "{act:?} took {:?}", start.elapsed());
        assert_eq!(instance.stop(Duration::ZERO).await, exit);
        assert_eq!(instance.exit(), Some(exit));
    }
}

#[tokio::test]
async fn a_command_that_is_given_no_time_is_killed() {
    let node = Node::open();
    let image = node.import("actor");
    for act in [&["sleep", "60000"][..], &["loop"]] {
        let instance = node.runtime.start(node.spec(&image, act)).await.unwrap();
        let exit = instance.stop(Duration::ZERO).await;
        assert_eq!((exit.code, exit.reason), (137, ExitReason::Stopped), "{act:?}");
    }
}

#[tokio::test]
async fn everyone_who_waits_hears_the_end() {
    let node = Node::open();
    let image = node.import("actor");
    let instance = node.runtime.start(node.spec(&image, &["sleep", "20"])).await.unwrap();
    let waiters: Vec<_> =
        (0..10).map(|_| instance.clone()).map(|i| tokio::spawn(async move { i.wait().await })).collect();
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap().code, 0);
    }
}

#[tokio::test]
async fn core_modules_of_preview_1_are_wrapped() {
    let node = Node::open();
    let image = node.import_wat(
        "p1",
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 16) "preview 1\n")
            (func (export "_start")
                (i32.store (i32.const 0) (i32.const 16))
                (i32.store (i32.const 4) (i32.const 10))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                (call $exit (i32.const 42))))"#,
    );
    let (exit, printed) = node.run(node.spec(&image, &[])).await;
    assert_eq!(printed, "preview 1\n");
    // The adapter's `proc_exit` knows only success and failure.
    assert_eq!((exit.code, exit.reason), (1, ExitReason::Error), "{}", exit.message);
}

#[tokio::test]
async fn the_limits_example_ends_as_its_page_says() {
    let node = Node::open();
    let image = node.import("limits");
    let run = async |args: &[&str]| {
        let limited = runtime::Spec { memory_bytes_max: Some(8 << 20), ..node.spec(&image, args) };
        let (exit, _) = node.run(limited).await;
        (exit.code, exit.reason)
    };
    assert_eq!(run(&["exit", "3"]).await, (3, ExitReason::Error));
    assert_eq!(run(&["memory"]).await, (137, ExitReason::OutOfMemory));
    assert_eq!(run(&["trap"]).await, (134, ExitReason::Error));
}

#[tokio::test]
async fn the_examples_run() {
    let node = Node::open();
    let image = node.import("hello-command");
    let mut spec = node.spec(&image, &["0", "2"]);
    spec.env.push(("HOSTNAME".to_owned(), "pod".to_owned()));
    let (exit, printed) = node.run(spec).await;
    assert_eq!((exit.code, printed.as_str()), (0, "hello 1 from pod\nhello 2 from pod\n"));
    let idle = node.spec(&image, &[]);
    let log = idle.log_path.clone().unwrap();
    let instance = node.runtime.start(idle).await.unwrap();
    prints(&log, "hello 1").await;
    assert!(instance.stats().memory_bytes >= 64 << 10, "{:?}", instance.stats());
    assert_eq!(instance.stop(Duration::ZERO).await.code, 137);
    assert_eq!(instance.stats().memory_bytes, 0);
}
