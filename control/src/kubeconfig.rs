//! Writes kubeconfigs: how kubectl finds this cluster and proves that it may.

use std::path::Path;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::pki::{self, Pki};

/// Writes a kubeconfig with full rights for the API server at `server` (`https://address:port`).
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path, server: &str, pki: &Pki) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "coracle", "cluster": {
            "server": server, "certificate-authority-data": STANDARD.encode(&pki.ca_pem),
        }}],
        "users": [{"name": "admin", "user": {
            "client-certificate-data": STANDARD.encode(&pki.admin.certificate_pem),
            "client-key-data": STANDARD.encode(&pki.admin.key_pem),
        }}],
        "contexts": [{"name": "coracle", "context": {"cluster": "coracle", "user": "admin"}}],
        "current-context": "coracle",
    });
    // JSON is YAML.
    pki::write_new(path, &format!("{config:#}\n"))
}
