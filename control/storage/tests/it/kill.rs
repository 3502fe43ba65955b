//! kill -9 at any moment: what was acknowledged is there, and the revision never goes back.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use storage::{Precondition, Storage};

use crate::objects::{create, delete, draft, key, text, update};

const DIRECTORY: &str = "STORAGE_KILL_DIRECTORY";
const ROUNDS: u64 = 20;
const WRITERS: usize = 8;

#[tokio::test]
async fn no_acknowledged_write_is_lost_to_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut acked_in_all = 0;
    for round in 0..ROUNDS {
        let mut child = spawn_writer(directory.path());
        // Rounds end at different moments: while opening, at the first writes, in the middle of many.
        tokio::time::sleep(Duration::from_millis(20 + round * 37 % 130)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        acked_in_all += check(directory.path()).await;
    }
    assert!(acked_in_all > 100, "only {acked_in_all} writes were acknowledged in all rounds");
}

/// Not a test by itself: the process that the test above kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_until_it_is_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    let store = storage::open(&directory.join("data")).unwrap();
    // A file, not stdout: it is not buffered, so that an ack is noted before the next write.
    let acks = Arc::new(OpenOptions::new().append(true).create(true).open(directory.join("acks")).unwrap());
    let writers = (0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), acks.clone(), writer)));
    futures::future::join_all(writers).await;
}

/// Counts an object up, and creates and deletes another at each step.
async fn write(store: Arc<dyn Storage>, acks: Arc<File>, writer: usize) {
    let counter = key("counters", &writer.to_string());
    let mut count = count_of(&store, writer).await;
    loop {
        count += 1;
        let precondition = match store.get(&counter).await.unwrap() {
            Some(object) => Precondition::At(object.revision),
            None => Precondition::Absent,
        };
        let object = store.put(counter.clone(), draft(&count.to_string()), precondition).await.unwrap();
        note(&acks, &format!("count {writer} {count} {}\n", object.revision.0));
        let short = create(&store, key("short", &format!("{writer}-{count}")), draft("")).await;
        let short = update(&store, &short, draft("2")).await;
        let deleted = delete(&store, &short).await;
        note(&acks, &format!("deleted {writer} {count} {}\n", deleted.0));
    }
}

/// In one write, so that lines of several tasks do not mix.
fn note(mut acks: &File, line: &str) {
    acks.write_all(line.as_bytes()).unwrap();
}

/// Opens the store and compares it with the acknowledgements. Answers how many there were.
async fn check(directory: &Path) -> usize {
    let store = storage::open(&directory.join("data")).unwrap();
    let acks = std::fs::read_to_string(directory.join("acks")).unwrap_or_default();
    let mut counts: HashMap<usize, u64> = HashMap::new();
    for ack in acks.lines() {
        let words: Vec<&str> = ack.split(' ').collect();
        let (writer, count): (usize, u64) = (words[1].parse().unwrap(), words[2].parse().unwrap());
        let revision: u64 = words[3].parse().unwrap();
        assert!(revision <= store.revision().0, "the revision went back behind {revision}");
        match words[0] {
            "count" => drop(counts.insert(writer, count)),
            _ => {
                let gone = store.get(&key("short", &format!("{writer}-{count}"))).await.unwrap();
                assert_eq!(gone, None, "a deleted object came back");
            }
        }
    }
    for (writer, acked) in counts {
        let stored = count_of(&store, writer).await;
        assert!(stored == acked || stored == acked + 1, "{acked} was acknowledged, {stored} is stored");
    }
    acks.lines().count()
}

async fn count_of(store: &Arc<dyn Storage>, writer: usize) -> u64 {
    let object = store.get(&key("counters", &writer.to_string())).await.unwrap();
    object.map_or(0, |object| text(&object).rsplit(':').next().unwrap().parse().unwrap())
}

fn spawn_writer(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::writes_until_it_is_killed"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
