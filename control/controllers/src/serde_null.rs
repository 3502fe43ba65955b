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

/// A list in a status: read from null as empty, and written as null when empty, which in a merge patch takes the old one
/// away.
pub(crate) mod list {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        super::as_default(deserializer)
    }

    pub(crate) fn serialize<T: Serialize, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        match list {
            [] => serializer.serialize_none(),
            list => serializer.collect_seq(list),
        }
    }
}
