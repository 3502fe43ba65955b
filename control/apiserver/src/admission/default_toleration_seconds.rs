//! Pods stay five minutes on a node that is not ready or not reachable, unless they say otherwise.

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::admission::{Context, Operation, Plugin};
use crate::error::Failure;
use crate::object::Fields;

const KEYS: &[&str] = &["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const SECONDS: i64 = 300;

/// `DefaultTolerationSeconds`.
pub struct DefaultTolerationSeconds;

impl Plugin for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, object: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        if matches!(cx.operation, Operation::Create | Operation::Update) && cx.is_about("", "pods") {
            add_missing(object);
        }
        Box::pin(async { Ok(()) })
    }
}

fn add_missing(pod: &mut Value) {
    let tolerations = pod.list_at("spec.tolerations");
    let missing: Vec<&str> = KEYS.iter().filter(|key| !tolerates(tolerations, key)).copied().collect();
    if missing.is_empty() {
        return;
    }
    let added = missing
        .into_iter()
        .map(|key| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}));
    let all: Vec<Value> = tolerations.iter().cloned().chain(added).collect();
    pod.set("spec.tolerations", all);
}

fn tolerates(tolerations: &[Value], taint: &str) -> bool {
    tolerations.iter().any(|toleration| {
        let (key, effect) = (toleration.str_at("key"), toleration.str_at("effect"));
        (key.is_empty() || key == taint) && (effect.is_empty() || effect == "NoExecute")
    })
}
