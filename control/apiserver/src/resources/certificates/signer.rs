//! The names of signers: a domain, a slash and a path (`ValidateSignerName`).

use crate::field::{Error, Errors, Path, quote};
use crate::validation::{Faults, names};

/// Only the first version of this API knew it.
const LEGACY: &str = "kubernetes.io/legacy-unknown";
/// A domain label, a dot and a subdomain: room for `namespace.name`.
const PATH_BYTES_MAX: usize = names::DNS_LABEL_BYTES_MAX + 1 + names::DNS_SUBDOMAIN_BYTES_MAX;

/// What is wrong with the name of a signer.
pub(super) fn validate(path: &Path, name: &str) -> Errors {
    if name.is_empty() {
        return vec![Error::required(path, "")];
    }
    if name == LEGACY {
        return vec![Error::invalid(path, name, "the legacy signerName is not allowed via this API version")];
    }
    let Some((domain, rest)) = name.split_once('/').filter(|(_, rest)| !rest.contains('/')) else {
        let fault = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return vec![Error::invalid(path, name, fault)];
    };
    let mut errors = Errors::new();
    if domain.len() > names::DNS_SUBDOMAIN_BYTES_MAX {
        errors.push(Error::too_long(path, names::DNS_SUBDOMAIN_BYTES_MAX));
    }
    errors.extend(validate_labels(path, domain, names::dns_label));
    if !domain.contains('.') {
        let fault = "should be a domain with at least two segments separated by dots";
        errors.push(Error::invalid(path, domain, fault));
    }
    errors.extend(validate_labels(path, rest, names::dns_subdomain));
    if rest.len() > PATH_BYTES_MAX {
        errors.push(Error::too_long(path, PATH_BYTES_MAX));
    }
    errors
}

fn validate_labels(path: &Path, text: &str, rule: fn(&str) -> Faults) -> Errors {
    let faults = text.split('.').flat_map(|label| rule(label).into_iter().map(move |fault| (label, fault)));
    let error = |(label, fault): (&str, String)| {
        Error::invalid(path, text, &format!("validating label {}: {fault}", quote(label)))
    };
    faults.map(error).collect()
}
