//! What a server has from the start, and what a restart puts back.

use apiserver::resources::bootstrap;
use storage::{Key, Revision};

use crate::serve;

#[tokio::test]
async fn a_deleted_role_comes_back_when_the_server_starts_again() {
    let storage = storage::open_memory();
    bootstrap::apply(&*storage, serve::over(storage.clone()).service()).await.expect("the store is empty");
    let view =
        Key { resource: "rbac.authorization.k8s.io/clusterroles".into(), namespace: "".into(), name: "view".into() };
    let made = storage.get(&view).await.expect("memory can be read").expect("it is made");
    let deleted = storage.delete(view.clone(), made.revision).await.expect("nobody else writes");

    bootstrap::apply(&*storage, serve::over(storage.clone()).service()).await.expect("the rest is there");
    assert!(storage.get(&view).await.expect("memory can be read").is_some());
    assert_eq!(storage.revision(), Revision(deleted.0 + 1), "nothing else was written");
}
