//! `certificates.k8s.io/v1`: CertificateSigningRequest. Who asks for a certificate is written by the server, approval and
//! certificate have an endpoint each, and what was decided stays.

mod pem;
mod signer;
mod validate;

use serde_json::{Value, json};

pub use pem::organizations;

use crate::field::Errors;
use crate::object::Fields;
use crate::registry::resource::{Column, Gvk, Now, Resource, Scope, Subresource, Verb};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell, keep};
use crate::schema::time::{Precision, format};

/// The group.
pub const GROUP: &str = "certificates.k8s.io";
/// The plural of signing requests.
pub const REQUESTS: &str = "certificatesigningrequests";

/// What the server writes of the user who asks.
const USER_FIELDS: [&str; 4] = ["username", "uid", "groups", "extra"];

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    vec![Resource {
        short_names: &["csr"],
        subresources: const {
            &[
                Subresource { name: "approval", verbs: &[Verb::Get, Verb::Patch, Verb::Update], body: None },
                Subresource::STATUS,
            ]
        },
        columns: const {
            &[
                Column::NAME,
                Column::AGE,
                Column::text("SignerName"),
                Column::text("Requestor"),
                Column::text("RequestedDuration"),
                Column::text("Condition"),
            ]
        },
        cells,
        selectable_fields: &[("spec.signerName", |object| object.str_at("spec.signerName").to_owned())],
        strategy: &CertificateSigningRequest,
        status_takes_labels: true,
        ..Resource::new(
            Gvk::new(GROUP, "v1", "CertificateSigningRequest"),
            REQUESTS,
            "certificates/v1.CertificateSigningRequest",
            Scope::Cluster,
        )
    }]
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let seconds = object.i64_at("spec.expirationSeconds");
    vec![
        cell::name(object),
        age::of(object, now),
        cell::text_or(object.str_at("spec.signerName"), cell::NONE),
        object.str_at("spec.username").into(),
        seconds.map_or_else(|| cell::NONE.to_owned(), age::human).into(),
        state(object).into(),
    ]
}

/// `Approved,Issued`.
fn state(object: &Value) -> String {
    let has = |kind: &str| object.list_at("status.conditions").iter().any(|condition| condition.str_at("type") == kind);
    let decision = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    };
    let failed = has("Failed").then_some("Failed");
    let issued = (!object.str_at("status.certificate").is_empty()).then_some("Issued");
    [Some(decision), failed, issued].into_iter().flatten().collect::<Vec<_>>().join(",")
}

struct CertificateSigningRequest;

impl Strategy for CertificateSigningRequest {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
    }

    fn prepare_for_create(&self, cx: &Context<'_>, object: &mut Value) {
        object.set("status", json!({}));
        for field in USER_FIELDS {
            object.remove(&format!("spec.{field}"));
        }
        object.set("spec.username", cx.user.name.as_str());
        object.set("spec.uid", cx.user.uid.as_str());
        object.set("spec.groups", cx.user.groups.clone());
        if !cx.user.extra.is_empty() {
            object.set("spec.extra", json!(cx.user.extra));
        }
    }

    /// Once made, nothing but metadata changes here: other changes are dropped without a word.
    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, cx: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
        if cx.subresource == Some("approval") {
            let conditions = new.remove("status.conditions");
            keep(new, old, "status");
            match conditions {
                Some(conditions) => new.set("status.conditions", conditions),
                None => drop(new.remove("status.conditions")),
            }
        }
        date_conditions(new, old, &format(cx.now.0, Precision::Seconds));
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate::request(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        validate::change(cx.subresource, new, old)
    }
}

/// Conditions without times get them: a transition is older than the request if type and status are.
fn date_conditions(new: &mut Value, old: &Value, now: &str) {
    let conditions = new.at_mut("status.conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        condition.set_default("lastUpdateTime", now);
        let same = |before: &&Value| ["type", "status"].iter().all(|field| before.get(field) == condition.get(field));
        let before = old.list_at("status.conditions").iter().find(same);
        let since = before.map(|before| before.str_at("lastTransitionTime")).filter(|since| !since.is_empty());
        condition.set_default("lastTransitionTime", since.unwrap_or(now));
    }
}
