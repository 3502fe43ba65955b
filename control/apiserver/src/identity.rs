//! Names and ids that nobody chose.

use ring::rand::{SecureRandom, SystemRandom};

/// What generated names end with: no vowels and no look-alikes, so that they spell nothing.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many random characters a generated name ends with.
const SUFFIX_LEN: usize = 5;
/// How long a generated name may be.
const NAME_LEN_MAX: usize = 63;

/// A random UUID (version 4).
pub fn uid() -> String {
    let mut bytes: [u8; 16] = random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A name that begins with `base`, cut so that it stays a label.
pub fn generated_name(base: &str) -> String {
    let mut end = base.len().min(NAME_LEN_MAX - SUFFIX_LEN);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let bytes: [u8; SUFFIX_LEN] = random();
    let suffix: String = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect();
    format!("{}{suffix}", &base[..end])
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_stay_labels() {
        assert_eq!(generated_name(&"a".repeat(80)).len(), 63);
        assert!(generated_name("web-").starts_with("web-"));
    }
}
