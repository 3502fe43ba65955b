//! Commands beside a running program, and listeners of it.

use std::time::Duration;

use runtime::{Exit, ExitReason, Instance, LogStream, StartError, Stdio};
use tokio::sync::mpsc;

use crate::node::{Node, ended};

/// A program that does nothing for a while.
async fn sleeper(node: &Node) -> Instance {
    let mut spec = node.spec(&node.import("actor"), &["sleep", "600000"]);
    spec.env = vec![("COLOR".to_owned(), "blue".to_owned())];
    node.runtime.start(spec).await.unwrap()
}

/// Runs the actor beside a program: how it ended and what it printed.
async fn beside(node: &Node, program: &Instance, args: &[&str], stdio: Stdio) -> (Exit, Vec<(LogStream, String)>) {
    let args = std::iter::once("actor").chain(args.iter().copied()).map(str::to_owned).collect();
    let (command, mut listener) = node.runtime.exec(program, "command".to_owned(), args, stdio).await.unwrap();
    let mut heard = Vec::new();
    while let Some((stream, bytes)) = listener.next().await {
        heard.push((stream, String::from_utf8(bytes.to_vec()).unwrap()));
    }
    (ended(&command).await, heard)
}

#[tokio::test]
async fn a_command_has_the_programs_surroundings_and_streams_of_its_own() {
    let node = Node::open();
    let program = sleeper(&node).await;
    let (exit, heard) = beside(&node, &program, &["env"], Stdio::default()).await;
    assert_eq!((exit.code, heard), (0, vec![(LogStream::Stdout, "COLOR=blue\n".to_owned())]));
    let (exit, _) = beside(&node, &program, &["exit", "42"], Stdio::default()).await;
    assert_eq!((exit.code, exit.reason), (42, ExitReason::Error));
    assert!(program.exit().is_none(), "the program itself runs on");
    program.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn a_command_reads_what_is_sent_until_the_end() {
    let node = Node::open();
    let program = sleeper(&node).await;
    let (sender, stdin) = mpsc::channel(1);
    let sent = tokio::spawn(async move {
        for _ in 0..100 {
            sender.send(vec![b'x'; 10_000].into()).await.unwrap();
        }
    });
    let (exit, heard) = beside(&node, &program, &["cat"], Stdio { stdin: Some(stdin), terminal: false }).await;
    sent.await.unwrap();
    assert_eq!(exit.code, 0, "{}", exit.message);
    assert_eq!(heard.iter().map(|(_, text)| text.len()).sum::<usize>(), 1_000_000);
    program.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn a_command_counts_against_the_programs_memory_limit() {
    let node = Node::open();
    let spec = node.spec(&node.import("actor"), &["sleep", "600000"]);
    let program = node.runtime.start(runtime::Spec { memory_bytes_max: Some(16 << 20), ..spec }).await.unwrap();
    let (exit, _) = beside(&node, &program, &["allocate", "64"], Stdio::default()).await;
    assert_eq!((exit.code, exit.reason), (137, ExitReason::OutOfMemory));
    assert!(program.exit().is_none(), "the program itself runs on");
    program.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn only_what_the_image_has_runs_and_only_beside_what_runs() {
    let node = Node::open();
    let program = sleeper(&node).await;
    let command = async |word: &str| {
        let args = vec![word.to_owned()];
        node.runtime.exec(&program, "command".to_owned(), args, Stdio::default()).await.map(drop)
    };
    let refused = command("ls").await;
    assert!(matches!(&refused, Err(StartError::NoModule(why)) if why.contains("not found in $PATH")), "{refused:?}");
    program.stop(Duration::ZERO).await;
    assert!(matches!(command("actor").await, Err(StartError::Ended(_))));
}

#[tokio::test]
async fn a_listener_hears_a_program_beside_its_log() {
    let node = Node::open();
    let (sender, stdin) = mpsc::channel(1);
    let spec = node.spec(&node.import("actor"), &["cat"]);
    let log = spec.log_path.clone().unwrap();
    let program = node.runtime.start_with(spec, Stdio { stdin: Some(stdin), terminal: false }).await.unwrap();
    let mut listener = program.listen().unwrap();
    sender.send("hello\n".into()).await.unwrap();
    assert_eq!(listener.next().await, Some((LogStream::Stdout, "hello\n".into())));
    drop(sender);
    assert_eq!(listener.next().await, None);
    assert_eq!(ended(&program).await.code, 0);
    assert_eq!(crate::node::printed(&log), "hello\n");
}
