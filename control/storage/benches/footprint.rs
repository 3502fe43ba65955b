//! What does an object, a watcher and a change cost? Prints bytes and rates.
//!
//! `cargo bench -p coracle-storage` (or `--profile dev` for the bytes alone, which do not depend on optimization).
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark fails by panicking and answers by printing")]

use std::{sync::Arc, time::Instant};

use storage::{Draft, Durability, Fields, Index, Key, Object, Precondition, Query, Storage};

const OBJECTS: usize = 20_000;
const OBJECT_BYTES: usize = 2_900;
const WATCHERS: usize = 5_000;

#[tokio::main]
async fn main() {
    let store = storage::open_memory();
    let before = resident_bytes();
    for number in 0..OBJECTS {
        store.put(key(number), draft(number), Precondition::Absent).await.unwrap();
    }
    store.compact(store.revision());
    let each = (resident_bytes() - before) / OBJECTS;
    println!("one object of {OBJECT_BYTES} bytes takes {each} bytes of memory");

    let before = resident_bytes();
    let watches: Vec<_> = (0..WATCHERS).map(|number| store.watch(of_node(number), store.revision()).unwrap()).collect();
    println!("one idle watcher takes {} bytes", (resident_bytes() - before) / WATCHERS);

    let begin = Instant::now();
    for number in 0..WATCHERS {
        update(&store, number).await;
    }
    let rate = WATCHERS as f64 / begin.elapsed().as_secs_f64();
    println!("{rate:.0} updates/s in memory, each to one of {WATCHERS} watchers by node");
    drop(watches);

    let directory = tempfile::tempdir().unwrap();
    let store = storage::open(directory.path()).unwrap();
    let begin = Instant::now();
    let writes: Vec<_> =
        (0..OBJECTS).map(|number| store.put(key(number), draft(number), Precondition::Absent)).collect();
    futures::future::join_all(writes).await.into_iter().for_each(|object| drop(object.unwrap()));
    println!("{:.0} durable creations/s, all at once", OBJECTS as f64 / begin.elapsed().as_secs_f64());
    drop(store);
    let begin = Instant::now();
    drop(storage::open(directory.path()).unwrap());
    println!("opening {OBJECTS} objects takes {:?}", begin.elapsed());
}

fn key(number: usize) -> Key {
    Key {
        resource: "core/pods".into(),
        namespace: "default".into(),
        name: format!("web-6d4cf56db6-{number:05}").into(),
    }
}

fn of_node(number: usize) -> Query {
    let field = Some(("spec.nodeName".into(), node(number)));
    Query { resource: "core/pods".into(), namespace: "".into(), name: None, field }
}

fn node(number: usize) -> Box<str> {
    format!("node-{}", number % WATCHERS).into()
}

fn draft(number: usize) -> Draft {
    let index = Index {
        uid: format!("{number:036}").into(),
        labels: [("app".into(), "web".into()), ("pod-template-hash".into(), "6d4cf56db6".into())].into(),
        fields: Fields::new([("spec.nodeName", &*node(number)), ("status.phase", "Running")]),
    };
    Draft { value: vec![b'x'; OBJECT_BYTES].into(), revision_at: 10, index, durability: Durability::Disk }
}

async fn update(store: &Arc<dyn Storage>, number: usize) -> Object {
    let object = store.get(&key(number)).await.unwrap().unwrap();
    store.put(object.key, draft(number), Precondition::At(object.revision)).await.unwrap()
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}
