//! Tokens over a store with an account and a pod.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::json;
use storage::{Draft, Durability, Index, Key as StoreKey, Object, Precondition, Storage};

use super::jwt::Key;
use super::token::{Claims, Private, Reference, Refusal, Tokens};

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const NOW: i64 = 1_800_000_000;

struct World {
    storage: Arc<dyn Storage>,
    tokens: Tokens,
}

async fn world() -> World {
    let storage = storage::open_memory();
    let world = World { tokens: Tokens::new(Key::generate(), ISSUER.to_owned(), storage.clone()), storage };
    world.put("core/serviceaccounts", "robot", "uid-1", "").await;
    world.put("core/pods", "p", "uid-2", "").await;
    world
}

impl World {
    async fn put(&self, resource: &str, name: &str, uid: &str, deleted: &str) {
        let key = StoreKey { resource: resource.into(), namespace: "a".into(), name: name.into() };
        let metadata = if deleted.is_empty() { json!({}) } else { json!({"deletionTimestamp": deleted}) };
        let value = format!("{{\"metadata\":{metadata},\"revision\":}}");
        let revision_at = value.len() - 1;
        let index = Index { uid: uid.into(), ..Index::default() };
        let draft = Draft { value: value.into(), revision_at, index, durability: Durability::Disk };
        let old = self.get(resource, name).await;
        let precondition = old.map_or(Precondition::Absent, |old| Precondition::At(old.revision));
        self.storage.put(key, draft, precondition).await.unwrap();
    }

    async fn get(&self, resource: &str, name: &str) -> Option<Object> {
        let key = StoreKey { resource: resource.into(), namespace: "a".into(), name: name.into() };
        self.storage.get(&key).await.unwrap()
    }

    async fn remove(&self, resource: &str, name: &str) {
        let object = self.get(resource, name).await.unwrap();
        self.storage.delete(object.key, object.revision).await.unwrap();
    }

    fn issue(&self, audience: &str) -> String {
        let reference = |name: &str, uid: &str| Reference { name: name.to_owned(), uid: uid.to_owned() };
        let kubernetes = Private {
            namespace: "a".to_owned(),
            serviceaccount: reference("robot", "uid-1"),
            pod: Some(reference("p", "uid-2")),
            ..Private::default()
        };
        let aud = vec![audience.to_owned()];
        self.tokens.issue(Claims { aud, exp: NOW + 600, iat: NOW, nbf: NOW, kubernetes, ..Claims::default() })
    }

    async fn refusal(&self, token: &str, now: i64) -> Option<Refusal> {
        self.tokens.accept(token, &[ISSUER.to_owned()], now).await.err()
    }
}

#[tokio::test]
async fn a_token_says_whose_it_is() {
    let world = world().await;
    let accepted = world.tokens.accept(&world.issue(ISSUER), &[ISSUER.to_owned()], NOW).await.unwrap();
    assert_eq!(accepted.user.name, "system:serviceaccount:a:robot");
    assert_eq!(accepted.user.uid, "uid-1");
    assert_eq!(accepted.user.groups, ["system:serviceaccounts", "system:serviceaccounts:a"]);
    assert_eq!(accepted.user.extra["authentication.kubernetes.io/pod-name"], ["p"]);
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_its_audience() {
    let world = world().await;
    let token = world.issue(ISSUER);
    assert_eq!(world.refusal(&token, NOW + 600).await, None);
    assert_eq!(world.refusal(&token, NOW + 700).await, Some(Refusal::Expired));
    assert_eq!(world.refusal(&token, NOW - 700).await, Some(Refusal::Expired));
    assert_eq!(world.refusal("nope", NOW).await, Some(Refusal::NotOurs));
    let refusal = world.refusal(&world.issue("vault"), NOW).await.unwrap();
    assert_eq!(
        refusal.to_string(),
        format!(
            "[invalid bearer token, token audiences [\"vault\"] is invalid for the target audiences [\"{ISSUER}\"]]"
        )
    );
}

#[tokio::test]
async fn a_token_ends_with_what_it_is_bound_to() {
    let world = world().await;
    let token = world.issue(ISSUER);
    assert_eq!(world.refusal(&token, NOW).await, None);
    world.remove("core/pods", "p").await;
    assert_eq!(world.refusal(&token, NOW).await, Some(Refusal::Invalidated));
    world.put("core/pods", "p", "another uid", "").await;
    assert_eq!(world.refusal(&token, NOW).await, Some(Refusal::Invalidated));
    world.put("core/pods", "p", "uid-2", "2027-01-15T07:00:00Z").await;
    assert_eq!(world.refusal(&token, NOW).await, Some(Refusal::Invalidated), "deleted an hour ago");
    world.put("core/pods", "p", "uid-2", "2027-01-15T07:59:50Z").await;
    assert_eq!(world.refusal(&token, NOW).await, None, "still stopping");
    world.remove("core/serviceaccounts", "robot").await;
    assert_eq!(world.refusal(&token, NOW).await, Some(Refusal::Invalidated));
}
