//! What is in the PEM of a request and of a certificate.

use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate, X509CertificationRequest};

const REQUEST: &str = "CERTIFICATE REQUEST";
const CERTIFICATE: &str = "CERTIFICATE";

/// What is wrong with a request: it must be one, and signed with its own key.
pub(super) fn check_request(pem: &[u8]) -> Result<(), String> {
    let der = request_der(pem).ok_or_else(|| "PEM block type must be CERTIFICATE REQUEST".to_owned())?;
    let (_, request) = X509CertificationRequest::from_der(&der).map_err(|err| format!("x509: {err}"))?;
    request.verify_signature().map_err(|err| format!("x509: {err}"))
}

/// The organizations that a request names: the groups of whoever holds the certificate.
pub fn organizations(pem: &[u8]) -> Vec<String> {
    let Some(der) = request_der(pem) else { return Vec::new() };
    let Ok((_, request)) = X509CertificationRequest::from_der(&der) else { return Vec::new() };
    let subject = &request.certification_request_info.subject;
    subject.iter_organization().filter_map(|name| name.as_str().ok()).map(str::to_owned).collect()
}

fn request_der(pem: &[u8]) -> Option<Vec<u8>> {
    let first = Pem::iter_from_buffer(pem).next()?.ok()?;
    (first.label == REQUEST).then_some(first.contents)
}

/// What is wrong with a chain of certificates.
pub(super) fn check_certificates(pem: &[u8]) -> Result<(), String> {
    let mut count = 0;
    for block in Pem::iter_from_buffer(pem).map_while(Result::ok) {
        if block.label != CERTIFICATE {
            let found = crate::field::quote(&block.label);
            return Err(format!("only CERTIFICATE PEM blocks are allowed, found {found}"));
        }
        let whole = X509Certificate::from_der(&block.contents).map_err(|err| format!("x509: {err}"))?.0.is_empty();
        if !whole {
            return Err("x509: trailing data".to_owned());
        }
        count += 1;
    }
    if count == 0 { Err("must contain at least one CERTIFICATE PEM block".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    #[test]
    fn a_request_must_be_signed_with_its_own_key() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "dev");
        let request = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(check_request(request.pem().unwrap().as_bytes()), Ok(()));
        assert_eq!(organizations(request.pem().unwrap().as_bytes()), ["dev"]);
        let mut forged = request.der().to_vec();
        let at = forged.windows(3).position(|bytes| bytes == b"dev").unwrap();
        forged[at..at + 3].copy_from_slice(b"ops");
        let (_, forged) = X509CertificationRequest::from_der(&forged).unwrap();
        assert!(forged.verify_signature().is_err());
    }

    #[test]
    fn a_certificate_is_no_request_and_no_text_is_a_certificate() {
        let certificate =
            CertificateParams::new(Vec::new()).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap();
        let pem = certificate.pem();
        assert_eq!(check_certificates(pem.as_bytes()), Ok(()));
        assert!(check_request(pem.as_bytes()).is_err());
        assert!(check_certificates(b"nonsense").is_err());
        assert!(organizations(pem.as_bytes()).is_empty());
    }
}
