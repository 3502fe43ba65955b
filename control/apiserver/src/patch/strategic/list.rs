//! Lists in a strategic merge patch: matching elements by their merge key, and the order of what comes out.

use std::collections::{HashMap, HashSet};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{DIRECTIVE, Place, SET_ORDER, merge_maps, strip, unknown_directive, without_directives};
use crate::error::Failure;
use crate::patch::bare;
use crate::patch::go_print::{print, type_name};

/// Merges two lists. `deletes` means that `patch` names plain values to take out.
pub(super) fn merge(
    original: Vec<Value>,
    patch: Vec<Value>,
    inner: Place,
    merge_key: &str,
    deletes: bool,
) -> Result<Vec<Value>, Failure> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let maps = hold_maps(&[&original, &patch])?;
    if !maps && deletes {
        let gone: HashSet<String> = patch.iter().map(Value::to_string).collect();
        return Ok(original.into_iter().filter(|value| !gone.contains(&value.to_string())).collect());
    }
    if !maps {
        let mut seen = HashSet::new();
        let both = original.iter().chain(&patch).filter(|value| seen.insert(value.to_string()));
        let merged: Vec<Value> = both.cloned().collect();
        return in_order(merged, &patch, &original, "");
    }
    if merge_key.is_empty() {
        let kind = match inner {
            Place::Struct(_) => "struct",
            Place::Other(kind) => kind,
        };
        return Err(bare(format!("cannot merge lists without merge key for {kind}")));
    }
    let (original, patch) = heed_directives(original, patch, merge_key)?;
    let merged = merge_elements(original.clone(), &patch, inner, merge_key)?;
    in_order(merged, &patch, &original, merge_key)
}

/// Handles `$setElementOrder/…` together with the list that it orders, and takes both out of the patch.
pub(super) fn set_orders(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    place: Place,
) -> Result<(), Failure> {
    let directives: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ORDER)).cloned().collect();
    for directive in directives {
        let order = as_list(patch.remove(&directive).unwrap_or_default())?;
        let Some(key) = strip(&directive, SET_ORDER)? else { continue };
        let current = original.get(&key).cloned().map(as_list).transpose()?;
        let wanted = patch.get(&key).cloned().map(as_list).transpose()?;
        let (rule, inner) = place.list(&key)?;
        fits_order(wanted.as_deref().unwrap_or_default(), &order, rule.merge_key)?;
        let merged = match (current.clone(), wanted.clone()) {
            (None, None) => continue,
            (Some(current), None) => current,
            (None, Some(wanted)) => wanted.into_iter().filter_map(without_directives).collect(),
            (Some(current), Some(wanted)) if rule.merge => merge(current, wanted, inner, rule.merge_key, false)?,
            (Some(_), Some(wanted)) => wanted,
        };
        let (current, wanted) = (current.unwrap_or_default(), wanted.unwrap_or_default());
        if current.is_empty() && wanted.is_empty() {
            return Err(bare("no elements in any of the given slices"));
        }
        hold_maps(&[&current, &wanted])?;
        let both = in_order(merged, &order, &current, rule.merge_key)?;
        original.insert(key.clone(), Value::Array(both));
        patch.remove(&key);
    }
    Ok(())
}

fn as_list(value: Value) -> Result<Vec<Value>, Failure> {
    match value {
        Value::Array(list) => Ok(list),
        other => Err(bare(format!("expected a []interface {{}}, but received a {}", type_name(&other)))),
    }
}

/// Whether the lists hold maps; all elements must be of one type.
fn hold_maps(lists: &[&[Value]]) -> Result<bool, Failure> {
    let mut elements = lists.iter().flat_map(|list| list.iter());
    let Some(first) = elements.next() else { return Ok(false) };
    if first.is_array() {
        let text = "the server rejected our request due to an error in our request";
        let failure = Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", text);
        return Err(failure.with_details(json!({})));
    }
    if elements.any(|element| type_name(element) != type_name(first)) {
        let shown: Vec<Value> = lists.iter().map(|list| Value::Array(list.to_vec())).collect();
        return Err(bare(format!("list element types are not identical: {}", print(&Value::Array(shown)))));
    }
    Ok(first.is_object())
}

/// Takes `$patch` elements out of the patch and does what they say to the original.
fn heed_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    merge_key: &str,
) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let mut plain = Vec::new();
    let mut replace = false;
    let mut gone = HashSet::new();
    for element in patch {
        let Some(directive) = element.get(DIRECTIVE) else {
            plain.push(element);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                gone.insert(key_of(&element, merge_key)?);
            }
            Some("replace") => replace = true,
            Some("merge") => return Err(bare("merging lists cannot yet be specified in the patch")),
            _ => return Err(unknown_directive(directive, element.as_object().unwrap_or(&Map::new()))),
        }
    }
    if replace {
        return Ok((plain, Vec::new()));
    }
    original.retain(|element| element.get(merge_key).is_none_or(|key| !gone.contains(&key.to_string())));
    Ok((original, plain))
}

fn merge_elements(
    mut merged: Vec<Value>,
    patch: &[Value],
    inner: Place,
    merge_key: &str,
) -> Result<Vec<Value>, Failure> {
    let mut at: HashMap<String, usize> = HashMap::new();
    for (index, element) in merged.iter().enumerate() {
        if let Some(key) = element.get(merge_key) {
            at.entry(key.to_string()).or_insert(index);
        }
    }
    for element in patch {
        let key = key_of(element, merge_key)?;
        let Some(index) = at.get(&key).copied() else {
            at.insert(key, merged.len());
            merged.push(element.clone());
            continue;
        };
        let (Value::Object(current), Value::Object(element)) = (merged[index].take(), element.clone()) else {
            continue;
        };
        merged[index] = Value::Object(merge_maps(current, element, inner)?);
    }
    Ok(merged)
}

/// The elements that `order` names in that order, the others as they stand on the server, woven together.
fn in_order(merged: Vec<Value>, order: &[Value], server: &[Value], merge_key: &str) -> Result<Vec<Value>, Failure> {
    if !merge_key.is_empty()
        && !merged.is_empty()
        && let Some(at) = order.iter().position(|element| !element.is_object())
    {
        return Err(bare(format!("value for key {at} is not a map")));
    }
    let ranks = |list: &[Value]| -> Result<HashMap<String, usize>, Failure> {
        let mut ranks = HashMap::new();
        for (index, element) in list.iter().enumerate() {
            ranks.entry(key_of(element, merge_key)?).or_insert(index);
        }
        Ok(ranks)
    };
    let (wanted, there) = (ranks(order)?, ranks(server)?);
    let mut ours: Vec<(Option<usize>, usize, Value)> = Vec::new();
    let mut others: Vec<(usize, Value)> = Vec::new();
    for element in merged {
        let key = key_of(&element, merge_key)?;
        let standing = there.get(&key).copied();
        match wanted.get(&key) {
            Some(rank) => ours.push((standing, *rank, element)),
            None => others.push((standing.unwrap_or_default(), element)),
        }
    }
    ours.sort_by_key(|(_, rank, _)| *rank);
    others.sort_by_key(|(standing, _)| *standing);
    Ok(weave(ours, others))
}

/// An element of the server's goes first only if it stands before the next of ours there.
fn weave(ours: Vec<(Option<usize>, usize, Value)>, others: Vec<(usize, Value)>) -> Vec<Value> {
    let mut out = Vec::with_capacity(ours.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (standing, _, element) in ours {
        while let Some((_, other)) = others.next_if(|(other, _)| standing.is_some_and(|standing| *other < standing)) {
            out.push(other);
        }
        out.push(element);
    }
    out.extend(others.map(|(_, other)| other));
    out
}

/// What an element is matched by, as text.
fn key_of(element: &Value, merge_key: &str) -> Result<String, Failure> {
    if merge_key.is_empty() {
        return Ok(element.to_string());
    }
    let key = element.get(merge_key).map(Value::to_string);
    key.ok_or_else(|| bare(format!("map: {} does not contain declared merge key: {merge_key}", print(element))))
}

/// The elements of the patch must be in `$setElementOrder`, in the same order.
fn fits_order(patch: &[Value], order: &[Value], merge_key: &str) -> Result<(), Failure> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let keyed = !merge_key.is_empty();
    let directive = |element: &Value| keyed && element.get(DIRECTIVE).is_some();
    let mut elements = patch.iter().filter(|element| !directive(element)).peekable();
    for expected in order {
        let Some(next) = elements.peek() else { return Ok(()) };
        if keyed && !expected.is_object() {
            return Err(bare(format!("expected a map[string]interface {{}}, but received a {}", type_name(expected))));
        }
        if key_of(next, merge_key)? == key_of(expected, merge_key)? {
            elements.next();
        }
    }
    if elements.peek().is_none() {
        return Ok(());
    }
    let (patch, order) = (Value::Array(patch.to_vec()), Value::Array(order.to_vec()));
    let text =
        format!("The order in patch list:\n{}\n doesn't match {SET_ORDER} list:\n{}\n", print(&patch), print(&order));
    Err(bare(text))
}
