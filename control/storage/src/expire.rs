//! Bounds resources of which nobody deletes anything, Events above all: by age since the last write, and by number.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{Object, Paging, Query, Revision, Storage};

/// How many times in a lifetime to look.
const LOOKS_IN_LIFETIME: u32 = 6;

/// What may stay of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// As in [`crate::Key::resource`].
    pub resource: Arc<str>,
    /// How long an object stays after its last write, and up to a sixth longer.
    pub lifetime: Duration,
    /// How many objects stay; of more, those whose last write is oldest go.
    pub objects_max: usize,
}

/// Deletes for ever what `retention` does not let stay. Cancel by dropping.
pub async fn expire_periodically(storage: Arc<dyn Storage>, retention: Retention) {
    let mut ticks = tokio::time::interval(retention.lifetime / LOOKS_IN_LIFETIME);
    // The revisions of the last looks: what has one from a lifetime ago is older than that.
    let mut looks: VecDeque<Revision> = VecDeque::new();
    let query = Query { resource: retention.resource.clone(), namespace: "".into(), name: None, field: None };
    loop {
        ticks.tick().await;
        let lapsed = match looks.len() > LOOKS_IN_LIFETIME as usize - 1 {
            true => looks.pop_front().unwrap_or_default(),
            false => Revision(0),
        };
        looks.push_back(storage.revision());
        let Ok(page) = storage.list(&query, Paging::default()).await else { continue };
        for object in expired(page.objects, lapsed, retention.objects_max) {
            // One that was written meanwhile stays.
            let _ = storage.delete(object.key, object.revision).await;
        }
    }
}

/// The objects last written up to `lapsed`, and the oldest of those beyond `objects_max`.
fn expired(mut objects: Vec<Object>, lapsed: Revision, objects_max: usize) -> Vec<Object> {
    objects.sort_by_key(|object| object.revision);
    let old = objects.partition_point(|object| object.revision <= lapsed);
    let surplus = objects.len().saturating_sub(objects_max);
    objects.truncate(old.max(surplus));
    objects
}
