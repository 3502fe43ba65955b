//! The resources that controllers name themselves, one row each. Garbage collection discovers the others.

use crate::api::Resource;

pub(crate) static NAMESPACES: Resource = Resource::new("", "v1", "namespaces", "Namespace");
pub(crate) static NODES: Resource = Resource::new("", "v1", "nodes", "Node");
pub(crate) static PODS: Resource = Resource::new("", "v1", "pods", "Pod");
pub(crate) static SERVICES: Resource = Resource::new("", "v1", "services", "Service");
pub(crate) static ENDPOINTS: Resource = Resource::new("", "v1", "endpoints", "Endpoints");
pub(crate) static CONFIG_MAPS: Resource = Resource::new("", "v1", "configmaps", "ConfigMap");
pub(crate) static SERVICE_ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts", "ServiceAccount");
pub(crate) static CLAIMS: Resource = Resource::new("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim");
pub(crate) static VOLUMES: Resource = Resource::new("", "v1", "persistentvolumes", "PersistentVolume");
pub(crate) static EVENTS: Resource = Resource::new("", "v1", "events", "Event");
pub(crate) static REPLICATION_CONTROLLERS: Resource =
    Resource::new("", "v1", "replicationcontrollers", "ReplicationController");
pub(crate) static DEPLOYMENTS: Resource = Resource::new("apps", "v1", "deployments", "Deployment");
pub(crate) static REPLICA_SETS: Resource = Resource::new("apps", "v1", "replicasets", "ReplicaSet");
pub(crate) static JOBS: Resource = Resource::new("batch", "v1", "jobs", "Job");
pub(crate) static DAEMON_SETS: Resource = Resource::new("apps", "v1", "daemonsets", "DaemonSet");
pub(crate) static CONTROLLER_REVISIONS: Resource =
    Resource::new("apps", "v1", "controllerrevisions", "ControllerRevision");
pub(crate) static CRON_JOBS: Resource = Resource::new("batch", "v1", "cronjobs", "CronJob");
pub(crate) static ENDPOINT_SLICES: Resource =
    Resource::new("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice");
pub(crate) static LEASES: Resource = Resource::new("coordination.k8s.io", "v1", "leases", "Lease");
