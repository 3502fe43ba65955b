//! Pods get their number from their priority class; there is one default class at most, and the system's stay.

use futures::future::BoxFuture;
use serde_json::Value;

use crate::admission::{Context, Operation, Plugin};
use crate::error::Failure;
use crate::object::Fields;
use crate::registry::Registry;
use crate::resources::bootstrap::SYSTEM_PRIORITY_CLASSES;

const CLASSES: &str = "scheduling.k8s.io/priorityclasses";
const GROUP: &str = "scheduling.k8s.io";
const PREEMPT: &str = "PreemptLowerPriority";

/// `Priority`.
pub struct Priority;

/// What a class gives a pod.
struct Class {
    name: String,
    value: i64,
    preemption: String,
}

impl Plugin for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, object: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        if cx.operation != Operation::Create || !cx.is_about("", "pods") {
            return Box::pin(async { Ok(()) });
        }
        Box::pin(async move {
            let name = object.str_at("spec.priorityClassName").to_owned();
            let class = match name.as_str() {
                "" => default_class(cx.registry).await?,
                name => named_class(cx.registry, name)
                    .await?
                    .ok_or_else(|| cx.forbidden(&format!("no PriorityClass with name {name} was found")))?,
            };
            give(object, &class).map_err(|what| cx.forbidden(&what))
        })
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        if !cx.is_about(GROUP, "priorityclasses") {
            return Box::pin(async { Ok(()) });
        }
        Box::pin(async move {
            match cx.operation {
                Operation::Delete if SYSTEM_PRIORITY_CLASSES.iter().any(|(name, ..)| *name == cx.name) => {
                    Err(cx.forbidden("this is a system priority class and cannot be deleted"))
                }
                Operation::Create | Operation::Update if object.bool_at("globalDefault") => only_default(cx).await,
                Operation::Create | Operation::Update | Operation::Delete | Operation::Connect => Ok(()),
            }
        })
    }
}

/// Writes the class into the pod, or says which part of the pod contradicts it.
fn give(pod: &mut Value, class: &Class) -> Result<(), String> {
    if let Some(given) = pod.i64_at("spec.priority").filter(|given| *given != class.value) {
        return Err(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
             computed {} from the given PriorityClass name",
            class.value
        ));
    }
    let given = pod.str_at("spec.preemptionPolicy");
    if !given.is_empty() && given != class.preemption {
        return Err(format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission \
             controller computed {} from the given PriorityClass name",
            class.preemption
        ));
    }
    if !class.name.is_empty() {
        pod.set("spec.priorityClassName", class.name.as_str());
    }
    pod.set("spec.priority", class.value);
    pod.set("spec.preemptionPolicy", class.preemption.as_str());
    Ok(())
}

async fn named_class(registry: &Registry, name: &str) -> Result<Option<Class>, Failure> {
    if let Some(class) = registry.get(CLASSES, "", name).await? {
        return Ok(Some(Class::of(&class)));
    }
    // These hold even where nobody made the objects.
    let known = SYSTEM_PRIORITY_CLASSES.iter().find(|(known, ..)| *known == name);
    Ok(known.map(|(name, value, _)| Class { name: (*name).to_owned(), value: *value, preemption: PREEMPT.to_owned() }))
}

/// The class of pods that name none: the lowest of those marked, or 0.
async fn default_class(registry: &Registry) -> Result<Class, Failure> {
    let classes = registry.list(CLASSES, "").await?;
    let marked = classes.iter().filter(|class| class.bool_at("globalDefault")).map(Class::of);
    let none = || Class { name: String::new(), value: 0, preemption: PREEMPT.to_owned() };
    Ok(marked.min_by_key(|class| class.value).unwrap_or_else(none))
}

async fn only_default(cx: &Context<'_>) -> Result<(), Failure> {
    let classes = cx.registry.list(CLASSES, "").await?;
    let other = classes.iter().find(|class| class.bool_at("globalDefault") && class.str_at("metadata.name") != cx.name);
    let Some(other) = other else { return Ok(()) };
    let name = other.str_at("metadata.name");
    Err(cx.forbidden(&format!("PriorityClass {name} is already marked as default. Only one default can exist")))
}

// === impl Class ===

impl Class {
    fn of(class: &Value) -> Class {
        let preemption = match class.str_at("preemptionPolicy") {
            "" => PREEMPT,
            policy => policy,
        };
        Class {
            name: class.str_at("metadata.name").to_owned(),
            value: class.i64_at("value").unwrap_or_default(),
            preemption: preemption.to_owned(),
        }
    }
}
