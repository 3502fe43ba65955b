//! What the types and fields mean, in the words of Kubernetes: packed in the binary, unpacked for one document at a time.

use std::collections::BTreeMap;

use serde_json::Value;

/// How many bytes the text may have: far more than it has, so that a broken build cannot eat the memory.
const TEXT_BYTES_MAX: usize = 16 << 20;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptions.deflate"));

/// The unpacked text.
pub(super) struct Descriptions {
    text: String,
}

/// What is said of one type.
pub(super) struct About<'a> {
    /// Of the type itself: a JSON string, or `null`.
    pub(super) of: &'a str,
    fields: &'a str,
}

// === impl Descriptions ===

impl Descriptions {
    /// Unpacks the text.
    pub(super) fn unpack() -> Descriptions {
        let bytes = miniz_oxide::inflate::decompress_to_vec_with_limit(PACKED, TEXT_BYTES_MAX);
        let text = String::from_utf8(bytes.expect("the build script packed it")).expect("the build script packed text");
        Descriptions { text }
    }

    /// What is said of each type, by its name.
    pub(super) fn by_type(&self) -> BTreeMap<&str, About<'_>> {
        let blocks = self.text.strip_prefix('=').unwrap_or_default().split("\n=");
        blocks
            .filter_map(|block| {
                let (head, fields) = block.split_once('\n').unwrap_or((block, ""));
                let (name, of) = head.split_once('\t')?;
                Some((name, About { of, fields }))
            })
            .collect()
    }
}

// === impl About ===

impl About<'_> {
    /// Whether a field is required, and what it means.
    pub(super) fn field(&self, name: &str) -> Option<(bool, Value)> {
        self.fields.lines().find_map(|line| {
            let mut columns = line.splitn(3, '\t');
            if columns.next()? != name {
                return None;
            }
            let required = columns.next()? == "1";
            Some((required, serde_json::from_str(columns.next()?).unwrap_or_default()))
        })
    }
}
