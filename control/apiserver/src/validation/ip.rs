//! IP addresses and CIDRs (`util/validation/ip.go`).

use std::net::IpAddr;

use crate::field::{Error, Errors, Path};

/// The address, if `text` is one as Go's strict parser takes it (no leading zeros, no zone).
pub fn parse(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// An error unless `text` is an IP address.
pub fn validate(path: &Path, text: &str) -> Errors {
    if parse(text).is_some() {
        return Vec::new();
    }
    vec![Error::invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
}

/// The address and prefix length of a CIDR.
pub fn parse_cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let address = parse(address)?;
    let plain =
        !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit()) && (bits.len() == 1 || !bits.starts_with('0'));
    let bits: u8 = bits.parse().ok().filter(|_| plain)?;
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

/// An error unless `text` is a CIDR.
pub fn validate_cidr(path: &Path, text: &str) -> Errors {
    if parse_cidr(text).is_some() {
        return Vec::new();
    }
    vec![Error::invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cidr_is_an_address_and_a_length_that_fits() {
        for (text, good) in
            [("10.0.0.0/8", true), ("::/0", true), ("10.0.0.0/33", false), ("10.0.0.0", false), ("10.0.0.0/08", false)]
        {
            assert_eq!(parse_cidr(text).is_some(), good, "{text}");
        }
    }
}
