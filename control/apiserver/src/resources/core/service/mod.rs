//! Service: a name and an address for pods. What it says of addresses and ports is filled in by `allocate`.

mod allocate;
mod cells;
mod default;
mod ensure;
mod family;
mod kubernetes;
mod ports;
mod shape;
mod update;
mod validate;

pub use ensure::{EnsureError, ensure_kubernetes};
pub use kubernetes::kubernetes;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::allocator::Claim;
use crate::registry::resource::{Column, DeleteAnswer, Resource, Scope, Subresource, Verb};
use crate::registry::strategy::{Allocation, Context, NameRule, Strategy};
use crate::resources::{address, keep};

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["svc"],
        categories: &["all"],
        subresources: const {
            &[
                Subresource {
                    name: "proxy",
                    verbs: &[Verb::Create, Verb::Delete, Verb::Get, Verb::Patch, Verb::Update],
                    body: Some(("", "v1", "ServiceProxyOptions")),
                },
                Subresource::STATUS,
            ]
        },
        columns: const {
            &[
                Column::NAME,
                Column::text("Type"),
                Column::text("Cluster-IP"),
                Column::text("External-IP"),
                Column::text("Port(s)"),
                Column::AGE,
                Column::wide("Selector"),
            ]
        },
        cells: cells::cells,
        selectable_fields: &[
            ("spec.clusterIP", |object| object.str_at("spec.clusterIP").to_owned()),
            ("spec.type", |object| object.str_at("spec.type").to_owned()),
        ],
        strategy: &Service,
        etcd_folder: Some("services/specs"),
        create_on_update: true,
        delete_answer: DeleteAnswer::Object,
        status_takes_labels: true,
        ..super::new("Service", "services", "core/v1.Service", Scope::Namespaced)
    }
}

struct Service;

impl Strategy for Service {
    fn default(&self, object: &mut Value) {
        default::service(object);
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("status", json!({"loadBalancer": {}}));
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
        update::drop_what_the_type_had(new, old);
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate::service(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, old: &Value) -> Errors {
        if cx.subresource == Some("status") {
            return validate::status(new);
        }
        let mut errors = update::validate(new, old);
        errors.extend(validate::service(new));
        errors
    }

    fn warnings(&self, cx: &Context<'_>, object: &Value, _: Option<&Value>) -> Vec<String> {
        if cx.subresource.is_some() { Vec::new() } else { warnings(object) }
    }

    fn name_rule(&self) -> NameRule {
        NameRule::DnsLabel
    }

    fn begin<'a>(
        &'a self,
        cx: &'a Context<'a>,
        object: &'a mut Value,
        old: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Box<dyn Allocation>>, Failure>> {
        Box::pin(async move {
            if cx.subresource.is_some() {
                return Ok(None);
            }
            let allocators = &cx.registry.allocators;
            allocators.load(cx.registry).await?;
            let mut claim = Claim::new(allocators);
            allocate::service(&mut claim, &allocators.families(), object, old)?;
            Ok(Some(Box::new(claim) as Box<dyn Allocation>))
        })
    }

    fn after_delete(&self, cx: &Context<'_>, object: &Value) {
        cx.registry.allocators.release(object);
    }
}

fn warnings(object: &Value) -> Vec<String> {
    let spec = Path::new("spec");
    let mut warnings = Vec::new();
    let outside = !object.list_at("spec.externalIPs").is_empty();
    if shape::is_headless(object) {
        let ignored = [
            ("loadBalancerIP", !object.str_at("spec.loadBalancerIP").is_empty()),
            ("externalIPs", outside),
            ("SessionAffinity", object.str_at("spec.sessionAffinity") != "None"),
        ];
        let set = ignored.into_iter().filter(|(_, is_set)| *is_set);
        warnings.extend(set.map(|(field, _)| format!("spec.{field} is ignored for headless services")));
    } else {
        for field in ["clusterIPs", "externalIPs"] {
            let texts = object.list_at(&format!("spec.{field}")).iter().filter_map(Value::as_str).enumerate();
            warnings.extend(texts.filter_map(|(i, text)| address::warnings(&spec.child(field).index(i), text)));
        }
        if outside {
            warnings
                .push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_owned());
        }
    }
    if object.str_at("spec.trafficDistribution") == "PreferClose" {
        let advice = "\"PreferClose\" is deprecated; use \"PreferSameZone\"";
        warnings.push(format!("spec.trafficDistribution: {advice}"));
    }
    warnings
}

/// The 422 of a service that cannot get what it asks for.
fn invalid(object: &Value, errors: &[Error]) -> Failure {
    Failure::invalid("", "Service", object.str_at("metadata.name"), errors)
}

#[cfg(test)]
mod tests;
