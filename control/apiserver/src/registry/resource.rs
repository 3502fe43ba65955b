//! The descriptor: everything the server knows of one kind, as data. A kind is a row in `resources/`.

use std::sync::Arc;

use serde_json::Value;
use storage::Durability;

use crate::object::Fields;
use crate::registry::propagation::Propagation;
use crate::registry::strategy::{Plain, Strategy};
use crate::registry::view::{Computed, View};

/// What can be done to a resource, in RBAC's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// POST.
    Create,
    /// DELETE of one object.
    Delete,
    /// DELETE of a collection.
    DeleteCollection,
    /// GET of one object.
    Get,
    /// GET of a collection.
    List,
    /// PATCH.
    Patch,
    /// PUT.
    Update,
    /// GET of a collection with `watch`.
    Watch,
}

impl Verb {
    /// All verbs of an ordinary stored resource, in discovery's order.
    pub const ALL: &'static [Verb] = &[
        Verb::Create,
        Verb::Delete,
        Verb::DeleteCollection,
        Verb::Get,
        Verb::List,
        Verb::Patch,
        Verb::Update,
        Verb::Watch,
    ];

    /// The verb as discovery and RBAC write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Delete => "delete",
            Verb::DeleteCollection => "deletecollection",
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Patch => "patch",
            Verb::Update => "update",
            Verb::Watch => "watch",
        }
    }
}

/// Where objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In the cluster.
    Cluster,
}

/// A group, version and kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gvk {
    /// Empty for the core group.
    pub group: Arc<str>,
    /// `v1`.
    pub version: Arc<str>,
    /// `Pod`.
    pub kind: Arc<str>,
}

impl Gvk {
    /// From its parts.
    pub fn new(group: &str, version: &str, kind: &str) -> Gvk {
        Gvk { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// One kind. Build rows with [`Resource::new`] and change what differs: `Resource { short_names: &["po"], ..new(…) }`.
#[derive(Clone)]
pub struct Resource {
    /// Group, version, kind.
    pub gvk: Gvk,
    /// `pods`.
    pub plural: Arc<str>,
    /// `pod`.
    pub singular: Arc<str>,
    /// `po`.
    pub short_names: &'static [&'static str],
    /// `all`.
    pub categories: &'static [&'static str],
    /// Namespaced or cluster.
    pub scope: Scope,
    /// What can be done to it.
    pub verbs: &'static [Verb],
    /// The type in the schema table: `core/v1.Pod`.
    pub type_name: &'static str,
    /// `status`, `scale`, `log`…, in discovery's order.
    pub subresources: &'static [Subresource],
    /// What `kubectl get` shows; empty means Name and Created At.
    pub columns: &'static [Column],
    /// The cells of one row, in the order of `columns`.
    pub cells: fn(&Value, Now) -> Vec<Value>,
    /// `conditions` of a table row (finished pods); usually none.
    pub row_conditions: fn(&Value) -> Vec<Value>,
    /// Selectable fields beside `metadata.name` and `metadata.namespace`, with how to read them.
    pub selectable_fields: &'static [SelectableField],
    /// Behavior: defaults, validation, what create and update prepare.
    pub strategy: &'static dyn Strategy,
    /// PUT without a resourceVersion is accepted.
    pub unconditional_update: bool,
    /// PUT of an absent name creates.
    pub create_on_update: bool,
    /// What a successful immediate DELETE answers with.
    pub delete_answer: DeleteAnswer,
    /// What DELETE without a propagation policy does to dependents.
    pub default_propagation: Propagation,
    /// Whether objects are on disk.
    pub durability: Durability,
    /// Which changes raise `metadata.generation`.
    pub generation: Generation,
    /// Whether `/status` takes labels and annotations too.
    pub status_takes_labels: bool,
    /// A warning that goes with every answer about this kind (deprecated ones); usually empty.
    pub warning: &'static str,
    /// A warning for a DELETE that names no propagation policy; usually empty.
    pub delete_warning: &'static str,
    /// Objects are namespaces: the path that names one looks as if it were below it (`/api/v1/namespaces/x/status`).
    pub is_namespace: bool,
    /// Group, version and kind of bodies that are still taken where a later version is meant (Evictions).
    pub older_bodies: &'static [(&'static str, &'static str, &'static str)],
    /// The folder in upstream's etcd that has kept the kind's first name (`minions`): some messages show it. Usually
    /// none, and the plural is meant.
    pub etcd_folder: Option<&'static str>,
    /// Set when objects are stored as another kind: everything but decoding and encoding follows that kind's row.
    pub view: Option<View>,
    /// Set when objects are not stored but made up when somebody asks for them: such a kind is read, and nothing else.
    pub computed: Option<Computed>,
}

// === impl Resource ===

impl Resource {
    /// A row with ordinary answers: all verbs, no subresources, the default table, no behavior beyond being stored,
    /// PUT updates without a version and never creates, DELETE answers with a Status and leaves dependents to the
    /// garbage collector, objects are on disk.
    pub fn new(gvk: Gvk, plural: &str, type_name: &'static str, scope: Scope) -> Resource {
        let singular = gvk.kind.to_lowercase().into();
        Resource {
            gvk,
            plural: plural.into(),
            singular,
            short_names: &[],
            categories: &[],
            scope,
            verbs: Verb::ALL,
            type_name,
            subresources: &[],
            columns: &[],
            cells: |object, _| {
                vec![object.str_at("metadata.name").into(), object.str_at("metadata.creationTimestamp").into()]
            },
            row_conditions: |_| Vec::new(),
            selectable_fields: &[],
            strategy: &Plain,
            unconditional_update: true,
            create_on_update: false,
            delete_answer: DeleteAnswer::Status,
            default_propagation: Propagation::Background,
            durability: Durability::Disk,
            generation: Generation::Unmanaged,
            status_takes_labels: false,
            warning: "",
            delete_warning: "",
            is_namespace: false,
            older_bodies: &[],
            etcd_folder: None,
            view: None,
            computed: None,
        }
    }

    /// The namespace that a path means which says this one: none where it says what it names.
    pub fn namespace_of<'a>(&self, said: &'a str) -> &'a str {
        if self.is_namespace { "" } else { said }
    }

    /// The store's name for the kind, as in [`storage::Key::resource`]: `core/pods`, `apps/deployments`.
    pub fn stored_as(&self) -> String {
        let (group, plural) = match self.view {
            Some(view) => (view.of.0, view.of.2),
            None => (&*self.gvk.group, &*self.plural),
        };
        format!("{}/{plural}", if group.is_empty() { "core" } else { group })
    }
}

/// Reads a selectable field's value out of an object; absent reads as the empty string.
pub type SelectableField = (&'static str, fn(&Value) -> String);

/// A subresource of a kind.
#[derive(Clone, Copy)]
pub struct Subresource {
    /// `status`.
    pub name: &'static str,
    /// `get`, `patch`, `update`…
    pub verbs: &'static [Verb],
    /// Group, version and kind of its body where that is not the parent's.
    pub body: Option<(&'static str, &'static str, &'static str)>,
}

impl Subresource {
    /// `/status`, with the parent as its body.
    pub const STATUS: Subresource =
        Subresource { name: "status", verbs: &[Verb::Get, Verb::Patch, Verb::Update], body: None };
    /// `/scale`.
    pub const SCALE: Subresource = Subresource {
        name: "scale",
        verbs: &[Verb::Get, Verb::Patch, Verb::Update],
        body: Some(("autoscaling", "v1", "Scale")),
    };
}

/// A column of `kubectl get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// `string`, `integer`, `date`…
    pub kind: &'static str,
    /// `name` for the first column.
    pub format: &'static str,
    /// 0 always, 1 with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// The first column.
    pub const NAME: Column = Column { name: "Name", kind: "string", format: "name", priority: 0 };
    /// The last column of most.
    pub const AGE: Column = Column::text("Age");

    /// A text column that is always shown.
    pub const fn text(name: &'static str) -> Column {
        Column { name, kind: "string", format: "", priority: 0 }
    }

    /// An integer column that is always shown.
    pub const fn integer(name: &'static str) -> Column {
        Column { name, kind: "integer", format: "", priority: 0 }
    }

    /// A text column of `-o wide`.
    pub const fn wide(name: &'static str) -> Column {
        Column { name, kind: "string", format: "", priority: 1 }
    }
}

/// What a successful immediate DELETE answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteAnswer {
    /// The object as it was.
    Object,
    /// A Status with the object's name and uid.
    Status,
}

/// Which changes raise `metadata.generation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// The server does not manage it: what the client sends stays.
    Unmanaged,
    /// It is never there.
    Absent,
    /// 1 at creation, +1 when anything but metadata and status changes.
    Spec,
    /// The strategy decides in `prepare_for_create` and `prepare_for_update`.
    Strategy,
}

/// Wall-clock time of the request, in seconds and nanoseconds since 1970: the only clock that pure code sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(pub time::OffsetDateTime);
