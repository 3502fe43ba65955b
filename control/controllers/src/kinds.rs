//! The resources that controllers name themselves, one row each. Garbage collection discovers the others.

use crate::api::Resource;

pub(crate) const NAMESPACES: Resource = Resource::new("", "v1", "namespaces", "Namespace");
pub(crate) const NODES: Resource = Resource::new("", "v1", "nodes", "Node");
pub(crate) const PODS: Resource = Resource::new("", "v1", "pods", "Pod");
pub(crate) const SERVICES: Resource = Resource::new("", "v1", "services", "Service");
pub(crate) const ENDPOINTS: Resource = Resource::new("", "v1", "endpoints", "Endpoints");
pub(crate) const CONFIG_MAPS: Resource = Resource::new("", "v1", "configmaps", "ConfigMap");
pub(crate) const SECRETS: Resource = Resource::new("", "v1", "secrets", "Secret");
pub(crate) const SERVICE_ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts", "ServiceAccount");
pub(crate) const EVENTS: Resource = Resource::new("", "v1", "events", "Event");
pub(crate) const DEPLOYMENTS: Resource = Resource::new("apps", "v1", "deployments", "Deployment");
pub(crate) const REPLICA_SETS: Resource = Resource::new("apps", "v1", "replicasets", "ReplicaSet");
pub(crate) const JOBS: Resource = Resource::new("batch", "v1", "jobs", "Job");
pub(crate) const ENDPOINT_SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice");
pub(crate) const LEASES: Resource = Resource::new("coordination.k8s.io", "v1", "leases", "Lease");
