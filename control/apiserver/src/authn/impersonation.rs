//! Asking as somebody else (`kubectl --as`): who is wanted, and whether the one who asks may be them.
//!
//! Since 1.37 there are two ways. The constrained one needs two rights: `impersonate:MODE` on who is wanted, and
//! `impersonate-on:MODE:VERB` on what is asked for. The old one needs `impersonate` on who is wanted. Whoever got
//! through the old way is told about the old rights from then on.

use std::collections::{BTreeMap, HashSet};

use http::HeaderMap;
use parking_lot::Mutex;

use crate::authn::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, service_account};
use crate::authz::{Attributes, Authorizer, Decision, forbidden};
use crate::error::Failure;
use crate::field::quote;
use crate::query::decode_path;
use crate::request::{RequestInfo, User};

const GROUP: &str = "authentication.k8s.io";
const NODE_PREFIX: &str = "system:node:";
const EXTRA_PREFIX: &str = "impersonate-extra-";
/// How many users are remembered to have come the old way; beyond that all are forgotten.
const OLD_WAY_MAX: usize = 1024;

/// Decides who may ask as whom.
#[derive(Default)]
pub struct Impersonation {
    /// Names of users who got through the old way.
    old_way: Mutex<HashSet<String>>,
}

/// Whom the `Impersonate-*` headers want, as they say it: the groups of everybody come later.
///
/// # Errors
/// 400 if they want groups and the like of nobody.
pub fn wanted(headers: &HeaderMap) -> Result<Option<User>, Failure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let groups = headers.get_all("impersonate-group").iter().filter_map(|value| value.to_str().ok());
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA_PREFIX), value.to_str()) {
            extra.entry(decode_path(key)).or_default().push(value.to_owned());
        }
    }
    let user = User {
        name: text("impersonate-user"),
        uid: text("impersonate-uid"),
        groups: groups.map(str::to_owned).collect(),
        extra,
    };
    if user == User::new("", [""; 0]) {
        return Ok(None);
    }
    if user.name.is_empty() {
        let message = format!("requested {} without impersonating a user name", dumped(&user));
        return Err(Failure::bad_request(message));
    }
    Ok(Some(user))
}

/// The user as the request goes on: with the groups that such a user always has.
pub fn completed(mut user: User) -> User {
    if user.groups.is_empty()
        && let Some((namespace, _)) = service_account::parse(&user.name)
    {
        user.groups.extend(service_account::groups(namespace));
    }
    let has = |group: &str| user.groups.iter().any(|own| own == group);
    let (authenticated, unauthenticated) = (has(AUTHENTICATED), has(UNAUTHENTICATED));
    match user.name == ANONYMOUS {
        true if !unauthenticated => user.groups.push(UNAUTHENTICATED.to_owned()),
        false if !authenticated && !unauthenticated => user.groups.push(AUTHENTICATED.to_owned()),
        true | false => {}
    }
    user
}

// === impl Impersonation ===

impl Impersonation {
    /// Whether `asking` may be `wanted` for this request.
    ///
    /// # Errors
    /// 403 that names the right that is missing.
    pub async fn check(
        &self,
        authorizer: &dyn Authorizer,
        asking: &User,
        wanted: &User,
        info: &RequestInfo,
    ) -> Result<(), Failure> {
        let Err(constrained) = check_constrained(authorizer, asking, wanted, info).await else { return Ok(()) };
        let mut old = Ok(());
        for right in rights(wanted, "impersonate", "") {
            old = allowed(authorizer, asking, &right).await;
            if old.is_err() {
                break;
            }
        }
        let mut old_way = self.old_way.lock();
        match old {
            Ok(()) => {
                if old_way.len() >= OLD_WAY_MAX {
                    old_way.clear();
                }
                old_way.insert(asking.name.clone());
                Ok(())
            }
            Err(failure) if old_way.contains(&asking.name) => Err(failure),
            Err(_) => Err(constrained),
        }
    }
}

async fn check_constrained(
    authorizer: &dyn Authorizer,
    asking: &User,
    wanted: &User,
    info: &RequestInfo,
) -> Result<(), Failure> {
    let mode = match wanted.name.as_str() {
        name if service_account::parse(name).is_some() => "serviceaccount",
        name if name.starts_with(NODE_PREFIX) => "arbitrary-node",
        _ => "user-info",
    };
    let on = RequestInfo { verb: format!("impersonate-on:{mode}:{}", info.verb), ..info.clone() };
    allowed(authorizer, asking, &on).await?;
    for right in rights(wanted, &format!("impersonate:{mode}"), GROUP) {
        allowed(authorizer, asking, &right).await?;
    }
    Ok(())
}

async fn allowed(authorizer: &dyn Authorizer, asking: &User, info: &RequestInfo) -> Result<(), Failure> {
    match authorizer.authorize(Attributes { user: asking, info }).await {
        Decision::Allow { .. } => Ok(()),
        Decision::Deny { reason } | Decision::NoOpinion { reason } => Err(forbidden(asking, info, &reason)),
    }
}

/// The rights it takes to be this user: one for each part of them. `group` is where users and groups are resources.
fn rights(wanted: &User, verb: &str, group: &str) -> Vec<RequestInfo> {
    let right = |group: &str, resource: &str, name: &str| RequestInfo {
        is_resource: true,
        verb: verb.to_owned(),
        group: group.to_owned(),
        version: "v1".to_owned(),
        resource: resource.to_owned(),
        name: name.to_owned(),
        ..RequestInfo::default()
    };
    let mut rights = Vec::new();
    rights.push(match (service_account::parse(&wanted.name), wanted.name.strip_prefix(NODE_PREFIX)) {
        (Some((namespace, name)), _) => {
            RequestInfo { namespace: namespace.to_owned(), ..right(group, "serviceaccounts", name) }
        }
        (None, Some(node)) if !group.is_empty() => right(group, "nodes", node),
        (None, _) => right(group, "users", &wanted.name),
    });
    rights.extend(wanted.groups.iter().map(|name| right(group, "groups", name)));
    for (key, values) in &wanted.extra {
        let of_key = |value| RequestInfo { subresource: key.clone(), ..right(GROUP, "userextras", value) };
        rights.extend(values.iter().map(|value| of_key(value)));
    }
    if !wanted.uid.is_empty() {
        rights.push(right(GROUP, "uids", &wanted.uid));
    }
    rights
}

/// As Go prints upstream's struct.
fn dumped(user: &User) -> String {
    let list = |texts: &[String]| match texts {
        [] => "[]string(nil)".to_owned(),
        texts => format!("[]string{{{}}}", texts.iter().map(|text| quote(text)).collect::<Vec<_>>().join(", ")),
    };
    let of_key = |(key, values): (&String, &Vec<String>)| format!("{}:{}", quote(key), list(values));
    let extra = match user.extra.iter().map(of_key).collect::<Vec<_>>() {
        none if none.is_empty() => "map[string][]string(nil)".to_owned(),
        some => format!("map[string][]string{{{}}}", some.join(", ")),
    };
    let (name, uid) = (quote(&user.name), quote(&user.uid));
    format!("&user.DefaultInfo{{Name:{name}, UID:{uid}, Groups:{}, Extra:{extra}}}", list(&user.groups))
}
