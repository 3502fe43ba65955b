//! Logs as clients see them, whole, in part, and while they grow and are rotated.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const LOG: &str = "2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:01Z stderr F two\n\
                   2026-01-01T00:00:02Z stdout P thr\n2026-01-01T00:00:02Z stdout P ee\n";

async fn read(options: Options) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    std::fs::write(&path, LOG).unwrap();
    let mut reader = Reader::open(&path, options).await.unwrap();
    let mut text = String::new();
    while let Some(part) = reader.next(|| true).await.unwrap() {
        text.push_str(std::str::from_utf8(&part).unwrap());
    }
    text
}

/// `oracle/kubelet/logs.txt`.
#[tokio::test]
async fn options_choose_what_is_shown() {
    let all = Options::default();
    assert_eq!(read(all.clone()).await, "one\ntwo\nthree");
    assert_eq!(read(Options { tail_lines: Some(3), ..all.clone() }).await, "two\nthree");
    assert_eq!(read(Options { tail_lines: Some(0), ..all.clone() }).await, "");
    assert_eq!(read(Options { tail_lines: Some(99), ..all.clone() }).await, "one\ntwo\nthree");
    assert_eq!(read(Options { limit_bytes: Some(5), ..all.clone() }).await, "one\nt");
    assert_eq!(read(Options { follow: true, ..all.clone() }).await, "one\ntwo\nthree");
    let since = Some("2026-01-01T00:00:01Z".parse().unwrap());
    assert_eq!(read(Options { since, ..all.clone() }).await, "two\nthree");
    let shown = read(Options { timestamps: true, limit_bytes: Some(50), ..all }).await;
    assert_eq!(shown, "2026-01-01T00:00:00Z one\n2026-01-01T00:00:01Z two\n");
}

fn append(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    writeln!(file, "2026-01-01T00:00:00Z stdout F {text}").unwrap();
}

/// As the runtime does.
fn rotate(path: &Path) {
    for number in (0..4).rev() {
        let _ = std::fs::rename(numbered(path, number), numbered(path, number + 1));
    }
}

async fn follow(path: &Path) -> Reader {
    Reader::open(path, Options { follow: true, ..Options::default() }).await.unwrap()
}

/// Lines that came after the end was seen and before the file was found to be rotated were lost once.
#[tokio::test]
async fn a_follower_loses_no_line_to_a_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    append(&path, "one");
    let mut reader = follow(&path).await;
    assert_eq!(reader.next(|| false).await.unwrap().unwrap(), "one\n");
    let mut turns = 0;
    // Asked at the end of the file: the moment in which everything happens.
    let at_the_end = || {
        turns += 1;
        if turns == 1 {
            append(&path, "two");
            rotate(&path);
            append(&path, "three");
            rotate(&path);
            append(&path, "four");
        }
        false
    };
    assert_eq!(reader.next(at_the_end).await.unwrap().unwrap(), "two\n");
    assert_eq!(reader.next(|| true).await.unwrap().unwrap(), "three\n");
    assert_eq!(reader.next(|| true).await.unwrap().unwrap(), "four\n");
    assert_eq!(reader.next(|| true).await.unwrap(), None);
}

#[tokio::test]
async fn a_follower_goes_on_with_what_is_left_when_it_is_too_slow() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    append(&path, "0");
    let mut reader = follow(&path).await;
    for number in 1..=6 {
        rotate(&path);
        append(&path, &number.to_string());
    }
    let mut text = String::new();
    while let Some(part) = reader.next(|| true).await.unwrap() {
        text.push_str(std::str::from_utf8(&part).unwrap());
    }
    // The runtime keeps four and the current one; the first is still open.
    assert_eq!(text, "0\n2\n3\n4\n5\n6\n");
}

/// A program that writes and rotates as fast as it can, and a follower beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_reads_every_line_while_files_are_rotated_under_it() {
    const LINES: u32 = 300;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    append(&path, "0");
    let mut reader = follow(&path).await;
    let writer = {
        let path = path.clone();
        tokio::spawn(async move {
            for number in 1..LINES {
                append(&path, &number.to_string());
                if number % 100 == 0 {
                    rotate(&path);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    let mut text = String::new();
    while let Some(part) = reader.next(|| writer.is_finished()).await.unwrap() {
        text.push_str(std::str::from_utf8(&part).unwrap());
    }
    let expected: String = (0..LINES).map(|it| format!("{it}\n")).collect();
    assert_eq!(text, expected);
}

#[tokio::test]
async fn the_end_of_a_log_is_cut_from_the_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    let lines: String = (1..=100).map(|it| format!("2026-01-01T00:00:00Z stdout F {it}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    assert!(tail(&path, 80, 2048).await.starts_with("21\n22\n"));
    assert_eq!(tail(&path, 80, 8).await, "\n99\n100\n");
    assert_eq!(tail(&dir.path().join("none"), 80, 8).await, "");
}
