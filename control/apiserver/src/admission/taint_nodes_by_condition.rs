//! A new node takes no pods until something has found it ready.

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::admission::{Context, Operation, Plugin};
use crate::error::Failure;
use crate::object::Fields;

const KEY: &str = "node.kubernetes.io/not-ready";
const EFFECT: &str = "NoSchedule";

/// `TaintNodesByCondition`.
pub struct TaintNodesByCondition;

impl Plugin for TaintNodesByCondition {
    fn name(&self) -> &'static str {
        "TaintNodesByCondition"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, object: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        if cx.operation == Operation::Create && cx.is_about("", "nodes") {
            taint(object);
        }
        Box::pin(async { Ok(()) })
    }
}

fn taint(node: &mut Value) {
    let taints = node.list_at("spec.taints");
    if taints.iter().any(|taint| taint.str_at("key") == KEY && taint.str_at("effect") == EFFECT) {
        return;
    }
    let all: Vec<Value> = taints.iter().cloned().chain([json!({"key": KEY, "effect": EFFECT})]).collect();
    node.set("spec.taints", all);
}
