//! Decides whether a namespace needs a ServiceAccount.

use serde_json::{Value, json};

use crate::meta::Meta;

/// The name of the account that pods use if they name none.
pub(super) const NAME: &str = "default";

/// The account to create, if one is missing.
pub(super) fn plan(namespace: &Meta, account: Option<&Meta>) -> Option<Value> {
    if account.is_some() || namespace.is_deleting() {
        return None;
    }
    let metadata = json!({"name": NAME, "namespace": namespace.name});
    Some(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    #[test]
    fn only_a_living_namespace_without_an_account_gets_one() {
        let alive = Meta { name: "a".into(), ..Meta::default() };
        let going = Meta { deletion_timestamp: Some(Time(1)), ..alive.clone() };
        assert!(plan(&alive, None).is_some());
        assert!(plan(&alive, Some(&Meta::default())).is_none());
        assert!(plan(&going, None).is_none());
    }
}
