//! Limits: memory, CPU, handles, output; and that a neighbour never notices.

use std::time::{Duration, Instant};

use runtime::ExitReason;

use crate::node::{Node, printed};

#[tokio::test]
async fn a_memory_bomb_ends_as_out_of_memory() {
    let node = Node::open();
    let image = node.import("actor");
    let mut spec = node.spec(&image, &["allocate", "1000"]);
    spec.memory_bytes_max = Some(16 << 20);
    let (exit, _) = node.run(spec).await;
    assert_eq!((exit.code, exit.reason), (137, ExitReason::OutOfMemory));
    assert!(exit.message.contains("the limit is 16777216"), "{}", exit.message);
    let mut spec = node.spec(&image, &["allocate", "10"]);
    spec.memory_bytes_max = Some(16 << 20);
    let (exit, printed) = node.run(spec).await;
    assert_eq!((exit.code, printed.as_str()), (0, "allocated 10\n"));
}

#[tokio::test]
async fn a_program_that_does_not_fit_its_limit_is_out_of_memory_at_once() {
    let node = Node::open();
    let image = node.import("actor");
    let mut spec = node.spec(&image, &["print", "x"]);
    spec.memory_bytes_max = Some(64 << 10);
    let (exit, printed) = node.run(spec).await;
    assert_eq!((exit.code, exit.reason, printed.as_str()), (137, ExitReason::OutOfMemory, ""));
}

#[tokio::test]
async fn endless_loops_do_not_starve_their_neighbours() {
    // One thread for all of them, so that only preemption helps.
    let node = Node::open();
    let image = node.import("actor");
    let mut hogs = Vec::new();
    for _ in 0..4 {
        hogs.push(node.runtime.start(node.spec(&image, &["loop"])).await.unwrap());
    }
    let start = Instant::now();
    let (exit, _) = node.act(&["sleep", "20"]).await;
    assert_eq!(exit.code, 0);
    assert!(start.elapsed() < Duration::from_secs(2), "the neighbour took {:?}", start.elapsed());
    for hog in hogs {
        assert_eq!(hog.stop(Duration::ZERO).await.code, 137);
        assert!(hog.stats().cpu_nanos > 0);
    }
}

#[tokio::test]
async fn a_quota_is_a_share_of_one_core() {
    let node = Node::open();
    let image = node.import("actor");
    let mut spec = node.spec(&image, &["loop"]);
    spec.cpu_millis_max = Some(100);
    let instance = node.runtime.start(spec).await.unwrap();
    let begin = instance.stats().cpu_nanos;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let used = Duration::from_nanos(instance.stats().cpu_nanos - begin);
    // One period of 10 ms may have been saved up, and a busy machine gives less.
    assert!(used < Duration::from_millis(130), "a tenth of a core for a second used {used:?}");
    assert!(used > Duration::from_millis(10), "a tenth of a core for a second used only {used:?}");
    instance.set_limits(None, None);
    instance.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn busy_programs_share_a_thread_by_weight() {
    let node = Node::open();
    let image = node.import("actor");
    let mut hogs = Vec::new();
    for cpu_shares in [100, 300] {
        let spec = runtime::Spec { cpu_shares, ..node.spec(&image, &["loop"]) };
        hogs.push(node.runtime.start(spec).await.unwrap());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let [light, heavy] = [0, 1].map(|hog: usize| hogs[hog].stats().cpu_nanos as f64);
    let ratio = heavy / light;
    assert!((1.8..6.0).contains(&ratio), "three times the shares got {ratio:.1} times the CPU");
    for hog in hogs {
        hog.stop(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn handles_are_bounded() {
    let node = Node::open();
    let (exit, printed) = node.act(&["handles"]).await;
    assert_eq!(exit.reason, ExitReason::Error);
    assert!(printed.lines().count() < 10, "{printed}");
}

#[tokio::test]
async fn random_bytes_at_once_are_bounded() {
    let node = Node::open();
    let (exit, printed) = node.act(&["random", "1024"]).await;
    assert_eq!((exit.code, printed.as_str()), (0, "1024\n"));
    let (exit, _) = node.act(&["random", "1000000000"]).await;
    assert_eq!(exit.reason, ExitReason::Error);
}

#[tokio::test]
async fn a_program_that_floods_its_log_is_slowed_down() {
    let node = Node::open();
    let image = node.import("actor");
    let spec = node.spec(&image, &["flood", "10000000000"]);
    let log = spec.log_path.clone().unwrap();
    let instance = node.runtime.start(spec).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    instance.stop(Duration::ZERO).await;
    let bytes = printed(&log).len();
    assert!(bytes < 4 << 20, "{bytes} bytes in a second");
    assert!(bytes > 64 << 10, "only {bytes} bytes in a second");
}

#[tokio::test]
async fn many_programs_run_at_once() {
    let node = Node::open();
    let image = node.import("hello-command");
    let mut instances = Vec::new();
    for _ in 0..200 {
        instances.push(node.runtime.start(node.spec(&image, &[])).await.unwrap());
    }
    for instance in &instances {
        assert_eq!(instance.exit(), None);
    }
    for instance in instances {
        tokio::spawn(async move { instance.stop(Duration::ZERO).await });
    }
    let (exit, _) = node.act(&["print", "still here"]).await;
    assert_eq!(exit.code, 0);
}

/// A core module whose `_start` is `body`, with `fields` beside it.
fn bomb(node: &Node, name: &str, fields: &str, body: &str) -> String {
    let wat = format!("(module {fields} (memory (export \"memory\") 1) (func (export \"_start\") {body}))");
    node.import_wat(name, &wat)
}

#[tokio::test]
async fn bombs_of_other_kinds_end_alone_too() {
    let node = Node::open();
    let grow_table = "(loop (br_if 0 (i32.ne (i32.const -1) (table.grow (ref.null func) (i32.const 1000000)))))";
    let table = bomb(&node, "table", "(table 0 funcref)", grow_table);
    // Growing a table past its bound fails as if the machine were full.
    let (exit, _) = node.run(node.spec(&table, &[])).await;
    assert_eq!(exit.reason, ExitReason::Completed, "{}", exit.message);
    let limited = runtime::Spec { memory_bytes_max: Some(4 << 20), ..node.spec(&table, &[]) };
    assert_eq!(node.run(limited).await.0.reason, ExitReason::OutOfMemory);

    let large = node.import_wat("large", "(module (memory (export \"memory\") 65536) (func (export \"_start\")))");
    let limited = runtime::Spec { memory_bytes_max: Some(64 << 20), ..node.spec(&large, &[]) };
    assert_eq!(node.run(limited).await.0.reason, ExitReason::OutOfMemory);

    let many = format!("(module {} (func (export \"_start\")))", "(memory 1)".repeat(100));
    let many = node.import_wat("many-memories", &many);
    assert!(node.runtime.start(node.spec(&many, &[])).await.is_err());

    let divide = bomb(&node, "divide", "", "(drop (i32.div_u (i32.const 1) (i32.const 0)))");
    assert_eq!(node.run(node.spec(&divide, &[])).await.0.code, 136);
    let outside = bomb(&node, "outside", "", "(drop (i32.load (i32.const -4)))");
    assert_eq!(node.run(node.spec(&outside, &[])).await.0.code, 139);
}

#[tokio::test]
async fn a_module_that_is_costly_to_compile_ends_in_time() {
    let node = Node::open();
    // A function of hundreds of thousands of additions: the child has its limits, and the node goes on meanwhile.
    let body = "(local i32)".to_owned() + &"(local.set 0 (i32.add (local.get 0) (i32.const 1)))".repeat(200_000);
    let costly = node.import_wat("costly", &format!("(module (func (export \"_start\") {body}))"));
    let start = node.runtime.start(node.spec(&costly, &[]));
    let neighbour = node.act(&["print", "meanwhile"]);
    let (start, (exit, _)) = tokio::join!(start, neighbour);
    assert_eq!(exit.code, 0);
    match start {
        Ok(instance) => assert_eq!(instance.wait().await.code, 0),
        Err(err) => assert!(matches!(err, runtime::StartError::BadModule { .. }), "{err}"),
    }
}

#[tokio::test]
async fn nothing_is_left_of_programs_that_ended() {
    let node = Node::open();
    for act in [&["print", "x"][..], &["panic"], &["exit", "3"]] {
        for _ in 0..20 {
            node.act(act).await;
        }
    }
    assert_eq!(node.runtime.programs(), 0);
}
