//! Every transcript in `testdata/oracle` passes, but for those in `failing.list`, which has a reason for each.
//!
//! `REPLAY=job-` replays only the files whose name holds that text and shows what differs, listed or not.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tower::ServiceExt;

use crate::{
    replay,
    server::{ControlPlane, TOKEN},
};

/// How many transcripts are replayed at a time: they mostly wait.
const CONCURRENT: usize = 8;
/// How often one that failed in the crowd is replayed alone.
const ATTEMPTS_ALONE: usize = 3;
/// An answer takes so long, as over a network: transcripts count on controllers having acted meanwhile.
const LATENCY: Duration = Duration::from_millis(20);
/// Transcripts were recorded without a controller that gives nodes addresses.
const WITHOUT: [&str; 1] = ["node-ipam"];

#[test]
fn transcripts_pass_but_for_those_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/oracle");
    let wanted = std::env::var("REPLAY").ok();
    let listed = failing(&folder);
    let is_wanted = |name: &String| wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str()));
    let names: Vec<String> = transcripts(&folder).into_iter().filter(is_wanted).collect();
    let failed = replay_all(&folder, &names);
    if wanted.is_some() {
        let all: Vec<_> = failed.iter().map(|(name, difference)| format!("--- {name}\n{difference}")).collect();
        assert!(all.is_empty(), "{}\n{} of {} differ", all.join("\n"), failed.len(), names.len());
        return;
    }
    // Upstream's recorder waited fixed times for controllers; a busy machine needs longer, so who failed in the crowd is
    // asked again alone.
    let unlisted = failed.iter().filter(|(name, _)| !listed.contains_key(*name));
    let unlisted: Vec<_> = unlisted.filter(|(name, _)| fails_alone(&folder, name)).collect();
    assert!(unlisted.is_empty(), "these must pass: {unlisted:#?}");
    let passing: Vec<_> = listed.keys().filter(|name| names.contains(name) && !failed.contains_key(*name)).collect();
    assert!(passing.is_empty(), "these pass, so take them out of failing.list: {passing:?}");
}

/// Whether a transcript differs in every one of [`ATTEMPTS_ALONE`] replays with nothing beside it.
fn fails_alone(folder: &Path, name: &str) -> bool {
    let text = fs::read_to_string(folder.join(name).with_extension("txt")).expect("it was listed");
    (0..ATTEMPTS_ALONE).all(|_| replay_one(name, &text).is_err())
}

fn transcripts(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("the folder is in the repository");
    let names = files.filter_map(|file| file.expect("the folder can be read").file_name().into_string().ok());
    let mut names: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".txt")?.to_owned())).collect();
    names.sort_unstable();
    names
}

/// The names in `failing.list` with their reasons.
fn failing(folder: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder.join("failing.list")).expect("the list is in the repository");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| {
        let (name, reason) = line.split_once('\t').expect("a name, a tab, a reason");
        (name.to_owned(), reason.to_owned())
    };
    lines.map(pair).collect()
}

/// The transcripts that differ, with how.
fn replay_all(folder: &Path, names: &[String]) -> BTreeMap<String, String> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..CONCURRENT {
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

/// One transcript, on a control plane of its own. Time is real: deadlines count by the wall clock.
fn replay_one(name: &str, text: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let plane = ControlPlane::start(&WITHOUT).await;
        let service = plane.server.service().then(async |answer| {
            tokio::time::sleep(LATENCY).await;
            answer
        });
        replay::replay(service, TOKEN, name, text).await
    })
}
