//! Decides what becomes of an object from the state of its owners and dependents.

use super::graph::{Node, State, Uid};

/// What is known of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It exists and stays.
    Solid,
    /// It does not exist.
    Dangling,
    /// It exists, and waits for its dependents to go.
    Waiting,
    /// Its kind is not known, so that nobody can say.
    Unknown,
}

/// What to do with an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Nothing,
    /// Take these owners out of its references, and let it live.
    Disown(Vec<Uid>),
    /// Delete it with this policy. The references of these dependents to it must not hold it up.
    Delete {
        policy: &'static str,
        unblock: Vec<Uid>,
    },
}

/// Decides about an object that is not going yet.
pub(super) fn plan(owners: &[(Uid, Standing)], dependents: &[Dependent], own_policy: Option<&'static str>) -> Plan {
    let is = |wanted| move |(_, standing): &&(Uid, Standing)| *standing == wanted;
    let stays = |(_, standing): &(Uid, Standing)| matches!(standing, Standing::Solid | Standing::Unknown);
    if owners.is_empty() {
        return Plan::Nothing;
    }
    if owners.iter().any(stays) {
        let gone: Vec<_> = owners.iter().filter(|owner| !stays(owner)).map(|(uid, _)| uid.clone()).collect();
        return if gone.is_empty() { Plan::Nothing } else { Plan::Disown(gone) };
    }
    if owners.iter().any(|owner| is(Standing::Waiting)(&owner)) && !dependents.is_empty() {
        // In a circle of objects that wait for each other, nobody may hold the next one up.
        let in_circle = dependents.iter().any(|dependent| dependent.waits);
        let unblock = dependents.iter().filter(|_| in_circle).map(|dependent| dependent.uid.clone()).collect();
        return Plan::Delete { policy: "Foreground", unblock };
    }
    Plan::Delete { policy: own_policy.unwrap_or("Background"), unblock: Vec::new() }
}

/// A dependent of the object in question.
#[derive(Clone, Debug)]
pub(super) struct Dependent {
    pub(super) uid: Uid,
    /// Whether it waits for its own dependents.
    pub(super) waits: bool,
}

// === impl Dependent ===

impl Dependent {
    /// What is to be known of `node`.
    pub(super) fn of(node: &Node) -> Self {
        Self { uid: node.uid.clone(), waits: node.state == State::WaitingForDependents }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_lives_as_long_as_one_owner_does() {
        let owner = |uid: &str, standing| (Uid::from(uid), standing);
        let delete = |policy| Plan::Delete { policy, unblock: Vec::new() };
        let child = Dependent { uid: "c".into(), waits: false };
        for (owners, dependents, expected) in [
            (vec![], vec![], Plan::Nothing),
            (vec![owner("a", Standing::Solid)], vec![], Plan::Nothing),
            (vec![owner("a", Standing::Unknown)], vec![], Plan::Nothing),
            (vec![owner("a", Standing::Dangling)], vec![], delete("Background")),
            (vec![owner("a", Standing::Dangling), owner("b", Standing::Solid)], vec![], Plan::Disown(vec!["a".into()])),
            (vec![owner("a", Standing::Waiting), owner("b", Standing::Solid)], vec![], Plan::Disown(vec!["a".into()])),
            (vec![owner("a", Standing::Waiting)], vec![], delete("Background")),
            (vec![owner("a", Standing::Waiting)], vec![child], delete("Foreground")),
        ] {
            assert_eq!(plan(&owners, &dependents, None), expected, "{owners:?}");
        }
    }

    #[test]
    fn a_circle_is_unblocked() {
        let dependent = Dependent { uid: "c".into(), waits: true };
        let plan = plan(&[("a".into(), Standing::Waiting)], &[dependent], None);
        assert_eq!(plan, Plan::Delete { policy: "Foreground", unblock: vec!["c".into()] });
    }
}
