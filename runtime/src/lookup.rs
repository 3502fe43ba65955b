//! Bounds the names that guests ask the host's resolver for: it blocks a thread for as long as the system lets it.
//!
//! # Guarantees
//! - At most `LOOKUPS_MAX` run at once, and `GROUP_LOOKUPS_MAX` of one group; what is over the bound is refused at once.
//! - A place is taken until the resolver has answered, even when nobody waits any more: a thread in `getaddrinfo` cannot
//!   be called back.
//! - One that has not begun when its asker goes away never begins.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

/// Each takes a thread of the executor's blocking pool, which other work needs too.
const LOOKUPS_MAX: usize = 32;
const GROUP_LOOKUPS_MAX: usize = 4;
/// Addresses that one name gives at most.
const ADDRESSES_MAX: usize = 64;

/// The lookups of one process.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    running: Mutex<Count>,
}

/// One lookup, owned by whoever asked; the answer is empty if there is no such name.
pub(crate) type Lookup = AbortOnDropHandle<Vec<IpAddr>>;

/// Too many lookups run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many name lookups at once: at most {} of a group, {} in all", GROUP_LOOKUPS_MAX, LOOKUPS_MAX)]
pub(crate) struct TooMany;

impl Lookups {
    /// Asks the host's resolver for a name, in the name of a group.
    pub(crate) fn ask(self: &Arc<Self>, group: &str, name: &str) -> Result<Lookup, TooMany> {
        let name = name.to_owned();
        self.ask_with(group, move || {
            let found = (name.as_str(), 0).to_socket_addrs()?;
            Ok(found.take(ADDRESSES_MAX).map(|address| address.ip()).collect())
        })
    }

    fn ask_with(
        self: &Arc<Self>,
        group: &str,
        resolve: impl FnOnce() -> io::Result<Vec<IpAddr>> + Send + 'static,
    ) -> Result<Lookup, TooMany> {
        let place = LookupPlace::take(self, group)?;
        let task = tokio::task::spawn_blocking(move || {
            let found = resolve().unwrap_or_default();
            drop(place);
            found
        });
        Ok(AbortOnDropHandle::new(task))
    }
}

/// How many run, by group; groups without any are not in it.
#[derive(Debug, Default)]
struct Count {
    total: usize,
    groups: HashMap<String, usize>,
}

/// One of the lookups that may run at once, given back when the resolver has answered.
struct LookupPlace {
    lookups: Arc<Lookups>,
    group: String,
}

impl LookupPlace {
    fn take(lookups: &Arc<Lookups>, group: &str) -> Result<Self, TooMany> {
        let mut running = lookups.running.lock();
        let of_group = running.groups.get(group).copied().unwrap_or(0);
        if running.total >= LOOKUPS_MAX || of_group >= GROUP_LOOKUPS_MAX {
            return Err(TooMany);
        }
        running.total += 1;
        running.groups.insert(group.to_owned(), of_group + 1);
        Ok(Self { lookups: Arc::clone(lookups), group: group.to_owned() })
    }
}

impl Drop for LookupPlace {
    fn drop(&mut self) {
        let mut running = self.lookups.running.lock();
        running.total -= 1;
        let Some(of_group) = running.groups.get_mut(&self.group) else { return };
        *of_group -= 1;
        if *of_group == 0 {
            running.groups.remove(&self.group);
        }
        if running.groups.is_empty() {
            running.groups = HashMap::new();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::mpsc;

    use super::*;

    /// A lookup whose resolver answers when the sender says so.
    fn slow(lookups: &Arc<Lookups>, group: &str) -> Result<(Lookup, mpsc::Sender<()>), TooMany> {
        let (answer, heard) = mpsc::channel();
        let lookup = lookups.ask_with(group, move || {
            let _ = heard.recv();
            Ok(vec![IpAddr::from([192, 0, 2, 1])])
        })?;
        Ok((lookup, answer))
    }

    #[tokio::test]
    async fn a_group_is_refused_over_its_bound_and_others_are_not() {
        let lookups = Arc::new(Lookups::default());
        let mut running: Vec<_> = (0..GROUP_LOOKUPS_MAX).map(|_| slow(&lookups, "a").unwrap()).collect();
        assert_eq!(slow(&lookups, "a").err(), Some(TooMany));
        running.push(slow(&lookups, "b").unwrap());
        let (lookup, answer) = running.remove(0);
        answer.send(()).unwrap();
        assert_eq!(lookup.await.unwrap(), [IpAddr::from([192, 0, 2, 1])]);
        running.push(slow(&lookups, "a").unwrap());
    }

    #[tokio::test]
    async fn the_process_has_a_bound_of_its_own() {
        let lookups = Arc::new(Lookups::default());
        let ask = |number: usize| slow(&lookups, &format!("group-{number}"));
        let running: Vec<_> = (0..LOOKUPS_MAX).map(|number| ask(number).unwrap()).collect();
        assert_eq!(ask(LOOKUPS_MAX).err(), Some(TooMany));
        for (lookup, answer) in running {
            drop(answer);
            lookup.await.unwrap();
        }
        assert!(lookups.running.lock().groups.is_empty());
    }

    /// An instance that asks, ends and starts again must not hold more threads each time.
    #[tokio::test]
    async fn a_lookup_that_nobody_waits_for_keeps_its_place_until_it_is_answered() {
        let lookups = Arc::new(Lookups::default());
        let (began, has_begun) = mpsc::channel();
        let (answer, heard) = mpsc::channel::<()>();
        let lookup = lookups.ask_with("a", move || {
            began.send(()).unwrap();
            let _ = heard.recv();
            Ok(Vec::new())
        });
        has_begun.recv().unwrap();
        drop(lookup.unwrap());
        assert_eq!(lookups.running.lock().total, 1);
        drop(answer);
        while lookups.running.lock().total > 0 {
            tokio::task::yield_now().await;
        }
    }
}
