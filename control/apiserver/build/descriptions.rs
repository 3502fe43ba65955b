//! Takes the descriptions of types and fields, and which fields are required, out of `k8s-openapi` and packs them.
//!
//! The text, before it is packed: a line `=TYPE<tab>DESCRIPTION` for each type, sorted, and after it a line
//! `FIELD<tab>0 or 1 for required<tab>DESCRIPTION` for each field; descriptions are JSON strings.

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::api;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// How hard to pack: as hard as it goes, since it is done once.
const LEVEL: u8 = 10;

/// Declares the kinds whose descriptions, and those of all types they use, are kept.
macro_rules! kinds {
    ($($kind:ty),* $(,)?) => {
        fn add_kinds(generator: &mut SchemaGenerator) {
            $(generator.subschema_for::<$kind>();)*
        }
    };
}

kinds![
    api::apps::v1::ControllerRevision,
    api::apps::v1::DaemonSet,
    api::apps::v1::Deployment,
    api::apps::v1::ReplicaSet,
    api::apps::v1::StatefulSet,
    api::authentication::v1::SelfSubjectReview,
    api::authentication::v1::TokenRequest,
    api::authentication::v1::TokenReview,
    api::authorization::v1::LocalSubjectAccessReview,
    api::authorization::v1::SelfSubjectAccessReview,
    api::authorization::v1::SelfSubjectRulesReview,
    api::authorization::v1::SubjectAccessReview,
    api::autoscaling::v1::HorizontalPodAutoscaler,
    api::autoscaling::v1::Scale,
    api::autoscaling::v2::HorizontalPodAutoscaler,
    api::batch::v1::CronJob,
    api::batch::v1::Job,
    api::certificates::v1::CertificateSigningRequest,
    api::certificates::v1::ClusterTrustBundle,
    api::certificates::v1::PodCertificateRequest,
    api::coordination::v1::Lease,
    api::core::v1::Binding,
    api::core::v1::ComponentStatus,
    api::core::v1::ConfigMap,
    api::core::v1::Endpoints,
    api::core::v1::Event,
    api::core::v1::LimitRange,
    api::core::v1::Namespace,
    api::core::v1::Node,
    api::core::v1::PersistentVolume,
    api::core::v1::PersistentVolumeClaim,
    api::core::v1::Pod,
    api::core::v1::PodTemplate,
    api::core::v1::ReplicationController,
    api::core::v1::ResourceQuota,
    api::core::v1::Secret,
    api::core::v1::Service,
    api::core::v1::ServiceAccount,
    api::discovery::v1::EndpointSlice,
    api::events::v1::Event,
    api::networking::v1::Ingress,
    api::networking::v1::IngressClass,
    api::networking::v1::IPAddress,
    api::networking::v1::NetworkPolicy,
    api::networking::v1::ServiceCIDR,
    api::node::v1::RuntimeClass,
    api::policy::v1::Eviction,
    api::policy::v1::PodDisruptionBudget,
    api::rbac::v1::ClusterRole,
    api::rbac::v1::ClusterRoleBinding,
    api::rbac::v1::Role,
    api::rbac::v1::RoleBinding,
    api::scheduling::v1::PriorityClass,
    api::storage::v1::CSIDriver,
    api::storage::v1::CSINode,
    api::storage::v1::CSIStorageCapacity,
    api::storage::v1::StorageClass,
    api::storage::v1::VolumeAttachment,
    api::storage::v1::VolumeAttributesClass,
    k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions,
];

/// The packed text.
pub(crate) fn pack() -> Vec<u8> {
    let mut generator = SchemaSettings::openapi3().into_generator();
    add_kinds(&mut generator);
    let definitions = generator.take_definitions(true);
    let by_type: BTreeMap<String, &Value> =
        definitions.iter().map(|(name, schema)| (type_name(name), schema)).collect();
    let mut out = String::new();
    for (name, schema) in by_type {
        describe(&name, schema, &mut out);
    }
    miniz_oxide::deflate::compress_to_vec(out.as_bytes(), LEVEL)
}

fn describe(name: &str, schema: &Value, out: &mut String) {
    let _ = writeln!(out, "={name}\t{}", schema.get("description").unwrap_or(&Value::Null));
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (field, property) in schema["properties"].as_object().into_iter().flatten() {
        let flag = u8::from(required.contains(&field.as_str()));
        let _ = writeln!(out, "{field}\t{flag}\t{}", property.get("description").unwrap_or(&Value::Null));
    }
}

/// `io.k8s.api.core.v1.Pod` is `core/v1.Pod` in the schema table.
fn type_name(definition: &str) -> String {
    let short = definition
        .replace("io.k8s.apimachinery.pkg.apis.", "")
        .replace("io.k8s.apiextensions-apiserver.pkg.apis.", "")
        .replace("io.k8s.kube-aggregator.pkg.apis.", "")
        .replace("io.k8s.api.", "");
    short.replacen('.', "/", 1)
}
