//! Views that hold metadata only: enough to know which objects there are and whose they are.

use serde::Deserialize;

use crate::{
    api::Resource,
    kinds,
    meta::Meta,
    watch::{Form, Object, View},
};

/// Declares a view of metadata.
macro_rules! metadata_views {
    ($($(#[$doc:meta])* $name:ident of $resource:expr, $query:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        pub(crate) struct $name {
            pub(crate) metadata: Meta,
        }

        impl Object for $name {
            fn meta(&self) -> &Meta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut Meta {
                &mut self.metadata
            }
        }

        impl View for $name {
            const RESOURCE: &'static Resource = &$resource;
            const FORM: Form = Form::Metadata;
            const QUERY: &'static str = $query;
        }
    )*};
}

metadata_views! {
    /// A Namespace. Its phase is told by its deletion timestamp.
    Namespace of kinds::NAMESPACES, "";
    /// The ServiceAccount `default` of each namespace.
    DefaultServiceAccount of kinds::SERVICE_ACCOUNTS, "fieldSelector=metadata.name%3Ddefault";
    /// The ConfigMap `kube-root-ca.crt` of each namespace.
    RootCa of kinds::CONFIG_MAPS, "fieldSelector=metadata.name%3Dkube-root-ca.crt";
    /// A PersistentVolumeClaim.
    Claim of kinds::CLAIMS, "";
    /// A PersistentVolume.
    Volume of kinds::VOLUMES, "";
    /// A Deployment. What it says is read when it is reconciled.
    Deployment of kinds::DEPLOYMENTS, "";
    /// A ReplicaSet. What it says is read when it is reconciled.
    ReplicaSet of kinds::REPLICA_SETS, "";
    /// A ReplicationController. What it says is read when it is reconciled.
    ReplicationController of kinds::REPLICATION_CONTROLLERS, "";
    /// A Job. What it says is read when it is reconciled.
    Job of kinds::JOBS, "";
    /// A CronJob. What it says is read when it is reconciled.
    CronJob of kinds::CRON_JOBS, "";
    /// A DaemonSet. What it says is read when it is reconciled.
    DaemonSet of kinds::DAEMON_SETS, "";
    /// An EndpointSlice.
    EndpointSlice of kinds::ENDPOINT_SLICES, "";
    /// An Endpoints object.
    Endpoints of kinds::ENDPOINTS, "";
}
