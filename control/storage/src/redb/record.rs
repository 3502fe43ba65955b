//! How objects and the store's mark look on disk.
//!
//! Objects and the mark share one table, because each further table costs 12 to 16 KB per commit. A key is resource,
//! namespace and name with NUL between; the mark's key begins with NUL, which no resource does.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Fields, Index, Key, Object, Revision, batch::Names};

/// Where the mark is kept.
pub(super) const MARK_KEY: &[u8] = b"\0mark";

/// The layout of object records that this program writes.
const OBJECT_FORMAT: u8 = 1;
/// The payload is not encrypted.
const PLAIN: u8 = 0;

/// How far the revision had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The store is in use, or ended without notice: no revision above this one was given to anyone.
    Below(Revision),
    /// The store was closed at exactly this revision.
    Exactly {
        revision: Revision,
        /// Resources of which there were objects in memory only.
        in_memory: Vec<Arc<str>>,
    },
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("record `{key}` is damaged or of an unknown format")]
pub(super) struct Damaged {
    key: String,
}

pub(super) fn encode_key(key: &Key) -> Vec<u8> {
    [&*key.resource, &*key.namespace, &*key.name].join("\0").into_bytes()
}

pub(super) fn encode_object(object: &Object) -> Vec<u8> {
    let mut out = Vec::with_capacity(object.value.len() + 256);
    out.extend([OBJECT_FORMAT, PLAIN]);
    out.extend(object.revision.0.to_be_bytes());
    put_text(&mut out, &object.index.uid);
    put_count(&mut out, object.index.labels.len());
    for (name, value) in &object.index.labels {
        put_text(&mut out, name);
        put_text(&mut out, value);
    }
    put_count(&mut out, object.index.fields.iter().len());
    for (name, value) in object.index.fields.iter() {
        put_text(&mut out, name);
        put_text(&mut out, value);
    }
    out.extend(&object.value[..]);
    out
}

pub(super) fn decode_object(key: &[u8], record: &[u8], names: &mut Names) -> Result<Object, Damaged> {
    let damaged = || Damaged { key: String::from_utf8_lossy(key).replace('\0', "/") };
    let object_key = decode_key(key, names).ok_or_else(damaged)?;
    decode_record(object_key, record, names).ok_or_else(damaged)
}

pub(super) fn encode_mark(mark: &Mark) -> Vec<u8> {
    let mut out = Vec::new();
    match mark {
        Mark::Below(revision) => {
            out.push(0);
            out.extend(revision.0.to_be_bytes());
        }
        Mark::Exactly { revision, in_memory } => {
            out.push(1);
            out.extend(revision.0.to_be_bytes());
            put_count(&mut out, in_memory.len());
            in_memory.iter().for_each(|resource| put_text(&mut out, resource));
        }
    }
    out
}

pub(super) fn decode_mark(record: &[u8], names: &mut Names) -> Result<Mark, Damaged> {
    decode_mark_fields(record, names).ok_or_else(|| Damaged { key: "mark".to_owned() })
}

fn decode_mark_fields(record: &[u8], names: &mut Names) -> Option<Mark> {
    let mut rest = Reader(record);
    match (rest.byte()?, rest.revision()?) {
        (0, ceiling) => Some(Mark::Below(ceiling)),
        (1, revision) => {
            let in_memory = (0..rest.count()?).map(|_| Some(names.shared(rest.text()?))).collect::<Option<_>>()?;
            Some(Mark::Exactly { revision, in_memory })
        }
        _ => None,
    }
}

fn decode_key(key: &[u8], names: &mut Names) -> Option<Key> {
    let mut parts = std::str::from_utf8(key).ok()?.splitn(3, '\0');
    let (resource, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Key { resource: names.shared(resource), namespace: names.shared(namespace), name: name.into() })
}

fn decode_record(key: Key, record: &[u8], names: &mut Names) -> Option<Object> {
    let mut rest = Reader(record);
    if (rest.byte()?, rest.byte()?) != (OBJECT_FORMAT, PLAIN) {
        return None;
    }
    let revision = rest.revision()?;
    let uid = rest.text()?.into();
    let labels = (0..rest.count()?).map(|_| Some((rest.text()?.into(), rest.text()?.into()))).collect::<Option<_>>()?;
    let fields = (0..rest.count()?).map(|_| Some((rest.text()?, rest.text()?))).collect::<Option<Vec<_>>>()?;
    let index = Arc::new(Index { uid, labels, fields: names.interned_fields(Fields::new(fields)) });
    Some(Object { key, revision, value: Bytes::copy_from_slice(rest.0), index })
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("objects are smaller than 4 GiB");
    out.extend(count.to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

/// What is left of a record.
struct Reader<'a>(&'a [u8]);

// === impl Reader ===

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn revision(&mut self) -> Option<Revision> {
        Some(Revision(u64::from_be_bytes(self.take(8)?.try_into().ok()?)))
    }

    fn count(&mut self) -> Option<usize> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?) as usize)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}
