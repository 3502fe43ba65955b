//! The lines of a watch: an event around an object's stored bytes, or around the form that the client asked for.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};
use storage::{Object, Revision};

use crate::content::Form;
use crate::error::Failure;
use crate::registry::resource::{Now, Resource};
use crate::rest::Call;
use crate::rest::watch::{is_plain, line};
use crate::{schema, stored, table};

/// The annotation of the bookmark that ends the initial state (KEP-3157).
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is there now.
    Added,
    /// It changed.
    Modified,
    /// It is gone, or out of the selection.
    Deleted,
}

/// Writes events of one kind in one form.
pub struct Encoder {
    resource: Arc<Resource>,
    owner: Arc<Resource>,
    head: String,
    form: Form,
    /// Whether the columns of a table were told: the first event has them.
    columns_told: bool,
}

// === impl Encoder ===

impl Encoder {
    /// For a watch.
    pub fn new(call: &Call) -> Encoder {
        Encoder {
            resource: call.resource.clone(),
            owner: call.owner.clone(),
            head: stored::head(&call.owner),
            form: call.accept.form,
            columns_told: false,
        }
    }

    /// A stored object with the revision of what happened to it.
    pub fn with_revision(&self, object: &Object, revision: Revision) -> Bytes {
        stored::with_revision(&self.owner, object, revision)
    }

    /// An event about a stored object.
    pub fn event(&mut self, kind: Kind, value: &Bytes, revision: Revision) -> Bytes {
        let name = kind.as_str();
        if is_plain(self.form) && self.resource.view.is_none() {
            return around(name, value);
        }
        if let Form::Metadata(version) | Form::MetadataList(version) = self.form {
            let metadata = stored::metadata(&self.head, value);
            let mut object = BytesMut::with_capacity(metadata.len() + 96);
            let type_meta = format!(
                "{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"{}\",\"metadata\":",
                version.api_version()
            );
            object.put_slice(type_meta.as_bytes());
            object.put_slice(metadata);
            object.put_u8(b'}');
            return around(name, &object);
        }
        let tree: Value = serde_json::from_slice(value).expect("stored objects were encoded by this server");
        line(name, &self.shown(tree, revision))
    }

    /// Where the watch is; `ends_state` if the initial state has been told.
    pub fn bookmark(&mut self, revision: Revision, ends_state: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": revision.0.to_string()});
        if ends_state {
            metadata["annotations"] = json!({INITIAL_EVENTS_END: "true"});
        }
        let (kind, api_version) = match self.form {
            Form::Metadata(version) | Form::MetadataList(version) => {
                ("PartialObjectMetadata".to_owned(), version.api_version().to_owned())
            }
            _ => (self.resource.gvk.kind.to_string(), self.resource.gvk.api_version()),
        };
        let mut object = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        match self.form {
            // An object of the kind with nothing in it, so that clients with types can read it.
            Form::Plain => {
                empty_of(self.resource.type_name, &mut object);
                line("BOOKMARK", &object)
            }
            Form::Table(..) => line("BOOKMARK", &self.table(&object, revision)),
            _ => line("BOOKMARK", &object),
        }
    }

    /// An event that ends a watch.
    pub fn error(&self, failure: &Failure) -> Bytes {
        line("ERROR", &failure.status())
    }

    fn shown(&mut self, tree: Value, revision: Revision) -> Value {
        match (self.form, self.resource.view) {
            (Form::Table(..), _) => self.table(&tree, revision),
            (_, Some(view)) => (view.from_stored)(tree),
            (_, None) => tree,
        }
    }

    /// A table of one row.
    fn table(&mut self, object: &Value, revision: Revision) -> Value {
        let Form::Table(version, include) = self.form else { return object.clone() };
        let metadata = json!({"resourceVersion": revision.0.to_string()});
        // Rows show ages, which only the moment of telling knows.
        let now = Now(time::OffsetDateTime::now_utc());
        let objects = std::slice::from_ref(object);
        let mut table = table::table(&self.resource, version, include, metadata, objects, now);
        if std::mem::replace(&mut self.columns_told, true) {
            table["columnDefinitions"] = Value::Null;
        }
        table
    }
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Added => "ADDED",
            Kind::Modified => "MODIFIED",
            Kind::Deleted => "DELETED",
        }
    }
}

fn around(kind: &str, object: &[u8]) -> Bytes {
    let mut line = BytesMut::with_capacity(object.len() + 40);
    line.put_slice(format!("{{\"type\":\"{kind}\",\"object\":").as_bytes());
    line.put_slice(object);
    line.put_slice(b"}\n");
    line.freeze()
}

/// Adds what an empty object of the type has.
fn empty_of(type_name: &str, object: &mut Value) {
    let Some(of) = schema::find(type_name) else { return };
    schema::canonicalise(object, of);
    let spec = of.field("spec").map(schema::Field::kind);
    let counts = matches!(spec, Some(schema::Kind::Struct(spec)) if spec.field("replicas").is_some());
    if counts {
        // Upstream's own form of a workload has a number here and not a pointer.
        object["spec"]["replicas"] = 0.into();
    }
}
