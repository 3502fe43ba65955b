//! Nobody gives rights away that they do not have: roles and bindings are compared with what their writer may do.
//!
//! Upstream does this in the storage of these kinds (`pkg/registry/rbac/*/policybased`); the verbs `escalate` on a
//! role and `bind` on the role of a binding lift it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;

use crate::admission::{Context, Operation, Plugin};
use crate::authn::MASTERS;
use crate::authz::binding::RoleRef;
use crate::authz::rule::Rule;
use crate::authz::{Attributes, Authorizer, Decision, Rbac};
use crate::error::Failure;
use crate::field::quote;
use crate::object::Fields;
use crate::request::RequestInfo;
use crate::resources::rbac::GROUP;

/// The check, by the rules of this authorizer.
pub struct RbacEscalation(pub Arc<Rbac>);

impl Plugin for RbacEscalation {
    fn name(&self) -> &'static str {
        "RBACEscalation"
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        let writes = matches!(cx.operation, Operation::Create | Operation::Update);
        let about_rights = &*cx.resource.gvk.group == GROUP && cx.subresource.is_empty();
        let is_master = cx.user.groups.iter().any(|group| group == MASTERS);
        if !writes || !about_rights || is_master || cx.old.is_some_and(|old| only_ownership_differs(object, old)) {
            return Box::pin(async { Ok(()) });
        }
        Box::pin(async move {
            match &*cx.resource.plural {
                "roles" | "clusterroles" => self.check_role(cx, object).await,
                _ => self.check_binding(cx, object).await,
            }
        })
    }
}

// === impl RbacEscalation ===

impl RbacEscalation {
    async fn check_role(&self, cx: &Context<'_>, role: &Value) -> Result<(), Failure> {
        // The name of a new object is not part of its request.
        let name = if cx.operation == Operation::Create { "" } else { cx.name };
        if self.may(cx, "escalate", &cx.resource.plural, name).await {
            return Ok(());
        }
        let rules = role.at("rules").map(|rules| Option::<Vec<Rule>>::deserialize(rules).unwrap_or_default());
        let mut wanted = rules.flatten().unwrap_or_default();
        // Taking the rule away is judged too: the rules that it collected would stay.
        let aggregates = [Some(role), cx.old]
            .into_iter()
            .flatten()
            .any(|role| role.at("aggregationRule").is_some_and(|rule| !rule.is_null()));
        if aggregates {
            wanted = everything();
        }
        match self.missing(cx, &wanted).await {
            Some(_) if aggregates => Err(cx.forbidden("must have cluster-admin privileges to use the aggregationRule")),
            Some(missing) => Err(cx.forbidden(&missing)),
            None => Ok(()),
        }
    }

    async fn check_binding(&self, cx: &Context<'_>, binding: &Value) -> Result<(), Failure> {
        let role = RoleRef { kind: binding.str_at("roleRef.kind").into(), name: binding.str_at("roleRef.name").into() };
        let plural = if &*role.kind == "Role" { "roles" } else { "clusterroles" };
        if self.may(cx, "bind", plural, &role.name).await {
            return Ok(());
        }
        let Ok(rules) = self.0.rules_of(&role, cx.namespace).await else {
            return Err(Failure::not_found(GROUP, plural, &role.name));
        };
        match self.missing(cx, &rules).await {
            Some(missing) => Err(cx.forbidden(&missing)),
            None => Ok(()),
        }
    }

    async fn may(&self, cx: &Context<'_>, verb: &str, plural: &str, name: &str) -> bool {
        let info = RequestInfo {
            is_resource: true,
            verb: verb.to_owned(),
            group: GROUP.to_owned(),
            version: "v1".to_owned(),
            namespace: cx.namespace.to_owned(),
            resource: plural.to_owned(),
            name: name.to_owned(),
            ..RequestInfo::default()
        };
        let decision = self.0.authorize(Attributes { user: cx.user, info: &info }).await;
        matches!(decision, Decision::Allow { .. })
    }

    /// What the writer lacks of these rules, in upstream's words.
    async fn missing(&self, cx: &Context<'_>, wanted: &[Rule]) -> Option<String> {
        let held = self.0.held(cx.user, cx.namespace).await;
        let atoms = wanted.iter().flat_map(Rule::split);
        let missing: Vec<Rule> = atoms.filter(|atom| !held.rules.iter().any(|rule| rule.covers(atom))).collect();
        if missing.is_empty() {
            return None;
        }
        let groups: Vec<String> = cx.user.groups.iter().map(|group| quote(group)).collect();
        let (user, groups) = (quote(&cx.user.name), groups.join(" "));
        let mut text =
            format!("user {user} (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n");
        text += &described(&missing).join("\n");
        if !held.errors.is_empty() {
            text += &format!("; resolution errors: [{}]", held.errors.join(", "));
        }
        Some(text)
    }
}

/// Whether nothing but owners and finalizers differs: the garbage collector may change those of any role.
fn only_ownership_differs(new: &Value, old: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        for field in ["ownerReferences", "finalizers", "resourceVersion", "managedFields"] {
            object.remove(&format!("metadata.{field}"));
        }
        object
    };
    bare(new) == bare(old)
}

/// The rules of cluster-admin.
fn everything() -> Vec<Rule> {
    let all: Arc<[Arc<str>]> = ["*".into()].into();
    vec![
        Rule { verbs: all.clone(), api_groups: all.clone(), resources: all.clone(), ..Rule::default() },
        Rule { verbs: all.clone(), non_resource_urls: all, ..Rule::default() },
    ]
}

/// Atoms merged by verb again, sorted, as upstream prints rules.
fn described(atoms: &[Rule]) -> Vec<String> {
    let mut verbs_of: BTreeMap<Rule, Vec<Arc<str>>> = BTreeMap::new();
    for atom in atoms {
        let verbs = verbs_of.entry(Rule { verbs: Arc::default(), ..atom.clone() }).or_default();
        verbs.extend(atom.verbs.iter().filter(|verb| !verbs.contains(verb)).cloned().collect::<Vec<_>>());
    }
    let list = |name: &str, texts: &[Arc<str>]| {
        let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
        (!texts.is_empty()).then(|| format!("{name}:[{}]", quoted.join(" ")))
    };
    let mut texts: Vec<String> = verbs_of
        .iter()
        .map(|(rule, verbs)| {
            let parts = [
                list("APIGroups", &rule.api_groups),
                list("Resources", &rule.resources),
                list("NonResourceURLs", &rule.non_resource_urls),
                list("ResourceNames", &rule.resource_names),
                list("Verbs", verbs),
            ];
            format!("{{{}}}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
        })
        .collect();
    texts.sort();
    texts
}
