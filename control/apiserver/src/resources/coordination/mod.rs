//! `coordination.k8s.io/v1`: Lease.

use serde_json::Value;

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Gvk, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell};
use crate::validation::number;
use storage::Durability;

/// The rows of this group.
pub fn rows() -> Vec<Resource> {
    let gvk = Gvk::new("coordination.k8s.io", "v1", "Lease");
    vec![Resource {
        columns: const { &[Column::NAME, Column::text("Holder"), Column::AGE] },
        cells: |object, now| {
            vec![cell::name(object), object.str_at("spec.holderIdentity").into(), age::of(object, now)]
        },
        strategy: &Lease,
        unconditional_update: false,
        create_on_update: true,
        // Heartbeats: an idle cluster writes nothing to flash.
        durability: Durability::Memory,
        ..Resource::new(gvk, "leases", "coordination/v1.Lease", Scope::Namespaced)
    }]
}

struct Lease;

impl Strategy for Lease {
    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        drop_coordination(object);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, _: &Value) {
        drop_coordination(new);
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, _: &Value) -> Errors {
        validate(new)
    }
}

/// Coordinated leader election is off, as it is upstream unless it is asked for.
fn drop_coordination(object: &mut Value) {
    object.remove("spec.strategy");
    object.remove("spec.preferredHolder");
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let mut errors = Errors::new();
    if let Some(seconds) = object.i64_at("spec.leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
        errors.push(Error::invalid(&path.child("leaseDurationSeconds"), seconds, "must be greater than 0"));
    }
    errors.extend(number::non_negative(&path.child("leaseTransitions"), object.i64_at("spec.leaseTransitions")));
    errors
}
