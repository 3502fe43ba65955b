//! Client certificates: the common name is the user, the organizations are the groups.
//!
//! # Assumptions
//! [`serve`](crate::serve) has checked the certificate against the cluster's CA.

use futures::future::BoxFuture;
use http::request::Parts;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::authn::Authenticator;
use crate::error::Failure;
use crate::request::User;
use crate::serve::ClientCertificate;

/// The subject attribute that carries a uid (`k8s.io/apiserver/pkg/authentication/request/x509`).
const UID_OID: &str = "1.3.6.1.4.1.57683.2";

/// The authenticator of requests over a connection with a client certificate.
pub struct X509;

impl Authenticator for X509 {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Option<User>, Failure>> {
        let answer = match request.extensions.get::<ClientCertificate>() {
            None => Ok(None),
            Some(ClientCertificate(der)) => user_of(der).map(Some).ok_or_else(Failure::unauthorized),
        };
        Box::pin(async { answer })
    }
}

/// Whom a checked certificate names, if anybody.
pub fn user_of(der: &[u8]) -> Option<User> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    if name.is_empty() {
        return None;
    }
    let groups = subject.iter_organization().filter_map(|group| group.as_str().ok());
    let mut attributes = subject.iter_attributes();
    let uid = attributes.find(|attribute| attribute.attr_type().to_id_string() == UID_OID);
    let uid = uid.and_then(|attribute| attribute.as_str().ok()).unwrap_or_default().to_owned();
    Some(User { uid, ..User::new(name, groups) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn certificate(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in names {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name_is_the_user_and_organizations_are_groups() {
        let der = certificate(&[(DnType::CommonName, "system:node:n1"), (DnType::OrganizationName, "system:nodes")]);
        let user = user_of(&der).unwrap();
        assert_eq!((user.name.as_str(), user.groups), ("system:node:n1", vec!["system:nodes".to_owned()]));
    }

    #[test]
    fn a_certificate_without_a_name_is_nobody() {
        assert_eq!(user_of(&certificate(&[(DnType::OrganizationName, "system:masters")])), None);
        assert_eq!(user_of(&certificate(&[(DnType::CommonName, "")])), None);
        assert_eq!(user_of(b"nonsense"), None);
    }
}
