//! The arithmetic of scale: how many pods each ReplicaSet of a Deployment is to have.

use std::cmp::Reverse;

use super::{
    object::Deployment,
    sets::{DESIRED_REPLICAS, MAX_REPLICAS, Set},
};

/// How many pods the new set is to have in the next step of a rollout.
pub(super) fn new_replicas(deployment: &Deployment, sets: &[Set], new: &Set) -> i64 {
    if !deployment.is_rolling() {
        return deployment.replicas();
    }
    let (current, max) = (sum(sets), deployment.replicas() + deployment.max_surge());
    if current >= max {
        return new.replicas;
    }
    new.replicas + (max - current).min(deployment.replicas() - new.replicas)
}

/// How many pods all sets are to have together.
pub(super) fn sum(sets: &[Set]) -> i64 {
    sets.iter().map(|set| set.replicas).sum()
}

/// Whether the new set has all pods that are wanted and they are available.
pub(super) fn is_saturated(deployment: &Deployment, new: &Set) -> bool {
    let replicas = deployment.replicas();
    new.annotations.get(DESIRED_REPLICAS) == Some(&replicas.to_string())
        && new.replicas == replicas
        && new.available() == replicas
}

/// Whether a set was scaled for another number of wanted pods than the Deployment's.
pub(super) fn was_scaled_for_another(deployment: &Deployment, set: &Set) -> bool {
    let noted: Option<i64> = set.annotations.get(DESIRED_REPLICAS).and_then(|noted| noted.parse().ok());
    set.replicas > 0 && noted.is_some_and(|noted| noted != deployment.replicas())
}

/// Spreads a change of scale in the middle of a rollout over all sets with pods, in proportion to their sizes.
pub(super) fn proportional(deployment: &Deployment, sets: &[Set]) -> Vec<(usize, i64)> {
    let mut active: Vec<usize> = (0..sets.len()).filter(|at| sets[*at].replicas > 0).collect();
    let allowed = if deployment.replicas() > 0 { deployment.replicas() + deployment.max_surge() } else { 0 };
    let to_add = allowed - sum(sets);
    // The largest first; of equals the newest grows first and the oldest shrinks first.
    active.sort_by_key(|at| sets[*at].age_order());
    if to_add > 0 {
        active.reverse();
    }
    active.sort_by_key(|at| Reverse(sets[*at].replicas));
    let mut added = 0;
    let mut sizes: Vec<(usize, i64)> = Vec::with_capacity(active.len());
    for at in active {
        let share = share(deployment, &sets[at], to_add, added);
        added += share;
        sizes.push((at, sets[at].replicas + share));
    }
    if let Some((_, first)) = sizes.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    sizes
}

fn share(deployment: &Deployment, set: &Set, to_add: i64, added: i64) -> i64 {
    let allowed = to_add - added;
    if set.replicas == 0 || to_add == 0 || allowed == 0 {
        return 0;
    }
    let fraction = fraction(deployment, set);
    if to_add > 0 { fraction.min(allowed) } else { fraction.max(allowed) }
}

/// By how much a set changes if it keeps its part of the whole.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "counts of pods are small")]
fn fraction(deployment: &Deployment, set: &Set) -> i64 {
    if deployment.replicas() == 0 {
        return -set.replicas;
    }
    let max = deployment.replicas() + deployment.max_surge();
    let noted = set.annotations.get(MAX_REPLICAS).and_then(|noted| noted.parse().ok()).filter(|noted| *noted != 0);
    let before = noted.unwrap_or_else(|| deployment.status.replicas.unwrap_or(0)).max(1);
    let size = (set.replicas * max) as f64 / before as f64;
    size.round() as i64 - set.replicas
}
