//! TokenRequest: a token for a ServiceAccount, bound to a pod, secret or node if that is asked for.

use serde_json::{Value, json};

use crate::authn::token::{Claims, Private, Reference, Tokens};
use crate::error::Failure;
use crate::field::{Error, Path, quote};
use crate::identity;
use crate::object::Fields;
use crate::registry::Registry;
use crate::registry::resource::Now;
use crate::schema::time::{self, Precision};

const GROUP: &str = "authentication.k8s.io";
const SECONDS_DEFAULT: i64 = 3600;
const SECONDS_MIN: i64 = 600;
const SECONDS_MAX: i64 = 1 << 32;
/// What admission asks for in pods; clients of that time did not renew, so such tokens live for a year and warn.
const SECONDS_OF_PODS: i64 = 3607;
const SECONDS_EXTENDED: i64 = 365 * 24 * 3600;

/// The account that the path names.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Answers a TokenRequest with its token.
///
/// # Errors
/// 404 and 409 of the account and what the token is to be bound to, 400 of kinds that bind nothing, 422 of the rest.
pub async fn create(
    tokens: &Tokens,
    registry: &Registry,
    account: Account<'_>,
    now: Now,
    mut request: Value,
) -> Result<Value, Failure> {
    let found = registry.get("core/serviceaccounts", account.namespace, account.name).await?;
    let found = found.ok_or_else(|| Failure::not_found("", "serviceaccounts", account.name))?;
    let uid = found.str_at("metadata.uid");
    check_metadata(&request, account, uid)?;
    let seconds = check_seconds(&request)?;
    let mut claims = Private {
        namespace: account.namespace.to_owned(),
        serviceaccount: Reference { name: account.name.to_owned(), uid: uid.to_owned() },
        ..Private::default()
    };
    bind(registry, account, &request, &mut claims).await?;

    let asked = request.list_at("spec.audiences").iter().filter_map(Value::as_str).map(str::to_owned);
    let mut audiences: Vec<String> = asked.collect();
    if audiences.is_empty() {
        audiences.push(tokens.issuer.clone());
    }
    let begin = now.0.unix_timestamp();
    let mut end = begin + seconds;
    if seconds == SECONDS_OF_PODS && claims.pod.is_some() && audiences == [tokens.issuer.as_str()] {
        claims.warnafter = Some(end);
        end = begin + SECONDS_EXTENDED;
    }
    let sub = super::service_account::user_name(account.namespace, account.name);
    let token = tokens.issue(Claims {
        aud: audiences.clone(),
        exp: end,
        iat: begin,
        nbf: begin,
        sub,
        kubernetes: claims,
        ..Claims::default()
    });

    let stamp = |at: ::time::OffsetDateTime| time::format(at, Precision::Seconds);
    let expires = stamp(now.0 + ::time::Duration::seconds(seconds));
    request.set("metadata", json!({
        "name": account.name, "namespace": account.namespace, "uid": identity::uid(), "creationTimestamp": stamp(now.0),
    }));
    request.set("spec.audiences", audiences);
    request.set("spec.expirationSeconds", seconds);
    request.set_default("spec.boundObjectRef", Value::Null);
    request.set("status", json!({"token": token, "expirationTimestamp": expires}));
    Ok(request)
}

fn check_metadata(request: &Value, account: Account<'_>, uid: &str) -> Result<(), Failure> {
    let (name, namespace) = (request.str_at("metadata.name"), request.str_at("metadata.namespace"));
    if !name.is_empty() && name != account.name {
        let path = Path::new("metadata").child("name");
        let fault = Error::invalid(&path, name, "must match the service account name if specified");
        return Err(Failure::invalid(GROUP, "TokenRequest", account.name, &[fault]));
    }
    if !namespace.is_empty() && namespace != account.namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(message));
    }
    let given = request.str_at("metadata.uid");
    if !given.is_empty() && given != uid {
        let what =
            format!("the UID in the token request ({given}) does not match the UID of the service account ({uid})");
        return Err(Failure::conflict(GROUP, "TokenRequest", account.name, &what));
    }
    Ok(())
}

fn check_seconds(request: &Value) -> Result<i64, Failure> {
    let seconds = request.i64_at("spec.expirationSeconds").unwrap_or(SECONDS_DEFAULT);
    let fault = match seconds {
        ..SECONDS_MIN => "may not specify a duration less than 10 minutes",
        SECONDS_MIN..=SECONDS_MAX => return Ok(seconds),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let path = Path::new("spec").child("expirationSeconds");
    Err(Failure::invalid(GROUP, "TokenRequest", "", &[Error::invalid(&path, seconds, fault)]))
}

/// Puts what the token is to be bound to into its claims.
async fn bind(registry: &Registry, account: Account<'_>, request: &Value, claims: &mut Private) -> Result<(), Failure> {
    let Some(bound) = request.at("spec.boundObjectRef").filter(|bound| !bound.is_null()) else { return Ok(()) };
    let (kind, api_version) = (bound.str_at("kind"), bound.str_at("apiVersion"));
    let (plural, namespace) = match (kind, api_version) {
        ("Pod", "" | "v1") => ("pods", account.namespace),
        ("Secret", "" | "v1") => ("secrets", account.namespace),
        ("Node", "" | "v1") => ("nodes", ""),
        _ => return Err(Failure::bad_request(unbindable(kind, api_version))),
    };
    let (name, uid) = (bound.str_at("name"), bound.str_at("uid"));
    let object = registry.get(&format!("core/{plural}"), namespace, name).await?;
    let object = object.ok_or_else(|| Failure::not_found("", plural, name))?;
    let own = object.str_at("metadata.uid");
    if !uid.is_empty() && uid != own {
        let what = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been \
             deleted and then recreated"
        );
        return Err(Failure::conflict("", kind, name, &what));
    }
    let reference = Some(Reference { name: name.to_owned(), uid: own.to_owned() });
    match kind {
        "Pod" => {
            if object.str_at("spec.serviceAccountName") != account.name {
                return Err(Failure::bad_request(format!(
                    "cannot bind token for serviceaccount {} to pod running with different serviceaccount name.",
                    quote(account.name)
                )));
            }
            claims.pod = reference;
            claims.node = node_of(registry, object.str_at("spec.nodeName")).await?;
        }
        "Secret" => claims.secret = reference,
        _ => claims.node = reference,
    }
    Ok(())
}

/// The node that a pod is on; without a uid if it is not there.
async fn node_of(registry: &Registry, name: &str) -> Result<Option<Reference>, Failure> {
    if name.is_empty() {
        return Ok(None);
    }
    let node = registry.get("core/nodes", "", name).await?;
    let uid = node.map(|node| node.str_at("metadata.uid").to_owned()).unwrap_or_default();
    Ok(Some(Reference { name: name.to_owned(), uid }))
}

fn unbindable(kind: &str, api_version: &str) -> String {
    let group_version = match (kind, api_version) {
        ("", _) => "/".to_owned(),
        (_, "") => "/v1".to_owned(),
        (_, version) if !version.contains('/') => format!("/{version}"),
        (_, group_version) => group_version.to_owned(),
    };
    format!("cannot bind token to object of type {group_version}, Kind={kind}")
}
