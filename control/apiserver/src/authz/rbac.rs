//! Role based access control: a request is allowed if a role bound to its user has a rule for it. Nothing is denied.
//!
//! # Flow
//! `system:masters` passes. Then ClusterRoleBindings are asked, then the RoleBindings of the request's namespace.
//! Bindings are kept parsed. Roles are parsed when a binding leads to them, and kept while nothing changes; a change
//! is seen by looking into watches of the store before each decision, so that it holds from its acknowledgement on.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use storage::{Key, Object, Paging, Query, Storage, Watch};

use crate::authn::MASTERS;
use crate::authz::binding::{Binding, RoleRef};
use crate::authz::role::Role;
use crate::authz::rule::Rule;
use crate::authz::{Attributes, Authorizer, Decision};
use crate::field::quote;
use crate::request::User;

const ROLES: &str = "rbac.authorization.k8s.io/roles";
const CLUSTER_ROLES: &str = "rbac.authorization.k8s.io/clusterroles";
const ROLE_BINDINGS: &str = "rbac.authorization.k8s.io/rolebindings";
const CLUSTER_ROLE_BINDINGS: &str = "rbac.authorization.k8s.io/clusterrolebindings";

/// How many roles are kept parsed; beyond that all are forgotten and read again.
const ROLES_PARSED_MAX: usize = 256;
/// How many roles an aggregated role may lead to, which bounds the walk.
const ROLES_AGGREGATED_MAX: usize = 1000;

/// The authorizer.
pub struct Rbac {
    storage: Arc<dyn Storage>,
    known: Mutex<Known>,
}

/// By namespace and name; the empty namespace has the cluster's.
type Bindings = BTreeMap<(Arc<str>, Arc<str>), Binding>;

/// What is known of the store's bindings and roles.
#[derive(Default)]
struct Known {
    /// `None` until the first decision, and after a watch was lost.
    watches: Option<Vec<Watch>>,
    /// Shared with decisions under way.
    bindings: Arc<Bindings>,
    /// Invariant: at most `ROLES_PARSED_MAX`, and none is older than the last change of any role.
    roles: HashMap<Key, Arc<[Rule]>>,
    /// Counts changes of roles, so that a role read before a change is not kept after it.
    changes: u64,
}

/// A binding that is about the user.
pub struct Bound {
    /// `ClusterRoleBinding "x"`, as reasons write it.
    pub binding: String,
    /// `User "alice"`.
    pub subject: String,
    /// The role.
    pub role: RoleRef,
    /// The namespace of the binding, empty for the cluster.
    pub namespace: Arc<str>,
}

/// The rules that hold for a user, and why some could not be found out.
#[derive(Debug, Default)]
pub struct Held {
    /// In the order of bindings.
    pub rules: Vec<Rule>,
    /// Roles that are bound and not there.
    pub errors: Vec<String>,
}

// === impl Rbac ===

impl Rbac {
    /// An authorizer by the roles and bindings in the store.
    pub fn new(storage: Arc<dyn Storage>) -> Rbac {
        Rbac { storage, known: Mutex::default() }
    }

    /// The bindings about the user: the cluster's, then those of the namespace.
    pub async fn bound(&self, user: &User, namespace: &str) -> Result<Vec<Bound>, String> {
        let bindings = self.bindings().await?;
        let of = |namespace: &str| {
            let namespace: Arc<str> = namespace.into();
            let first = (namespace.clone(), Arc::from(""));
            bindings.range(first..).take_while(move |((ns, _), _)| *ns == namespace)
        };
        let own = (!namespace.is_empty()).then(|| of(namespace)).into_iter().flatten();
        let bound = of("").chain(own).filter_map(|((namespace, name), binding)| {
            let subject = binding.subject_of(user, namespace)?;
            Some(Bound {
                binding: match &**namespace {
                    "" => format!("ClusterRoleBinding {}", quote(name)),
                    namespace => format!("RoleBinding {}", quote(&format!("{name}/{namespace}"))),
                },
                subject: subject.described(),
                role: binding.role_ref.clone(),
                namespace: namespace.clone(),
            })
        });
        Ok(bound.collect())
    }

    /// All rules that hold for the user in the namespace.
    pub async fn held(&self, user: &User, namespace: &str) -> Held {
        let mut held = Held::default();
        let bound = match self.bound(user, namespace).await {
            Ok(bound) => bound,
            Err(error) => return Held { errors: vec![error], ..held },
        };
        for bound in bound {
            match self.rules_of(&bound.role, &bound.namespace).await {
                Ok(rules) => held.rules.extend(rules.iter().cloned()),
                Err(error) => held.errors.push(error),
            }
        }
        held
    }

    /// The rules of a role, those of the roles it aggregates included.
    pub async fn rules_of(&self, role: &RoleRef, namespace: &str) -> Result<Arc<[Rule]>, String> {
        let (resource, namespace) = if &*role.kind == "Role" { (ROLES, namespace) } else { (CLUSTER_ROLES, "") };
        let key = Key { resource: resource.into(), namespace: namespace.into(), name: (*role.name).into() };
        let changes = {
            let known = self.known.lock();
            if let Some(rules) = known.roles.get(&key) {
                return Ok(rules.clone());
            }
            known.changes
        };
        let found = self.storage.get(&key).await.map_err(|error| error.to_string())?;
        let Some(object) = found else {
            return Err(format!(
                "{}.rbac.authorization.k8s.io {} not found",
                role.kind.to_lowercase(),
                quote(&role.name)
            ));
        };
        let rules: Arc<[Rule]> = self.with_aggregated(&object).await?.into();
        let mut known = self.known.lock();
        if known.changes == changes {
            if known.roles.len() >= ROLES_PARSED_MAX {
                known.roles.clear();
            }
            known.roles.insert(key, rules.clone());
        }
        Ok(rules)
    }

    /// Upstream's controller copies the rules of the selected roles into the role. Here they count without that too.
    async fn with_aggregated(&self, object: &Object) -> Result<Vec<Rule>, String> {
        let mut rules = Vec::new();
        let mut seen = HashSet::from([object.key.clone()]);
        let mut waiting = vec![object.clone()];
        while let Some(object) = waiting.pop() {
            let Ok(role) = serde_json::from_slice::<Role>(&object.value) else { continue };
            rules.extend(role.rules.unwrap_or_default());
            let Some(aggregation) = role.aggregation_rule else { continue };
            for candidate in self.list(CLUSTER_ROLES).await? {
                let selected = aggregation.selects(&candidate.index.labels);
                if selected && seen.len() < ROLES_AGGREGATED_MAX && seen.insert(candidate.key.clone()) {
                    waiting.push(candidate);
                }
            }
        }
        Ok(rules)
    }

    /// The bindings as they are now.
    async fn bindings(&self) -> Result<Arc<Bindings>, String> {
        if let Some(bindings) = self.known.lock().caught_up() {
            return Ok(bindings);
        }
        let from = self.storage.revision();
        let watches = [ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS]
            .map(|resource| self.storage.watch(everything(resource), from).map_err(|error| error.to_string()));
        let watches: Vec<Watch> = watches.into_iter().collect::<Result<_, _>>()?;
        let mut bindings = BTreeMap::new();
        for resource in [ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS] {
            for object in self.list(resource).await? {
                bindings.insert((object.key.namespace.clone(), object.key.name.clone()), parse(&object));
            }
        }
        let mut known = self.known.lock();
        let changes = known.changes + 1;
        *known = Known { watches: Some(watches), bindings: Arc::new(bindings), roles: HashMap::new(), changes };
        Ok(known.bindings.clone())
    }

    async fn list(&self, resource: &str) -> Result<Vec<Object>, String> {
        let page = self.storage.list(&everything(resource), Paging::default()).await;
        Ok(page.map_err(|error| error.to_string())?.objects)
    }
}

impl Authorizer for Rbac {
    fn authorize<'a>(&'a self, attributes: Attributes<'a>) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            let Attributes { user, info } = attributes;
            if user.groups.iter().any(|group| group == MASTERS) {
                return Decision::Allow { reason: String::new() };
            }
            let bound = match self.bound(user, &info.namespace).await {
                Ok(bound) => bound,
                Err(error) => return Decision::NoOpinion { reason: reason(&[error]) },
            };
            let mut errors = Vec::new();
            for bound in bound {
                match self.rules_of(&bound.role, &bound.namespace).await {
                    Ok(rules) if rules.iter().any(|rule| rule.allows(info)) => {
                        let Bound { binding, subject, role, .. } = bound;
                        let role = format!("{} {}", role.kind, quote(&role.name));
                        return Decision::Allow {
                            reason: format!("RBAC: allowed by {binding} of {role} to {subject}"),
                        };
                    }
                    Ok(_) => {}
                    Err(error) => errors.push(error),
                }
            }
            Decision::NoOpinion { reason: reason(&errors) }
        })
    }

    fn rules<'a>(&'a self, user: &'a User, namespace: &'a str) -> BoxFuture<'a, Held> {
        Box::pin(self.held(user, namespace))
    }
}

// === impl Known ===

impl Known {
    /// The bindings after all changes so far, or `None` if they must be read anew.
    fn caught_up(&mut self) -> Option<Arc<Bindings>> {
        let watches = self.watches.as_mut()?;
        for watch in watches {
            while let Some(event) = watch.next().now_or_never() {
                let Some(event) = event else {
                    self.watches = None;
                    return None;
                };
                let key = &event.subject().key;
                if matches!(&*key.resource, ROLES | CLUSTER_ROLES) {
                    // All of them, because any may be part of another.
                    self.roles.clear();
                    self.changes += 1;
                    continue;
                }
                let place = (key.namespace.clone(), key.name.clone());
                let bindings = Arc::make_mut(&mut self.bindings);
                match &event.object {
                    Some(object) => drop(bindings.insert(place, parse(object))),
                    None => drop(bindings.remove(&place)),
                }
            }
        }
        Some(self.bindings.clone())
    }
}

/// A binding that cannot be read binds nobody.
fn parse(object: &Object) -> Binding {
    serde_json::from_slice(&object.value).unwrap_or_default()
}

fn everything(resource: &str) -> Query {
    Query { resource: resource.into(), namespace: "".into(), name: None, field: None }
}

/// The reason of an undecided request: which roles were not found.
fn reason(errors: &[String]) -> String {
    match errors {
        [] => String::new(),
        [one] => format!("rbac: RBAC: {one}"),
        several => format!("rbac: RBAC: [{}]", several.join(", ")),
    }
}
