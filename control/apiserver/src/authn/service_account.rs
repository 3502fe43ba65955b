//! The names that ServiceAccounts have as users.

/// The group of all of them.
pub const GROUP: &str = "system:serviceaccounts";

const PREFIX: &str = "system:serviceaccount:";

/// `system:serviceaccount:NAMESPACE:NAME`.
pub fn user_name(namespace: &str, name: &str) -> String {
    format!("{PREFIX}{namespace}:{name}")
}

/// The groups of an account in this namespace.
pub fn groups(namespace: &str) -> [String; 2] {
    [GROUP.to_owned(), format!("{GROUP}:{namespace}")]
}

/// Namespace and name of the account that a user is, if it is one.
pub fn parse(user_name: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user_name.strip_prefix(PREFIX)?.split_once(':')?;
    let valid = !namespace.is_empty() && !name.is_empty() && !name.contains(':');
    valid.then_some((namespace, name))
}

/// Whether a user is this account.
pub fn is(user_name: &str, namespace: &str, name: &str) -> bool {
    parse(user_name) == Some((namespace, name))
}
