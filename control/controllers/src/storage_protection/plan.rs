//! Decides whether a claim or a volume is in use.

use serde::Deserialize;

/// What of a pod says which claims it uses.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    metadata: Named,
    spec: Spec,
    status: Status,
}

/// What of a volume says whether a claim has it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stored {
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Box<str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: Box<str>,
    volumes: Vec<PodVolume>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodVolume {
    name: Box<str>,
    persistent_volume_claim: Option<Reference>,
    ephemeral: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reference {
    claim_name: Box<str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: Box<str>,
}

// === impl Stored ===

impl Stored {
    /// Whether a claim has the volume.
    pub(super) fn is_bound(&self) -> bool {
        self.status.phase.as_ref() == "Bound"
    }
}

/// Whether one of the pods uses the claim of this name: it has a node, has not ended, and names the claim.
pub(super) fn is_used(claim: &str, pods: &[Pod]) -> bool {
    let runs =
        |pod: &&Pod| !pod.spec.node_name.is_empty() && !matches!(pod.status.phase.as_ref(), "Succeeded" | "Failed");
    pods.iter().filter(runs).any(|pod| pod.spec.volumes.iter().any(|volume| names(pod, volume, claim)))
}

/// Whether a volume of a pod is this claim, or had it made for itself.
fn names(pod: &Pod, volume: &PodVolume, claim: &str) -> bool {
    let named = volume.persistent_volume_claim.as_ref().is_some_and(|reference| reference.claim_name.as_ref() == claim);
    named || volume.ephemeral.is_some() && format!("{}-{}", pod.metadata.name, volume.name) == claim
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn pod(node: &str, phase: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web"}, "spec": {"nodeName": node, "volumes": [
                {"name": "a", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "own", "ephemeral": {}},
            ]}, "status": {"phase": phase},
        }))
        .unwrap()
    }

    #[test]
    fn a_claim_is_in_use_while_a_pod_on_a_node_names_it() {
        for (node, phase, used) in
            [("n", "Running", true), ("n", "Pending", true), ("", "Pending", false), ("n", "Succeeded", false)]
        {
            assert_eq!(is_used("data", &[pod(node, phase)]), used, "{node} {phase}");
        }
        assert!(is_used("web-own", &[pod("n", "Running")]));
        assert!(!is_used("other", &[pod("n", "Running")]));
    }
}
