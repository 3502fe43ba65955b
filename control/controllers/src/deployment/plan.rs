//! Decides the next step of a Deployment: which ReplicaSet to make, how far to scale each, and what to say of it.
//!
//! The steps and their order are upstream's `syncDeployment`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clock::Time;

use super::{
    object::{Deployment, Status},
    scale,
    sets::{self, Annotations, REVISION, Set},
    status,
};

/// A Deployment and what there is of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    pub(super) deployment: Deployment,
    /// The whole annotations of the Deployment.
    pub(super) annotations: Annotations,
    /// The ReplicaSets that it owns.
    pub(super) sets: Vec<Set>,
    /// How many pods have not ended, by the uid of their ReplicaSet.
    pub(super) pods_left: BTreeMap<Box<str>, usize>,
}

/// What to do, in this order, and then what to say.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) actions: Vec<Action>,
    /// The status, if it changes.
    pub(super) status: Option<Status>,
    /// The revision, if it changes.
    pub(super) revision: Option<String>,
    /// When to look again even if nothing happens.
    pub(super) look_again: Option<Time>,
}

/// One write, with the text of the event that tells of it.
#[derive(Debug)]
pub(super) enum Action {
    Create { object: Value, event: Option<String> },
    Update { name: String, uid: Box<str>, change: Change, event: Option<String> },
    Delete { name: String, uid: Box<str> },
}

/// What a ReplicaSet is to be like.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) replicas: i64,
    pub(super) min_ready_seconds: i64,
    pub(super) annotations: Annotations,
}

/// Decides the next step.
pub(super) fn plan(observed: &Observed, now: Time) -> Plan {
    let mut rollout = Rollout {
        deployment: &observed.deployment,
        annotations: &observed.annotations,
        sets: observed.sets.clone(),
        new: sets::find_new(&observed.sets, &observed.deployment.spec.template),
        status: observed.deployment.status.clone(),
        now,
        plan: Plan::default(),
    };
    rollout.run(&observed.pods_left);
    rollout.plan
}

/// A step in the making. The sets are what they will be after the actions so far.
struct Rollout<'a> {
    deployment: &'a Deployment,
    annotations: &'a Annotations,
    sets: Vec<Set>,
    /// Which of the sets has the Deployment's template.
    new: Option<usize>,
    status: Status,
    now: Time,
    plan: Plan,
}

// === impl Rollout ===

impl Rollout<'_> {
    fn run(&mut self, pods_left: &BTreeMap<Box<str>, usize>) {
        if self.deployment.metadata.is_deleting() {
            return self.finish(Report::Counts);
        }
        status::note_pause(self.deployment, &mut self.status, self.now);
        self.note_existing();
        if self.deployment.spec.paused {
            self.scale();
            self.clean_up();
            return self.finish(Report::Counts);
        }
        if self.sets.iter().any(|set| scale::was_scaled_for_another(self.deployment, set)) {
            self.scale();
            return self.finish(Report::Counts);
        }
        match self.deployment.is_rolling() {
            true => self.roll(),
            false => self.recreate(pods_left),
        }
        self.finish(Report::Progress);
    }

    /// Starts new pods and stops old ones within the bounds of surge and unavailability.
    fn roll(&mut self) {
        let new = self.create_new();
        if self.sets[new].replicas != self.deployment.replicas() {
            let replicas = match self.sets[new].replicas > self.deployment.replicas() {
                true => self.deployment.replicas(),
                false => scale::new_replicas(self.deployment, &self.sets, &self.sets[new]),
            };
            if self.scale_one(new, replicas) {
                return;
            }
        }
        if !self.scale_old_down(new) && status::is_complete(self.deployment, &self.deployment.status) {
            self.clean_up();
        }
    }

    /// Stops all old pods, and starts new ones when they are gone.
    fn recreate(&mut self, pods_left: &BTreeMap<Box<str>, usize>) {
        let mut scaled = false;
        for at in self.old() {
            scaled |= self.scale_one(at, 0);
        }
        let is_left = |set: &Set| set.status.replicas > 0 || pods_left.get(&set.meta.uid).is_some_and(|left| *left > 0);
        if scaled || self.old().any(|at| is_left(&self.sets[at])) {
            return;
        }
        let new = self.create_new();
        self.scale_one(new, self.deployment.replicas());
        if status::is_complete(self.deployment, &self.deployment.status) {
            self.clean_up();
        }
    }

    /// Where the old sets are.
    fn old(&self) -> impl Iterator<Item = usize> + use<> {
        let new = self.new;
        (0..self.sets.len()).filter(move |at| Some(*at) != new)
    }

    /// Keeps the annotations of the new set up to date, if there is one, and takes over its revision.
    fn note_existing(&mut self) {
        let Some(new) = self.new else { return };
        let revision = self.old().map(|at| self.sets[at].revision()).max().unwrap_or(0).max(0) + 1;
        let min_ready_seconds = self.deployment.spec.min_ready_seconds;
        let set = &mut self.sets[new];
        let noted = set.note_revision(self.annotations, revision);
        if noted || set.min_ready_seconds != min_ready_seconds {
            set.min_ready_seconds = min_ready_seconds;
            self.update(new, None);
        }
        let (revision, name) = (self.sets[new].annotations.get(REVISION).cloned(), self.sets[new].meta.name.clone());
        self.note_revision(revision.unwrap_or_default());
        status::note_found(self.deployment, &mut self.status, &name, self.now);
    }

    fn note_revision(&mut self, revision: String) {
        self.plan.revision = (self.annotations.get(REVISION) != Some(&revision)).then_some(revision);
    }

    /// Makes the new set unless there is one, and answers with where it is.
    fn create_new(&mut self) -> usize {
        if let Some(new) = self.new {
            return new;
        }
        let revision = self.sets.iter().map(Set::revision).max().unwrap_or(0).max(0) + 1;
        let (mut set, mut object) = sets::new_set(self.deployment, self.annotations, revision);
        set.replicas = scale::new_replicas(self.deployment, &self.sets, &set);
        object["spec"]["replicas"] = set.replicas.into();
        let name = set.meta.name.clone();
        let event = (set.replicas > 0).then(|| format!("Scaled up replica set {name} from 0 to {}", set.replicas));
        self.plan.actions.push(Action::Create { object, event });
        self.note_revision(revision.to_string());
        status::note_created(self.deployment, &mut self.status, &name, self.now);
        self.sets.push(set);
        self.new = Some(self.sets.len() - 1);
        self.sets.len() - 1
    }

    /// Brings the sets to a new scale of the Deployment without moving the rollout on.
    fn scale(&mut self) {
        if let Some(only) = sets::active_or_latest(&self.sets, self.new) {
            self.scale_one(only, self.deployment.replicas());
            return;
        }
        if self.new.is_some_and(|new| scale::is_saturated(self.deployment, &self.sets[new])) {
            for at in self.old() {
                self.scale_one(at, 0);
            }
            return;
        }
        if self.deployment.is_rolling() {
            for (at, replicas) in scale::proportional(self.deployment, &self.sets) {
                self.resize(at, replicas);
            }
        }
    }

    /// Stops old pods: first those that are not available anyway, then as many as availability allows.
    fn scale_old_down(&mut self, new: usize) -> bool {
        let min_available = self.deployment.replicas() - self.deployment.max_unavailable();
        let new_unavailable = self.sets[new].replicas - self.sets[new].available();
        let most = scale::sum(&self.sets) - min_available - new_unavailable;
        let mut old: Vec<_> = self.old().filter(|at| self.sets[*at].replicas > 0).collect();
        old.sort_by_key(|at| self.sets[*at].age_order());
        if old.is_empty() || most <= 0 {
            return false;
        }
        let mut stopped = 0;
        for at in &old {
            let set = &self.sets[*at];
            let count = (set.replicas - set.available()).min(most - stopped).max(0);
            self.scale_one(*at, set.replicas - count);
            stopped += count;
        }
        let available: i64 = self.sets.iter().map(Set::available).sum();
        let mut spare = (available - min_available).max(0);
        for at in old {
            let count = self.sets[at].replicas.min(spare);
            self.scale_one(at, self.sets[at].replicas - count);
            spare -= count;
            stopped += count;
        }
        stopped > 0
    }

    /// Scales a set unless it has that scale, and answers whether it did.
    fn scale_one(&mut self, at: usize, replicas: i64) -> bool {
        self.sets[at].replicas != replicas && self.resize(at, replicas)
    }

    /// Scales a set and notes the Deployment's scale in it, and answers whether that changed anything.
    fn resize(&mut self, at: usize, replicas: i64) -> bool {
        let set = &mut self.sets[at];
        let from = std::mem::replace(&mut set.replicas, replicas);
        let direction = if from < replicas { "up" } else { "down" };
        let name = set.meta.name.clone();
        let event = || format!("Scaled {direction} replica set {name} from {from} to {replicas}");
        let event = (from != replicas).then(event);
        if self.sets[at].note_scale(self.deployment) || event.is_some() {
            self.update(at, event);
        }
        from != replicas
    }

    fn update(&mut self, at: usize, event: Option<String>) {
        let set = &self.sets[at];
        let (name, uid) = (set.meta.name.to_string(), set.meta.uid.clone());
        let (replicas, min_ready_seconds) = (set.replicas, set.min_ready_seconds);
        let change = Change { replicas, min_ready_seconds, annotations: set.annotations.clone() };
        self.plan.actions.push(Action::Update { name, uid, change, event });
    }

    /// Deletes old sets beyond the history limit, the oldest revisions first.
    fn clean_up(&mut self) {
        let Some(limit) = self.deployment.spec.revision_history_limit else { return };
        let mut old: Vec<_> = self.old().filter(|at| !self.sets[*at].meta.is_deleting()).collect();
        old.sort_by_key(|at| (self.sets[*at].revision(), self.sets[*at].age_order()));
        old.truncate(old.len().saturating_sub(limit));
        for at in old {
            let Set { meta, replicas, status, .. } = &self.sets[at];
            let is_settled = status.observed_generation.unwrap_or(0) >= meta.generation;
            if *replicas == 0 && status.replicas == 0 && is_settled {
                self.plan.actions.push(Action::Delete { name: meta.name.to_string(), uid: meta.uid.clone() });
            }
        }
    }

    fn finish(&mut self, report: Report) {
        let new = self.new.map(|new| &self.sets[new]);
        let before = &self.status;
        let mut status = status::counted(self.deployment, before, &self.sets, new, self.now);
        match report {
            Report::Counts => {}
            Report::Progress => {
                status::note_progress(self.deployment, before, &mut status, &self.sets, new, self.now);
                self.plan.look_again = status::deadline(self.deployment, &status);
            }
        }
        self.plan.status = (status != self.deployment.status).then_some(status);
    }
}

/// How much a status says.
#[derive(Clone, Copy)]
enum Report {
    /// The counts and whether they suffice.
    Counts,
    /// Also whether the rollout moves on.
    Progress,
}
