//! The hash that tells the templates of a workload apart, in letters that spell no words.

use serde_json::Value;

/// What a hash is spelled with: no vowels, and no digits that look like letters. Upstream's alphabet.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The hash of a template. `collisions` is how often it has met an object of another template.
pub(crate) fn hash(template: &Value, collisions: i64) -> String {
    // Objects are ordered by key, so that equal templates have equal text.
    let mut hash = fnv(0x811c_9dc5, template.to_string().as_bytes());
    if collisions != 0 {
        hash = fnv(hash, &collisions.to_le_bytes());
    }
    let digit = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
    hash.to_string().bytes().map(digit).collect()
}

/// FNV-1a with 32 bits.
fn fnv(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_collision_changes_the_hash_and_the_order_of_keys_does_not() {
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {}});
        assert_eq!(hash(&template, 0), hash(&json!({"spec": {}, "metadata": {"labels": {"a": "b"}}}), 0));
        assert_ne!(hash(&template, 0), hash(&template, 1));
    }
}
