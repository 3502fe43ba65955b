//! Decides whom a registry's certificate must convince: the host's trust roots and `ca_file`, or nobody if so set.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::registries::Tls;
use crate::trust::AnyCertificate;

/// What a host's settings mean.
pub(crate) fn config(tls: Option<&Tls>) -> Result<ClientConfig, String> {
    let none = Tls::default();
    let tls = tls.unwrap_or(&none);
    let roots = Arc::new(roots(tls.ca_file.as_deref())?);
    let builder = builder();
    let builder = if tls.insecure_skip_verify {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(Arc::new(ring::default_provider()))))
    } else {
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        builder.with_webpki_verifier(
            verifier.map_err(|_| "no trust roots: install ca-certificates or name a `ca_file`".to_owned())?,
        )
    };
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|err| format!("read `{}`: {err}", key.display()))?;
            builder.with_client_auth_cert(certificates(cert)?, key).map_err(|err| format!("`cert_file`: {err}"))
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        _ => Err("`cert_file` and `key_file` belong together".to_owned()),
    }
}

/// For connections that have no TLS: the connector wants a configuration anyway.
pub(crate) fn none() -> ClientConfig {
    builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of TLS 1.2 and 1.3")
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    if let Some(err) = native.errors.first() {
        tracing::debug!(%err, "could not read all of the host's trust roots");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = ca_file {
        roots.add_parsable_certificates(certificates(path)?);
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = |err| format!("read `{}`: {err}", path.display());
    let found = CertificateDer::pem_file_iter(path).map_err(read)?.collect::<Result<Vec<_>, _>>().map_err(read)?;
    if found.is_empty() { Err(format!("`{}` has no certificate", path.display())) } else { Ok(found) }
}
