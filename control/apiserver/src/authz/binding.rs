//! Who is bound to which role: read from RoleBindings and ClusterRoleBindings once, then kept.

use serde::Deserialize;

use crate::authn::service_account;
use crate::field::quote;
use crate::request::User;

/// What counts of a RoleBinding or ClusterRoleBinding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Binding {
    /// Which role.
    pub role_ref: RoleRef,
    /// Who gets it.
    #[serde(deserialize_with = "subjects")]
    pub subjects: Box<[Subject]>,
}

/// Which role a binding gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RoleRef {
    /// `Role` or `ClusterRole`.
    pub kind: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

/// Who gets a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`.
    pub kind: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Of a ServiceAccount; absent means the binding's own.
    pub namespace: Box<str>,
}

/// A list that may be null.
fn subjects<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Box<[Subject]>, D::Error> {
    Ok(Option::<Box<[Subject]>>::deserialize(deserializer)?.unwrap_or_default())
}

// === impl Binding ===

impl Binding {
    /// The first subject that the user is. `namespace` is the binding's own, empty for cluster bindings.
    pub fn subject_of(&self, user: &User, namespace: &str) -> Option<&Subject> {
        self.subjects.iter().find(|subject| subject.is(user, namespace))
    }
}

// === impl Subject ===

impl Subject {
    fn is(&self, user: &User, namespace: &str) -> bool {
        match &*self.kind {
            "User" => *self.name == *user.name,
            "Group" => user.groups.iter().any(|group| **group == *self.name),
            "ServiceAccount" => {
                let namespace = if self.namespace.is_empty() { namespace } else { &self.namespace };
                !namespace.is_empty() && service_account::is(&user.name, namespace, &self.name)
            }
            _ => false,
        }
    }

    /// `User "alice"`, `ServiceAccount "robot/default"`.
    pub fn described(&self) -> String {
        match &*self.namespace {
            "" => format!("{} {}", self.kind, quote(&self.name)),
            namespace => format!("{} {}", self.kind, quote(&format!("{}/{namespace}", self.name))),
        }
    }
}
