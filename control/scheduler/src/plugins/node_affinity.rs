//! NodeAffinity: Matches a pod's node selector and node affinity with the labels of nodes.

use crate::{
    plugin::{Candidate, Plugin, Rejection, Scale, Score},
    snapshot::NodeState,
    view::{self, NodeAffinity, Pod, Requirement, Term},
};

pub(crate) const PLUGIN: Plugin =
    Plugin { filter: Some(filter), score: Some(Score { weight: 2, of: preference, scale: Scale::More }) };

fn filter(pod: &Candidate<'_>, node: &NodeState) -> Result<(), Rejection> {
    let terms =
        affinity(pod).and_then(|affinity| affinity.required.as_ref()).map(|required| &required.node_selector_terms);
    // Terms that all name nodes narrow the choice before any node is asked, which upstream words differently.
    if terms.is_some_and(|terms| {
        !terms.is_empty() && terms.iter().all(names_nodes) && !terms.iter().any(|term| named(term, node))
    }) {
        return Err(Rejection::for_good("node(s) didn't satisfy plugin(s) [NodeAffinity]"));
    }
    let selected = pod.spec.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    match selected && terms.is_none_or(|terms| terms.iter().any(|term| matches(term, node))) {
        true => Ok(()),
        false => Err(Rejection::for_good("node(s) didn't match Pod's node affinity/selector")),
    }
}

/// The weights of the preferences that the node meets.
fn preference(pod: &Candidate<'_>, node: &NodeState) -> i64 {
    let preferred = affinity(pod).into_iter().flat_map(|affinity| &affinity.preferred);
    preferred.filter(|preferred| matches(&preferred.preference, node)).map(|preferred| preferred.weight).sum()
}

fn affinity(pod: &Pod) -> Option<&NodeAffinity> {
    pod.spec.affinity.as_ref()?.node_affinity.as_ref()
}

fn names_nodes(term: &Term) -> bool {
    term.match_fields.iter().any(|field| field.key.as_ref() == "metadata.name" && field.operator.as_ref() == "In")
}

fn named(term: &Term, node: &NodeState) -> bool {
    let names = term.match_fields.iter().filter(|field| field.key.as_ref() == "metadata.name");
    names.into_iter().all(|field| meets(field, Some(&node.name)))
}

/// Whether all of a term is met. An empty term is never met.
fn matches(term: &Term, node: &NodeState) -> bool {
    let is_empty = term.match_expressions.is_empty() && term.match_fields.is_empty();
    let field = |field: &Requirement| (field.key.as_ref() == "metadata.name").then_some(node.name.as_ref());
    !is_empty
        && term.match_expressions.iter().all(|wanted| meets(wanted, node.labels.get(&wanted.key).map(AsRef::as_ref)))
        && term.match_fields.iter().all(|wanted| meets(wanted, field(wanted)))
}

fn meets(wanted: &Requirement, value: Option<&str>) -> bool {
    let listed = || value.is_some_and(|value| wanted.values.iter().any(|known| known.as_ref() == value));
    match wanted.operator.as_ref() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        operator @ ("Gt" | "Lt") => match (value, wanted.values.as_slice()) {
            (Some(value), [bound]) => view::compares(operator, value, bound),
            _ => false,
        },
        _ => false,
    }
}
