//! The one table on disk: read whole at the start, then only written, one durable transaction at a time.
//!
//! # Errors
//! After an error the database is closed, since redb refuses everything after one; `reopen` tries again. A panic
//! inside redb, which a damaged file can cause, is an error like others.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::record::{self, Mark};
use crate::{Durability, OpenError, batch::Names, state::Entry};

/// How much of the file redb keeps in memory: little, because nobody reads through it, and the kernel keeps what is hot.
const CACHE_BYTES: usize = 128 * 1024;

const OBJECTS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("objects");

/// Opens the database anew, at the start and after an error.
pub(super) type Opener = Box<dyn Fn(&redb::Builder) -> Result<Database, redb::DatabaseError> + Send>;

pub(super) struct Disk {
    opener: Opener,
    /// `None` after an error.
    database: Option<Database>,
}

/// A key of the table and what to put there, `None` to remove it.
pub(super) type Row = (Vec<u8>, Option<Vec<u8>>);

/// What was on disk at the start.
pub(super) struct Loaded {
    pub(super) entries: BTreeSet<Entry>,
    pub(super) mark: Option<Mark>,
}

// === impl Disk ===

impl Disk {
    /// Opens the database and reads all of it.
    pub(super) fn open(opener: Opener, names: &mut Names) -> Result<(Self, Loaded), OpenError> {
        let opened = without_panic(|| {
            let database = opener(&builder()).map_err(|err| OpenError::Disk { source: Box::new(err.into()) })?;
            let loaded = load(&database, names)?;
            Ok((database, loaded))
        });
        let (database, loaded) = opened.unwrap_or_else(|reason| Err(OpenError::Damaged { reason }))?;
        Ok((Self { opener, database: Some(database) }, loaded))
    }

    pub(super) fn is_open(&self) -> bool {
        self.database.is_some()
    }

    /// Tries to go on after an error.
    pub(super) fn reopen(&mut self) -> Result<(), String> {
        let database = without_panic(|| (self.opener)(&builder()).map_err(|err| err.to_string()))??;
        self.database = Some(database);
        Ok(())
    }

    /// Writes the rows in one transaction that is on disk when this returns. On an error, whether it is is unknown.
    pub(super) fn commit(&mut self, rows: &[Row]) -> Result<(), String> {
        let Some(database) = &self.database else { return Err("it is closed after an error".to_owned()) };
        let committed =
            without_panic(|| write(database, rows).map_err(|err| err.to_string())).and_then(|result| result);
        if committed.is_err() {
            let broken = self.database.take();
            // Closing a broken database may fail once more, which tells nothing new.
            let _ = without_panic(|| drop(broken));
        }
        committed
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn load(database: &Database, names: &mut Names) -> Result<Loaded, OpenError> {
    let failed = |err: redb::Error| OpenError::Disk { source: Box::new(err) };
    let damaged = |err: record::Damaged| OpenError::Damaged { reason: err.to_string() };

    let read = database.begin_read().map_err(|err| failed(err.into()))?;
    let table = match read.open_table(OBJECTS) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Loaded { entries: BTreeSet::new(), mark: None }),
        table => table.map_err(|err| failed(err.into()))?,
    };
    let (mut entries, mut mark) = (BTreeSet::new(), None);
    for row in table.iter().map_err(|err| failed(err.into()))? {
        let (key, value) = row.map_err(|err| failed(err.into()))?;
        if key.value() == record::MARK_KEY {
            mark = Some(record::decode_mark(value.value(), names).map_err(damaged)?);
            continue;
        }
        let object = record::decode_object(key.value(), value.value(), names).map_err(damaged)?;
        entries.insert(Entry { object, durability: Durability::Disk });
    }
    Ok(Loaded { entries, mark })
}

fn write(database: &Database, rows: &[Row]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    // Values come from users, so a checksum alone must not decide which of two roots is the valid one.
    transaction.set_two_phase_commit(true);
    let mut table = transaction.open_table(OBJECTS)?;
    for (key, value) in rows {
        match value {
            Some(value) => drop(table.insert(&key[..], &value[..])?),
            None => drop(table.remove(&key[..])?),
        }
    }
    drop(table);
    transaction.commit()?;
    Ok(())
}

/// Runs `f`; a panic inside becomes its message.
fn without_panic<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        format!("redb panicked: {}", text.unwrap_or("without a message"))
    })
}
