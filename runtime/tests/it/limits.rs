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
    assert!(used > Duration::from_millis(30), "a tenth of a core for a second used only {used:?}");
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
    assert!((2.0..4.5).contains(&ratio), "three times the shares got {ratio:.1} times the CPU");
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
    let log = spec.log_path.clone();
    let instance = node.runtime.start(spec).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    instance.stop(Duration::ZERO).await;
    let bytes = printed(&log).len();
    assert!(bytes < 4 << 20, "{bytes} bytes in a second");
    assert!(bytes > 512 << 10, "only {bytes} bytes in a second");
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
