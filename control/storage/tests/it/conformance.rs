//! The suite of every backend: one sentence a test, run once for each.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use storage::{Draft, Error, OBJECT_BYTES_MAX, Paging, Precondition, Query, Revision, Storage, Watch};

use crate::objects::{create, delete, draft, in_memory, key, names, of, on_node, pods, text, update};

macro_rules! conformance {
    ($($test:ident)*) => {
        mod memory {
            $(#[tokio::test] async fn $test() { super::$test(storage::open_memory()).await; })*
        }
        mod redb {
            $(#[tokio::test] async fn $test() {
                let directory = tempfile::tempdir().unwrap();
                super::$test(storage::open(directory.path()).unwrap()).await;
            })*
        }
    };
}

conformance! {
    a_new_object_carries_its_revision
    a_name_is_taken_once
    an_update_needs_the_last_revision
    a_delete_needs_the_last_revision
    revisions_increase_over_all_resources
    an_object_that_is_too_large_is_refused
    lists_are_in_the_order_of_paths
    lists_are_of_one_resource_and_namespace
    lists_can_be_of_one_name_or_field_value
    pages_show_the_first_pages_snapshot
    a_list_as_of_then_has_what_was_there_then
    a_list_of_compacted_history_is_refused
    a_list_of_the_future_is_refused
    a_watch_gets_changes_in_order_once
    a_watch_begins_where_it_is_told
    a_watch_sees_only_its_scope
    a_watch_by_field_sees_entries_and_exits
    a_watch_of_everything_sees_all_resources
    a_watch_from_compacted_history_is_refused
    a_slow_watcher_is_closed
    a_watcher_with_megabytes_behind_it_is_closed
    an_object_of_any_size_reaches_a_watcher_that_keeps_up
    closing_ends_watches_and_refuses_writes
    concurrent_updates_are_all_applied_once
    objects_in_memory_are_like_others
}

type Store = Arc<dyn Storage>;

async fn a_new_object_carries_its_revision(store: Store) {
    let object = create(&store, key("a", "x"), draft("hello")).await;
    assert_eq!(text(&object), format!("r{}:hello", object.revision.0));
    assert_eq!(store.get(&object.key).await.unwrap().unwrap(), object);
    assert_eq!(store.revision(), object.revision);
    assert!(object.revision > Revision(1), "0 and 1 have meanings of their own");
}

async fn a_name_is_taken_once(store: Store) {
    let first = create(&store, key("a", "x"), draft("1")).await;
    let Err(Error::Conflict { current }) = store.put(key("a", "x"), draft("2"), Precondition::Absent).await else {
        panic!("the name was given twice");
    };
    assert_eq!(*current.unwrap(), first);
}

async fn an_update_needs_the_last_revision(store: Store) {
    let first = create(&store, key("a", "x"), draft("1")).await;
    let second = update(&store, &first, draft("2")).await;
    assert!(second.revision > first.revision);
    let stale = store.put(first.key.clone(), draft("3"), Precondition::At(first.revision)).await;
    assert!(matches!(stale, Err(Error::Conflict { current: Some(current) }) if *current == second));
    let missing = store.put(key("a", "y"), draft("3"), Precondition::At(first.revision)).await;
    assert!(matches!(missing, Err(Error::Conflict { current: None })));
}

async fn a_delete_needs_the_last_revision(store: Store) {
    let first = create(&store, key("a", "x"), draft("1")).await;
    let second = update(&store, &first, draft("2")).await;
    assert!(matches!(store.delete(first.key.clone(), first.revision).await, Err(Error::Conflict { current: Some(_) })));
    let deleted = delete(&store, &second).await;
    assert!(deleted > second.revision);
    assert_eq!(store.get(&first.key).await.unwrap(), None);
    assert!(matches!(store.delete(first.key.clone(), second.revision).await, Err(Error::Conflict { current: None })));
}

async fn revisions_increase_over_all_resources(store: Store) {
    let a = create(&store, of("core/nodes", "n"), draft("")).await;
    let b = create(&store, key("a", "x"), draft("")).await;
    assert!(b.revision > a.revision);
    assert!(delete(&store, &a).await > b.revision);
}

async fn an_object_that_is_too_large_is_refused(store: Store) {
    let large = Draft { value: vec![b'x'; OBJECT_BYTES_MAX].into(), ..draft("") };
    let revision = store.revision();
    assert!(matches!(store.put(key("a", "x"), large, Precondition::Absent).await, Err(Error::TooLarge { .. })));
    assert_eq!(store.revision(), revision);
}

async fn lists_are_in_the_order_of_paths(store: Store) {
    for (namespace, name) in [("a", "y"), ("a-b", "x"), ("b", "a"), ("a", "x"), ("a", "x-1"), ("a.b", "z"), ("a1", "x")]
    {
        create(&store, key(namespace, name), draft("")).await;
    }
    let page = store.list(&pods(), Paging::default()).await.unwrap();
    assert_eq!(names(&page.objects), ["a-b/x", "a.b/z", "a/x", "a/x-1", "a/y", "a1/x", "b/a"]);
}

async fn lists_are_of_one_resource_and_namespace(store: Store) {
    for namespace in ["a", "b"] {
        create(&store, key(namespace, "x"), draft("")).await;
    }
    create(&store, of("core/nodes", "n"), draft("")).await;
    create(&store, of("core/podsets", "n"), draft("")).await;
    let one = Query { namespace: "b".into(), ..pods() };
    assert_eq!(names(&store.list(&one, Paging::default()).await.unwrap().objects), ["b/x"]);
    assert_eq!(names(&store.list(&pods(), Paging::default()).await.unwrap().objects), ["a/x", "b/x"]);
    let all = Query { resource: "*".into(), ..pods() };
    assert_eq!(store.list(&all, Paging::default()).await.unwrap().objects.len(), 4);
}

async fn lists_can_be_of_one_name_or_field_value(store: Store) {
    for (name, node) in [("x", "n1"), ("y", "n2"), ("z", "n1")] {
        create(&store, key("a", name), on_node("", node)).await;
    }
    create(&store, key("b", "y"), on_node("", "n2")).await;
    let list = async |query: Query| names(&store.list(&query, Paging::default()).await.unwrap().objects);
    assert_eq!(list(Query { name: Some("y".into()), ..pods() }).await, ["a/y", "b/y"]);
    assert_eq!(list(Query { name: Some("y".into()), namespace: "a".into(), ..pods() }).await, ["a/y"]);
    assert_eq!(list(Query { name: Some("yy".into()), namespace: "a".into(), ..pods() }).await, [""; 0]);
    assert_eq!(list(Query { field: Some(("spec.nodeName".into(), "n1".into())), ..pods() }).await, ["a/x", "a/z"]);
}

async fn pages_show_the_first_pages_snapshot(store: Store) {
    let b = create(&store, key("a", "b"), draft("1")).await;
    for name in ["a", "c", "d", "e"] {
        create(&store, key("a", name), draft("1")).await;
    }
    let first = store.list(&pods(), Paging { limit: 2, ..Paging::default() }).await.unwrap();
    assert_eq!((names(&first.objects), first.remaining), (vec!["a/a".to_owned(), "a/b".to_owned()], 3));

    delete(&store, &b).await;
    let c = store.get(&key("a", "c")).await.unwrap().unwrap();
    update(&store, &c, draft("2")).await;
    create(&store, key("a", "cc"), draft("2")).await;
    delete(&store, &store.get(&key("a", "e")).await.unwrap().unwrap()).await;

    let rest = Paging { limit: 2, after: Some(("a".into(), "b".into())), at: Some(first.revision) };
    let second = store.list(&pods(), rest.clone()).await.unwrap();
    assert_eq!((names(&second.objects), second.remaining), (vec!["a/c".to_owned(), "a/d".to_owned()], 1));
    assert_eq!(second.objects[0], c);
    assert_eq!(second.revision, first.revision);
    let last = Paging { after: Some(("a".into(), "d".into())), ..rest };
    assert_eq!(names(&store.list(&pods(), last).await.unwrap().objects), ["a/e"]);
}

async fn a_list_as_of_then_has_what_was_there_then(store: Store) {
    let mut snapshots = vec![(store.revision(), Vec::new())];
    for round in 0..40_usize {
        let key = key("a", &format!("o{}", round * 7 % 5));
        match store.get(&key).await.unwrap() {
            Some(object) if round % 3 == 0 => drop(delete(&store, &object).await),
            Some(object) => drop(update(&store, &object, draft(&round.to_string())).await),
            None => drop(create(&store, key, draft(&round.to_string())).await),
        }
        let page = store.list(&pods(), Paging::default()).await.unwrap();
        snapshots.push((page.revision, page.objects));
    }
    for (revision, objects) in snapshots {
        let page = store.list(&pods(), Paging { at: Some(revision), ..Paging::default() }).await.unwrap();
        assert_eq!(page.objects, objects, "at {revision:?}");
    }
}

async fn a_list_of_compacted_history_is_refused(store: Store) {
    let a = create(&store, key("a", "a"), draft("1")).await;
    let b = create(&store, key("a", "b"), draft("1")).await;
    create(&store, key("a", "c"), draft("1")).await;
    store.compact(b.revision);
    let list = async |at| store.list(&pods(), Paging { at: Some(at), ..Paging::default() }).await;
    assert_eq!(list(b.revision).await.unwrap().objects.len(), 2);
    assert!(matches!(list(a.revision).await, Err(Error::Compacted { oldest, .. }) if oldest == b.revision));
}

async fn a_list_of_the_future_is_refused(store: Store) {
    let at = Some(Revision(store.revision().0 + 1));
    let answer = store.list(&pods(), Paging { at, ..Paging::default() }).await;
    assert!(matches!(answer, Err(Error::Future { current, .. }) if current == store.revision()));
}

async fn a_watch_gets_changes_in_order_once(store: Store) {
    let mut watch = store.watch(pods(), store.revision()).unwrap();
    let first = create(&store, key("a", "x"), draft("1")).await;
    let second = update(&store, &first, draft("2")).await;
    let deleted = delete(&store, &second).await;

    let event = watch.next().await.unwrap();
    assert_eq!((event.revision, event.object, event.previous), (first.revision, Some(first.clone()), None));
    let event = watch.next().await.unwrap();
    assert_eq!((event.revision, event.object, event.previous), (second.revision, Some(second.clone()), Some(first)));
    let event = watch.next().await.unwrap();
    assert_eq!((event.revision, event.object, event.previous), (deleted, None, Some(second)));
    assert!(watch.next().now_or_never().is_none());
}

async fn a_watch_begins_where_it_is_told(store: Store) {
    let a = create(&store, key("a", "a"), draft("")).await;
    create(&store, key("a", "b"), draft("")).await;
    let mut watch = store.watch(pods(), a.revision).unwrap();
    create(&store, key("a", "c"), draft("")).await;
    assert_eq!(changed(&mut watch, 2).await, ["a/b", "a/c"]);
    assert!(matches!(store.watch(pods(), Revision(u64::MAX)), Err(Error::Future { .. })));
}

async fn a_watch_sees_only_its_scope(store: Store) {
    let from = store.revision();
    let named = || Query { name: Some("x".into()), namespace: "a".into(), ..pods() };
    let mut one_name = store.watch(named(), from).unwrap();
    let mut one_namespace = store.watch(Query { namespace: "a".into(), ..pods() }, from).unwrap();
    let mut nodes = store.watch(Query { resource: "core/nodes".into(), ..pods() }, from).unwrap();
    for (namespace, name) in [("b", "x"), ("a", "y"), ("a", "x")] {
        create(&store, key(namespace, name), draft("")).await;
    }
    create(&store, of("core/nodes", "n"), draft("")).await;
    assert_eq!(changed(&mut one_name, 1).await, ["a/x"]);
    assert_eq!(changed(&mut one_namespace, 2).await, ["a/y", "a/x"]);
    assert_eq!(changed(&mut nodes, 1).await, ["/n"]);
    assert_eq!(changed(&mut store.watch(named(), from).unwrap(), 1).await, ["a/x"]);
    assert!(one_name.next().now_or_never().is_none());
}

async fn a_watch_by_field_sees_entries_and_exits(store: Store) {
    let query = Query { field: Some(("spec.nodeName".into(), "n1".into())), ..pods() };
    let mut watch = store.watch(query, store.revision()).unwrap();
    let object = create(&store, key("a", "x"), on_node("1", "")).await;
    let object = update(&store, &object, on_node("2", "n1")).await;
    let object = update(&store, &object, on_node("3", "n1")).await;
    let object = update(&store, &object, on_node("4", "n2")).await;
    update(&store, &object, on_node("5", "n2")).await;
    create(&store, key("a", "y"), on_node("6", "n1")).await;
    assert_eq!(changed(&mut watch, 4).await, ["a/x", "a/x", "a/x", "a/y"]);
    assert!(watch.next().now_or_never().is_none());
}

async fn a_watch_of_everything_sees_all_resources(store: Store) {
    let mut watch = store.watch(Query { resource: "*".into(), ..pods() }, store.revision()).unwrap();
    create(&store, of("core/nodes", "n"), draft("")).await;
    create(&store, key("a", "x"), draft("")).await;
    assert_eq!(changed(&mut watch, 2).await, ["/n", "a/x"]);
}

async fn a_watch_from_compacted_history_is_refused(store: Store) {
    let a = create(&store, key("a", "a"), draft("1")).await;
    let b = create(&store, key("a", "b"), draft("1")).await;
    store.compact(b.revision);
    assert!(matches!(store.watch(pods(), a.revision), Err(Error::Compacted { .. })));
    assert!(store.watch(pods(), b.revision).is_ok());
    store.compact(Revision(u64::MAX));
    assert!(store.watch(pods(), store.revision()).is_ok());
}

async fn a_slow_watcher_is_closed(store: Store) {
    let mut slow = store.watch(pods(), store.revision()).unwrap();
    // Together, so that they share commits.
    let names = (0..2000).map(|name| create(&store, key("a", &name.to_string()), draft("")));
    futures::future::join_all(names.collect::<Vec<_>>()).await;
    let mut last = Revision(0);
    while let Some(event) = slow.next().await {
        assert!(last == Revision(0) || event.revision.0 == last.0 + 1, "a gap after {last:?}");
        last = event.revision;
    }
    assert!(Revision(0) < last && last < store.revision());
}

/// Ten large objects are far below the number of events that may wait.
async fn a_watcher_with_megabytes_behind_it_is_closed(store: Store) {
    let (mut slow, mut quick) = (watch(&store), watch(&store));
    let large = "x".repeat(1024 * 1024);
    for name in 0..10 {
        create(&store, key("a", &name.to_string()), draft(&large)).await;
        assert_eq!(&*quick.next().await.unwrap().subject().key.name, name.to_string());
    }
    let mut seen = 0;
    while let Some(event) = slow.next().await {
        assert_eq!(&*event.subject().key.name, seen.to_string(), "what it gets before the end has no gaps");
        seen += 1;
    }
    assert!((1..10).contains(&seen), "it was closed after {seen} events");
}

async fn an_object_of_any_size_reaches_a_watcher_that_keeps_up(store: Store) {
    let mut events = watch(&store);
    let mut object = create(&store, key("a", "x"), draft("")).await;
    events.next().await.unwrap();
    for _ in 0..8 {
        object = update(&store, &object, draft(&"x".repeat(OBJECT_BYTES_MAX - 16))).await;
        assert_eq!(events.next().await.unwrap().revision, object.revision);
    }
}

/// A watch of all pods from now on.
fn watch(store: &Store) -> Watch {
    store.watch(pods(), store.revision()).unwrap()
}

async fn closing_ends_watches_and_refuses_writes(store: Store) {
    let mut watch = store.watch(pods(), store.revision()).unwrap();
    let object = create(&store, key("a", "x"), draft("")).await;
    store.close();
    assert_eq!(changed(&mut watch, 1).await, ["a/x"]);
    assert!(watch.next().await.is_none());
    let refused = store.put(key("a", "y"), draft(""), Precondition::Absent).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })));
    assert_eq!(store.get(&object.key).await.unwrap(), Some(object));
    assert!(store.watch(pods(), store.revision()).unwrap().next().await.is_none());
}

async fn concurrent_updates_are_all_applied_once(store: Store) {
    const WRITERS: usize = 8;
    const WRITES: usize = 10;
    let mut watch = store.watch(pods(), store.revision()).unwrap();
    create(&store, key("a", "counter"), draft("0")).await;
    let writers = (0..WRITERS).map(|_| tokio::spawn(count_up(store.clone(), WRITES)));
    futures::future::join_all(writers).await.into_iter().for_each(Result::unwrap);

    let counter = store.get(&key("a", "counter")).await.unwrap().unwrap();
    assert!(text(&counter).ends_with(&format!(":{}", WRITERS * WRITES)));
    for expected in 0..=WRITERS * WRITES {
        let event = watch.next().await.unwrap();
        assert!(text(event.subject()).ends_with(&format!(":{expected}")));
    }
}

async fn count_up(store: Store, times: usize) {
    let mut done = 0;
    while done < times {
        let object = store.get(&key("a", "counter")).await.unwrap().unwrap();
        let count: usize = text(&object).rsplit(':').next().unwrap().parse().unwrap();
        let next = draft(&(count + 1).to_string());
        match store.put(object.key.clone(), next, Precondition::At(object.revision)).await {
            Ok(_) => done += 1,
            Err(Error::Conflict { .. }) => tokio::task::yield_now().await,
            Err(err) => panic!("{err}"),
        }
    }
}

async fn objects_in_memory_are_like_others(store: Store) {
    let mut watch = store.watch(pods(), store.revision()).unwrap();
    let object = create(&store, key("a", "x"), in_memory("1")).await;
    let object = update(&store, &object, in_memory("2")).await;
    let object = update(&store, &object, draft("3")).await;
    assert_eq!(text(&object), format!("r{}:3", object.revision.0));
    delete(&store, &object).await;
    assert_eq!(changed(&mut watch, 4).await, ["a/x"; 4]);
}

/// The names of the next changes. They must come within a second.
async fn changed(watch: &mut Watch, count: usize) -> Vec<String> {
    let mut subjects = Vec::new();
    for _ in 0..count {
        let event = tokio::time::timeout(Duration::from_secs(1), watch.next()).await.unwrap().unwrap();
        subjects.push(event.subject().clone());
    }
    names(&subjects)
}
