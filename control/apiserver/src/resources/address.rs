//! Which addresses may be named as the way to something: not this host's own, not a link's.

use std::net::IpAddr;

use crate::field::{Error, Errors, Path};
use crate::validation::ip;

/// An error if the address is unspecified, loopback or link-local (`ValidateNonSpecialIP`).
pub fn validate_not_special(path: &Path, text: &str) -> Errors {
    let Some(address) = ip::parse(text) else {
        return vec![Error::invalid(path, text, "must be a valid IP address")];
    };
    let rows: [(bool, &str); 4] = [
        (address.is_unspecified(), ""),
        (address.is_loopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        (is_link_local(address), "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        (is_link_local_multicast(address), "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    ];
    rows.iter()
        .filter(|(found, _)| *found)
        .map(|(_, fault)| match *fault {
            "" => Error::invalid(path, text, &format!("may not be unspecified ({text})")),
            fault => Error::invalid(path, text, fault),
        })
        .collect()
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [224, 0, 0, _]),
        IpAddr::V6(v6) => v6.octets()[0] == 0xff && v6.octets()[1] & 0x0f == 2,
    }
}

/// A warning if an address is not in its canonical form.
pub fn warnings(path: &Path, text: &str) -> Option<String> {
    let address = ip::parse(text)?;
    let canonical = address.to_string();
    (address.is_ipv6() && canonical != text)
        .then(|| format!("{path}: IPv6 address {text:?} should be in RFC 5952 canonical format ({canonical:?})"))
}
