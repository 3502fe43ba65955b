//! The loop of the scheduler: takes in changes, schedules one pod at a time, and binds many at once.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use kube::Client;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, error, info};

use crate::{
    report::{self, Stands},
    snapshot,
    state::{State, Turn},
    view::{Node, Pod},
    watch,
};

/// So many changes of each kind may wait to be taken in.
const CHANGES_MAX: usize = 512;
/// So many bindings and reports may be under way.
const WRITES_MAX: usize = 64;
/// So many changes are taken in before the next pod gets its turn.
const CHANGES_PER_TURN_MAX: usize = 256;
/// The pause before the API is asked again what became of a binding.
const ASK_PAUSE: Duration = Duration::from_secs(1);

/// What a finished write says.
enum Written {
    /// The watch will show the rest.
    Done,
    /// The pod has no node: it has to be looked at again, if it is still there.
    Refused(Arc<Pod>),
}

struct Driver {
    client: Client,
    state: State,
    writes: JoinSet<Written>,
}

/// Runs until it is dropped, and its watches and writes with it.
pub(crate) async fn run(client: Client) {
    let (pods_in, mut pods) = mpsc::channel(CHANGES_MAX);
    let (nodes_in, mut nodes) = mpsc::channel(CHANGES_MAX);
    let mut watches = JoinSet::new();
    watches.spawn(watch::run::<Pod>(client.clone(), "/api/v1/pods", pods_in));
    watches.spawn(watch::run::<Node>(client.clone(), "/api/v1/nodes", nodes_in));
    let mut driver = Driver { client, state: State::default(), writes: JoinSet::new() };
    // Nothing is scheduled before both lists are in: a node would seem empty, or missing.
    let first = tokio::join!(nodes.recv(), pods.recv());
    let (Some(first_nodes), Some(first_pods)) = first else { return };
    driver.state.take_nodes(first_nodes, Instant::now());
    driver.state.take_pods(first_pods, Instant::now());
    loop {
        for _ in 0..CHANGES_PER_TURN_MAX {
            match (nodes.try_recv(), pods.try_recv()) {
                (Err(_), Err(_)) => break,
                (node, pod) => {
                    node.into_iter().for_each(|change| driver.state.take_nodes(change, Instant::now()));
                    pod.into_iter().for_each(|change| driver.state.take_pods(change, Instant::now()));
                }
            }
        }
        if driver.writes.len() < WRITES_MAX && driver.turn() {
            continue;
        }
        let due = driver.state.next_due();
        tokio::select! {
            Some(change) = nodes.recv() => driver.state.take_nodes(change, Instant::now()),
            Some(change) = pods.recv() => driver.state.take_pods(change, Instant::now()),
            Some(written) = driver.writes.join_next() => match written {
                Ok(Written::Refused(pod)) => driver.state.refused(&pod, Instant::now()),
                Ok(Written::Done) => {}
                // Writes catch their panics, and only dropping the driver aborts them.
                Err(fault) => error!(%fault, "a write of the scheduler broke off"),
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            else => return,
        }
    }
}

// === impl Driver ===

impl Driver {
    /// Gives one pod its turn, if one is due.
    fn turn(&mut self) -> bool {
        let Some(turn) = self.state.turn(Instant::now()) else { return false };
        let client = self.client.clone();
        match turn {
            Turn::Bind { pod, node } => drop(self.writes.spawn(bind_or_say(client, pod, node))),
            Turn::Tell { pod, message } => {
                debug!(pod = %snapshot::key(&pod), message, "no node");
                self.writes.spawn(async move {
                    report::tell_unschedulable(&client, &pod, message).await;
                    Written::Done
                });
            }
            Turn::Known => {}
        }
        true
    }
}

/// Binds, and answers what came of it even if our own code panics: a pod must never stay assumed by nobody.
async fn bind_or_say(client: Client, pod: Arc<Pod>, node: Box<str>) -> Written {
    if let Ok(written) = AssertUnwindSafe(bind(&client, &pod, &node)).catch_unwind().await {
        return written;
    }
    error!(pod = %snapshot::key(&pod), node = %node, "the binding of a pod panicked");
    settle(&client, &pod).await
}

async fn bind(client: &Client, pod: &Arc<Pod>, node: &str) -> Written {
    match report::bind(client, pod, node).await {
        Ok(()) => {
            debug!(pod = %snapshot::key(pod), node, "bound");
            report::tell_bound(client, pod, node).await;
            Written::Done
        }
        Err(error) => {
            info!(pod = %snapshot::key(pod), node, %error, "binding was refused");
            settle(client, pod).await
        }
    }
}

/// Finds out what became of a binding whose answer was an error: it may have been made all the same, by us or by others.
/// Until the API can say, the room stays taken.
async fn settle(client: &Client, pod: &Arc<Pod>) -> Written {
    loop {
        match report::stands(client, pod).await {
            Ok(Stands::Bound | Stands::Gone) => return Written::Done,
            Ok(Stands::Waiting) => return Written::Refused(pod.clone()),
            Err(error) => debug!(pod = %snapshot::key(pod), %error, "not known whether it was bound"),
        }
        sleep(ASK_PAUSE).await;
    }
}
