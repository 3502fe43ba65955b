//! What happens to volumes and claims on their way: the default class, the finalizer that keeps what is in use, and the
//! class that lets a claim grow.

use futures::future::BoxFuture;
use serde_json::Value;

use crate::admission::{Context, Operation, Plugin};
use crate::error::Failure;
use crate::object::Fields;
use crate::resources::core::class_of_volume;
use crate::resources::storage::is_default;
use crate::validation::quantity;

const CLAIMS: &str = "persistentvolumeclaims";
const CLASSES: &str = "storage.k8s.io/storageclasses";

/// What must let go of an object before it goes, by kind.
const PROTECTIONS: [(&str, &str); 2] =
    [(CLAIMS, "kubernetes.io/pvc-protection"), ("persistentvolumes", "kubernetes.io/pv-protection")];

/// `DefaultStorageClass`: claims that name no class get the default one.
pub struct DefaultStorageClass;

/// `StorageObjectInUseProtection`: volumes and claims go only when nobody uses them.
pub struct StorageObjectInUseProtection;

/// `PersistentVolumeClaimResize`: only claims whose class lets them grow.
pub struct PersistentVolumeClaimResize;

impl Plugin for DefaultStorageClass {
    fn name(&self) -> &'static str {
        "DefaultStorageClass"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, claim: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let is_new = cx.operation == Operation::Create && cx.is_about("", CLAIMS);
            let is_said = claim.at("spec.storageClassName").is_some_and(|name| !name.is_null());
            if !is_new || is_said || !class_of_volume(claim).is_empty() {
                return Ok(());
            }
            let classes = cx.registry.list(CLASSES, "").await?;
            // Of several the newest is meant, as upstream has it.
            let marked = classes.iter().filter(|class| is_default(class)).map(|class| {
                (class.str_at("metadata.creationTimestamp"), std::cmp::Reverse(class.str_at("metadata.name")))
            });
            if let Some((_, name)) = marked.max() {
                claim.set("spec.storageClassName", name.0);
            }
            Ok(())
        })
    }
}

impl Plugin for StorageObjectInUseProtection {
    fn name(&self) -> &'static str {
        "StorageObjectInUseProtection"
    }

    fn mutate<'a>(&'a self, cx: &'a Context<'a>, object: &'a mut Value) -> BoxFuture<'a, Result<(), Failure>> {
        let kept = PROTECTIONS.iter().find(|(plural, _)| cx.operation == Operation::Create && cx.is_about("", plural));
        if let Some((_, finalizer)) = kept {
            let had = object.list_at("metadata.finalizers");
            if !had.iter().any(|one| one == finalizer) {
                let all: Vec<Value> = had.iter().cloned().chain([(*finalizer).into()]).collect();
                object.set("metadata.finalizers", all);
            }
        }
        Box::pin(async { Ok(()) })
    }
}

impl Plugin for PersistentVolumeClaimResize {
    fn name(&self) -> &'static str {
        "PersistentVolumeClaimResize"
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, claim: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let is_change = cx.operation == Operation::Update && cx.is_about("", CLAIMS);
            let Some(old) = cx.old.filter(|old| is_change && size(claim) > size(old)) else { return Ok(()) };
            if old.str_at("status.phase") != "Bound" {
                return Err(cx.forbidden("Only bound persistent volume claims can be expanded"));
            }
            let name = class_of_volume(claim);
            let class = match name {
                "" => None,
                name => cx.registry.get(CLASSES, "", name).await?.filter(|_| name == class_of_volume(old)),
            };
            if class.is_some_and(|class| class.bool_at("allowVolumeExpansion")) {
                return Ok(());
            }
            Err(cx.forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
                 support resize",
            ))
        })
    }
}

fn size(claim: &Value) -> crate::schema::Quantity {
    quantity::of(claim.at("spec.resources.requests.storage").unwrap_or(&Value::Null))
}
