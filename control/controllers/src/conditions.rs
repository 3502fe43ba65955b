//! Conditions of a status, and the order that they stand in: one that changes moves to the end, as upstream has it.

use serde::{Deserialize, Serialize};

use crate::clock::Time;

/// One condition. Fields that its kind does not have stay out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) name: String,
    pub(crate) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_probe_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_update_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_transition_time: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
}

// === impl Condition ===

impl Condition {
    /// A condition that has just come about.
    pub(crate) fn new(name: &str, status: &str, reason: &str, message: String, now: Time) -> Self {
        let (name, status, reason) = (name.to_owned(), status.to_owned(), reason.to_owned());
        Self { name, status, last_transition_time: Some(now), reason, message, ..Self::default() }
    }
}

/// The condition of this type.
pub(crate) fn get<'a>(conditions: &'a [Condition], name: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.name == name)
}

/// Puts a condition at the end, unless one with its status and reason is there. The time of an equal status stays.
pub(crate) fn set(conditions: &mut Vec<Condition>, mut condition: Condition) {
    if let Some(old) = get(conditions, &condition.name)
        && old.status == condition.status
    {
        if old.reason == condition.reason {
            return;
        }
        condition.last_transition_time = old.last_transition_time;
    }
    remove(conditions, &condition.name);
    conditions.push(condition);
}

/// Takes a condition away.
pub(crate) fn remove(conditions: &mut Vec<Condition>, name: &str) {
    conditions.retain(|condition| condition.name != name);
}
