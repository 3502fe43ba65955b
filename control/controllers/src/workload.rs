//! What all workloads share as their controllers read them: an object with metadata, a spec and a status.

use serde::Deserialize;
use serde_json::Value;

use crate::{api::Error, meta::Meta};

/// An object of which a controller reads `Spec`, and writes `Status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "Spec: Default + Deserialize<'de>, Status: Default + Deserialize<'de>"))]
pub(crate) struct Workload<Spec, Status> {
    pub(crate) metadata: Meta,
    pub(crate) spec: Spec,
    pub(crate) status: Status,
}

/// Reads an object that was asked for whole.
///
/// # Errors
/// When it lacks what its kind promises.
pub(crate) fn read<T: serde::de::DeserializeOwned>(object: Value) -> Result<T, Error> {
    let key = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    serde_json::from_value(object).map_err(|source| Error::Read { key, source })
}

/// A number or a percentage of `total`, in hundredths, so that the caller can round.
pub(crate) fn hundredths(value: &Value, total: i64) -> i64 {
    match value {
        Value::Number(number) => number.as_i64().unwrap_or(0).saturating_mul(100),
        Value::String(text) => {
            let percent: i64 = text.strip_suffix('%').and_then(|percent| percent.parse().ok()).unwrap_or(0);
            percent.saturating_mul(total)
        }
        _ => 0,
    }
}
