//! The loop of the scheduler: takes in changes, schedules one pod at a time, and binds many at once.

use std::{collections::HashSet, sync::Arc};

use kube::Client;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tracing::{debug, info};

use crate::{
    queue::Queue,
    report::{self, SCHEDULER},
    schedule::schedule,
    snapshot::{self, PodKey, Snapshot},
    view::{Node, Object, Pod},
    watch::{self, Change},
};

/// So many changes of each kind may wait to be taken in.
const CHANGES_MAX: usize = 512;
/// So many bindings and reports may be under way.
const WRITES_MAX: usize = 64;
/// So many changes are taken in before the next pod gets its turn.
const CHANGES_PER_TURN_MAX: usize = 256;

/// What a finished write says.
enum Written {
    Bound,
    /// The binding was refused: the pod has to be looked at again, if it is still there.
    Refused(PodKey),
    Told,
}

struct Driver {
    client: Client,
    snapshot: Snapshot,
    queue: Queue,
    writes: JoinSet<Written>,
}

/// Runs until it is dropped, and its watches and writes with it.
pub(crate) async fn run(client: Client) {
    let (pods_in, mut pods) = mpsc::channel(CHANGES_MAX);
    let (nodes_in, mut nodes) = mpsc::channel(CHANGES_MAX);
    let mut watches = JoinSet::new();
    watches.spawn(watch::run::<Pod>(client.clone(), "/api/v1/pods", pods_in));
    watches.spawn(watch::run::<Node>(client.clone(), "/api/v1/nodes", nodes_in));
    let (snapshot, queue, writes) = (Snapshot::default(), Queue::default(), JoinSet::new());
    let mut driver = Driver { client, snapshot, queue, writes };
    // Nothing is scheduled before both lists are in: a node would seem empty, or missing.
    let first = tokio::join!(nodes.recv(), pods.recv());
    let (Some(first_nodes), Some(first_pods)) = first else { return };
    driver.take_nodes(first_nodes);
    driver.take_pods(first_pods);
    loop {
        for _ in 0..CHANGES_PER_TURN_MAX {
            match (nodes.try_recv(), pods.try_recv()) {
                (Err(_), Err(_)) => break,
                (node, pod) => {
                    node.into_iter().for_each(|change| driver.take_nodes(change));
                    pod.into_iter().for_each(|change| driver.take_pods(change));
                }
            }
        }
        if driver.writes.len() < WRITES_MAX && driver.turn() {
            continue;
        }
        let due = driver.queue.next_due();
        tokio::select! {
            Some(change) = nodes.recv() => driver.take_nodes(change),
            Some(change) = pods.recv() => driver.take_pods(change),
            Some(written) = driver.writes.join_next() => driver.take_written(written),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            else => return,
        }
    }
}

// === impl Driver ===

impl Driver {
    fn take_nodes(&mut self, change: Change<Node>) {
        let helps = match change {
            Change::All(nodes) => {
                let names: HashSet<_> = nodes.iter().map(|node| node.metadata.name.clone()).collect();
                self.snapshot.retain_nodes(|name| names.contains(name));
                // Each of them is taken in, also after the first that helps.
                nodes.into_iter().filter(|node| self.snapshot.put_node(node.clone())).count() > 0
            }
            Change::Put(node) => self.snapshot.put_node(node),
            Change::Gone(node) => {
                self.snapshot.remove_node(&node.meta().name);
                // The messages of waiting pods count nodes.
                true
            }
        };
        if helps {
            self.queue.helped(Instant::now());
        }
    }

    fn take_pods(&mut self, change: Change<Pod>) {
        match change {
            Change::All(pods) => {
                let keys: HashSet<_> = pods.iter().map(snapshot::key).collect();
                self.snapshot.retain_pods(|key| keys.contains(key));
                self.queue.retain(|key| keys.contains(key));
                pods.into_iter().for_each(|pod| self.put_pod(pod));
            }
            Change::Put(pod) => self.put_pod(pod),
            Change::Gone(pod) => self.remove_pod(&snapshot::key(&pod)),
        }
    }

    fn put_pod(&mut self, pod: Pod) {
        let key = snapshot::key(&pod);
        let spec = &pod.spec;
        if pod.is_terminal() {
            self.remove_pod(&key);
        } else if !spec.node_name.is_empty() {
            self.queue.remove(&key);
            self.snapshot.place(&pod, &spec.node_name);
        } else if &*spec.scheduler_name != SCHEDULER || !spec.scheduling_gates.is_empty() {
            self.queue.remove(&key);
        } else if pod.metadata.deletion_timestamp.is_some() {
            self.remove_pod(&key);
        } else if !self.snapshot.is_placed(&key) {
            self.queue.put(key, Arc::new(pod));
        }
    }

    fn remove_pod(&mut self, key: &str) {
        self.queue.remove(key);
        if self.snapshot.remove_pod(key) {
            self.queue.helped(Instant::now());
        }
    }

    /// Schedules one pod, if one is due.
    fn turn(&mut self) -> bool {
        let Some((key, pod)) = self.queue.pop(Instant::now()) else { return false };
        let client = self.client.clone();
        match schedule(&pod, &self.snapshot) {
            Ok(node) => {
                // Counted before it is bound, so that the next pod does not get the same room.
                self.snapshot.place(&pod, &node);
                self.writes.spawn(bind(client, key, pod, node));
            }
            Err(message) => {
                debug!(pod = %key, message, "no node");
                if self.queue.failed(&key, &message, Instant::now()) {
                    self.writes.spawn(async move {
                        report::tell_unschedulable(&client, &pod, message).await;
                        Written::Told
                    });
                }
            }
        }
        true
    }

    fn take_written(&mut self, written: Result<Written, JoinError>) {
        if let Ok(Written::Refused(key)) = written {
            self.snapshot.remove_pod(&key);
            self.queue.retry(&key, Instant::now());
        }
    }
}

async fn bind(client: Client, key: PodKey, pod: Arc<Pod>, node: Box<str>) -> Written {
    match report::bind(&client, &pod, &node).await {
        Ok(()) => {
            debug!(pod = %key, node = %node, "bound");
            report::tell_bound(&client, &pod, &node).await;
            Written::Bound
        }
        Err(error) => {
            info!(pod = %key, node = %node, %error, "binding was refused");
            Written::Refused(key)
        }
    }
}
