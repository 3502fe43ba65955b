//! Reading and writing of fields where absent, null and empty mean the same.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads null as the default.
pub(crate) fn as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A count as the API writes it: zero is absent.
pub(crate) fn count(count: i64) -> Option<i64> {
    (count != 0).then_some(count)
}

/// Writes an empty list as null, which in a merge patch takes the old one away.
pub(crate) fn empty_as_null<T: Serialize, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    match list {
        [] => serializer.serialize_none(),
        list => serializer.collect_seq(list),
    }
}
