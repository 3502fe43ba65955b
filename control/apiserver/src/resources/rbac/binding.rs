//! RoleBinding and ClusterRoleBinding: subjects and the role they get.

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Now, Resource, Scope};
use crate::registry::strategy::{Context, NameRule, Strategy};
use crate::resources::rbac::GROUP;
use crate::resources::{age, cell};
use crate::validation::{check, names, one_of};

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Role"),
    Column::AGE,
    Column::wide("Users"),
    Column::wide("Groups"),
    Column::wide("ServiceAccounts"),
];

/// The row of RoleBinding.
pub(super) fn row() -> Resource {
    Resource {
        columns: COLUMNS,
        cells,
        strategy: &Binding(Scope::Namespaced),
        ..super::new("RoleBinding", "rolebindings", "rbac/v1.RoleBinding", Scope::Namespaced)
    }
}

/// The row of ClusterRoleBinding.
pub(super) fn cluster_row() -> Resource {
    Resource {
        columns: COLUMNS,
        cells,
        strategy: &Binding(Scope::Cluster),
        ..super::new("ClusterRoleBinding", "clusterrolebindings", "rbac/v1.ClusterRoleBinding", Scope::Cluster)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let role = format!("{}/{}", object.str_at("roleRef.kind"), object.str_at("roleRef.name"));
    let subjects = |kind: &str, text: fn(&Value) -> String| -> Value {
        let of_kind = object.list_at("subjects").iter().filter(|subject| subject.str_at("kind") == kind);
        of_kind.map(text).collect::<Vec<_>>().join(", ").into()
    };
    let name = |subject: &Value| subject.str_at("name").to_owned();
    let account = |subject: &Value| format!("{}/{}", subject.str_at("namespace"), subject.str_at("name"));
    vec![
        cell::name(object),
        role.into(),
        age::of(object, now),
        subjects("User", name),
        subjects("Group", name),
        subjects("ServiceAccount", account),
    ]
}

struct Binding(Scope);

impl Strategy for Binding {
    fn default(&self, object: &mut Value) {
        if object.str_at("roleRef.apiGroup").is_empty() {
            object.set("roleRef.apiGroup", GROUP);
        }
        for subject in object.at_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
            let named = matches!(subject.str_at("kind"), "User" | "Group");
            if named && subject.str_at("apiGroup").is_empty() {
                subject.set("apiGroup", GROUP);
            }
        }
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object, self.0)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = validate(new, self.0);
        if new.get("roleRef") != old.get("roleRef") {
            let role = json!({
                "APIGroup": new.str_at("roleRef.apiGroup"),
                "Kind": new.str_at("roleRef.kind"),
                "Name": new.str_at("roleRef.name"),
            });
            errors.push(Error::invalid(&Path::new("roleRef"), role, "field is immutable"));
        }
        errors
    }

    fn name_rule(&self) -> NameRule {
        NameRule::PathSegment
    }
}

fn validate(object: &Value, scope: Scope) -> Errors {
    let path = Path::new("roleRef");
    let kinds: &[&str] = match scope {
        Scope::Namespaced => &["Role", "ClusterRole"],
        Scope::Cluster => &["ClusterRole"],
    };
    let mut errors = one_of(&path.child("apiGroup"), object.str_at("roleRef.apiGroup"), &[GROUP]);
    errors.extend(one_of(&path.child("kind"), object.str_at("roleRef.kind"), kinds));
    errors.extend(match object.str_at("roleRef.name") {
        "" => vec![Error::required(&path.child("name"), "")],
        name => check(&path.child("name"), name, names::path_segment),
    });
    let path = Path::new("subjects");
    let subjects = object.list_at("subjects").iter().enumerate();
    errors.extend(subjects.flat_map(|(i, subject)| validate_subject(&path.index(i), subject, scope)));
    errors
}

fn validate_subject(path: &Path, subject: &Value, scope: Scope) -> Errors {
    let (kind, name, group) = (subject.str_at("kind"), subject.str_at("name"), subject.str_at("apiGroup"));
    let mut errors = Errors::new();
    if name.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    match kind {
        "ServiceAccount" => {
            if !name.is_empty() {
                errors.extend(check(&path.child("name"), name, names::dns_subdomain));
            }
            errors.extend(one_of(&path.child("apiGroup"), group, &[""]));
            if scope == Scope::Cluster && subject.str_at("namespace").is_empty() {
                errors.push(Error::required(&path.child("namespace"), ""));
            }
        }
        "User" | "Group" => errors.extend(one_of(&path.child("apiGroup"), group, &[GROUP])),
        _ => errors.extend(one_of(&path.child("kind"), kind, &["ServiceAccount", "User", "Group"])),
    }
    errors
}
