//! Every transcript in `tests/oracle` passes, but for those in `failing.list`, which has a reason for each.
//!
//! `REPLAY=core-pod` replays only the files whose path holds that text and shows what differs, listed or not.
//! `REPLAY_LIST=1` writes the list anew and keeps its reasons; a new line asks for one.

use std::collections::BTreeMap;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::replay;
use crate::serve;

/// What a difference shows of itself where nobody asked for it.
const DIFFERENCE_LINES_MAX: usize = 60;
/// The reason of a transcript that nobody has explained yet.
const UNEXPLAINED: &str = "unexplained";

#[test]
#[expect(clippy::print_stdout, reason = "differences are for whoever runs the test")]
fn transcripts_pass_but_for_those_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
    let wanted = std::env::var("REPLAY").ok();
    let listed = read_list(&folder.join("failing.list"));
    let names: Vec<String> =
        transcripts(&folder).into_iter().filter(|name| wanted.as_ref().is_none_or(|w| name.contains(w))).collect();
    let failed = replay_all(&folder, &names);
    println!("{} of {} transcripts pass", names.len() - failed.len(), names.len());
    if wanted.is_some() {
        failed.iter().for_each(|(name, difference)| println!("--- {name}\n{difference}"));
        assert!(failed.is_empty(), "{} of {} differ", failed.len(), names.len());
        return;
    }
    if std::env::var("REPLAY_LIST").is_ok() {
        write_list(&folder.join("failing.list"), &listed, &failed);
        return;
    }
    let unlisted: Vec<String> = failed
        .iter()
        .filter(|(name, _)| !listed.contains_key(*name))
        .map(|(name, difference)| format!("{name}\n{}", head(difference)))
        .collect();
    assert!(unlisted.is_empty(), "these must pass:\n{}", unlisted.join("\n"));
    let passing: Vec<&String> = listed.keys().filter(|name| !failed.contains_key(*name)).collect();
    assert!(passing.is_empty(), "these pass or are gone, so take them out of failing.list: {passing:?}");
    let unexplained: Vec<&String> =
        listed.iter().filter(|(_, reason)| *reason == UNEXPLAINED).map(|(name, _)| name).collect();
    assert!(unexplained.is_empty(), "say in failing.list why these fail: {unexplained:?}");
}

/// Paths below `folder`, without `.txt`, sorted.
fn transcripts(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("the folder is in the repository") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "txt") {
                let name = path.strip_prefix(folder).expect("it was found below").with_extension("");
                names.push(name.to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    names
}

/// The transcripts that differ, with how. As many at a time as there are cores.
fn replay_all(folder: &Path, names: &[String]) -> BTreeMap<String, String> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let text = fs::read_to_string(folder.join(name).with_extension("txt")).expect("it was listed");
                    if let Err(difference) = replay_one(name, &text) {
                        failed.lock().expect("no holder panics").insert(name.clone(), difference);
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no holder panicked")
}

/// One transcript, on a server of its own whose clock stands still: waiting costs no time.
fn replay_one(name: &str, text: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let file = name.rsplit('/').next().unwrap_or(name);
    let replayed = std::panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let server = serve::server().await;
            replay::replay(server, serve::TOKEN, file, text).await
        })
    }));
    replayed.unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

fn head(difference: &str) -> String {
    let lines: Vec<&str> = difference.lines().take(DIFFERENCE_LINES_MAX).collect();
    lines.join("\n")
}

fn read_list(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once('\t').unwrap_or((line, UNEXPLAINED)))
        .map(|(name, reason)| (name.to_owned(), reason.to_owned()))
        .collect()
}

fn write_list(path: &Path, listed: &BTreeMap<String, String>, failed: &BTreeMap<String, String>) {
    let mut text = String::from("# Transcripts that do not pass yet: path, tab, reason. See oracle.rs.\n");
    for name in failed.keys() {
        let reason = listed.get(name).map_or(UNEXPLAINED, String::as_str);
        text += &format!("{name}\t{reason}\n");
    }
    fs::write(path, text).expect("the folder is in the repository");
}
