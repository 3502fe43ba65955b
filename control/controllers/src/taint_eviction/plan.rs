//! Decides when a pod must leave a tainted node.

use serde::Deserialize;

use crate::{clock::Time, view::node::Taint};

/// What a pod bears.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Toleration {
    key: String,
    operator: String,
    value: String,
    effect: String,
    toleration_seconds: Option<i64>,
}

/// When a pod has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Stay,
    GoAt(Time),
}

/// Decides from the taints that evict. A pod goes at once if it does not tolerate one of them, and otherwise when the
/// shortest of the tolerations that it has for them ends.
pub(super) fn plan(taints: &[&Taint], tolerations: &[Toleration], now: Time) -> Plan {
    let mut seconds = None;
    for taint in taints {
        let mut matching = tolerations.iter().filter(|toleration| toleration.tolerates(taint)).peekable();
        if matching.peek().is_none() {
            return Plan::GoAt(now);
        }
        let shortest = matching.filter_map(|toleration| toleration.toleration_seconds).min();
        seconds = seconds.into_iter().chain(shortest).min();
    }
    let since = taints.iter().filter_map(|taint| taint.time_added).max().unwrap_or(now);
    seconds.map_or(Plan::Stay, |seconds| Plan::GoAt(since.plus(seconds.max(0))))
}

// === impl Toleration ===

impl Toleration {
    fn tolerates(&self, taint: &Taint) -> bool {
        (self.effect.is_empty() || self.effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && (self.operator == "Exists" || self.value == taint.value)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_pod_stays_as_long_as_it_tolerates_all_taints() {
        let taint = Taint {
            key: "node.kubernetes.io/not-ready".into(),
            effect: "NoExecute".into(),
            time_added: Some(Time(100)),
            ..Taint::default()
        };
        let key = r#""key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute""#;
        for (tolerations, expected) in [
            ("[]".to_owned(), Plan::GoAt(Time(105))),
            (format!("[{{{key},\"tolerationSeconds\":300}}]"), Plan::GoAt(Time(400))),
            (format!("[{{{key}}}]"), Plan::Stay),
            (r#"[{"operator":"Exists"}]"#.to_owned(), Plan::Stay),
            (r#"[{"key":"other","operator":"Exists"}]"#.to_owned(), Plan::GoAt(Time(105))),
        ] {
            let read: Vec<Toleration> = serde_json::from_str(&tolerations).unwrap();
            assert_eq!(plan(&[&taint], &read, Time(105)), expected, "{tolerations}");
        }
    }
}
