//! Reading and writing of fields where absent, null and empty mean the same.

use serde::{Deserialize, Deserializer};

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
