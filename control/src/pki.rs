//! The cluster's keys and certificates: one own CA, made at the first start and kept in `DATA_DIR/pki`.
//!
//! # Guarantees
//! A key file is readable by its owner only and is never half-written. Nothing that exists is made anew, so that
//! kubeconfigs and tokens outlive restarts; only the serving certificate follows the addresses it is asked for.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// How long the CA is valid.
const CA_DAYS: i64 = 3650;
/// How long other certificates are valid.
const LEAF_DAYS: i64 = 365;
/// A leaf with less than this left is made anew at start.
const LEAF_RENEW_DAYS: i64 = LEAF_DAYS / 3;
/// Clocks of gateways and clients differ.
const SKEW: Duration = Duration::minutes(5);

/// A certificate chain and its key, both PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    /// Leaf first.
    pub certificate_pem: String,
    /// PKCS #8.
    pub key_pem: String,
}

/// Everything a server needs to prove who it is and to let others prove who they are.
pub(crate) struct Pki {
    /// What clients trust.
    pub ca_pem: String,
    /// What the API server presents.
    pub serving: Identity,
    /// `system:masters`.
    pub admin: Identity,
    /// What the API server proves to kubelets to be.
    pub kubelet_client: Identity,
    /// Signs ServiceAccount tokens; PKCS #8 PEM of a P-256 key.
    pub token_key_pem: String,
}

/// The names and addresses under which the API server is reached.
pub(crate) struct Reach {
    /// DNS names.
    pub names: Vec<String>,
    /// IP addresses.
    pub addresses: Vec<IpAddr>,
}

impl Pki {
    /// Reads the keys in `directory`, and makes those that are missing or about to expire.
    ///
    /// # Errors
    /// When the directory cannot be read or written, or holds something that is no key or certificate.
    pub(crate) fn open(directory: &Path, reach: &Reach, now: OffsetDateTime) -> Result<Pki> {
        fs::create_dir_all(directory).with_context(|| format!("create `{}`", directory.display()))?;
        let authority = Authority::open(directory, now)?;
        let admin = authority.leaf(&directory.join("admin"), client_params("kubernetes-admin"), now)?;
        let kubelet_client = client_params("kube-apiserver-kubelet-client");
        let kubelet_client = authority.leaf(&directory.join("kubelet-client"), kubelet_client, now)?;
        let serving = authority.leaf(&directory.join("serving"), serving_params(reach), now)?;
        let token_key_pem = read_or_make(&directory.join("service-account.key"), || Ok(key()?.serialize_pem()))?;
        Ok(Pki { ca_pem: authority.certificate_pem, serving, admin, kubelet_client, token_key_pem })
    }
}

/// The CA: its certificate, and its key to sign with.
struct Authority {
    certificate_pem: String,
    key_pem: String,
}

impl Authority {
    fn open(directory: &Path, now: OffsetDateTime) -> Result<Authority> {
        let key_pem = read_or_make(&directory.join("ca.key"), || Ok(key()?.serialize_pem()))?;
        let certificate_pem = read_or_make(&directory.join("ca.crt"), || {
            let mut params = named("coracle-ca", None);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
            validity(&mut params, now, CA_DAYS);
            Ok(params.self_signed(&KeyPair::from_pem(&key_pem)?)?.pem())
        })?;
        Ok(Authority { certificate_pem, key_pem })
    }

    /// The identity in `<stem>.crt` and `<stem>.key`, made anew if it is missing, old, or differs from `params`.
    fn leaf(&self, stem: &Path, mut params: CertificateParams, now: OffsetDateTime) -> Result<Identity> {
        let (certificate_path, key_path) = (stem.with_extension("crt"), stem.with_extension("key"));
        let key_pem = read_or_make(&key_path, || Ok(key()?.serialize_pem()))?;
        if let Ok(certificate_pem) = fs::read_to_string(&certificate_path)
            && still_good(&certificate_pem, &params, now)
        {
            return Ok(Identity { certificate_pem, key_pem });
        }
        validity(&mut params, now, LEAF_DAYS);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let issuer = Issuer::from_ca_cert_pem(&self.certificate_pem, KeyPair::from_pem(&self.key_pem)?)
            .context("read the CA's certificate")?;
        let certificate_pem = params.signed_by(&KeyPair::from_pem(&key_pem)?, &issuer)?.pem();
        write_new(&certificate_path, &certificate_pem)?;
        Ok(Identity { certificate_pem, key_pem })
    }
}

fn client_params(name: &str) -> CertificateParams {
    let mut params = named(name, Some("system:masters"));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn serving_params(reach: &Reach) -> CertificateParams {
    let mut params = named("kube-apiserver", None);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let names = reach.names.iter().filter_map(|name| Some(SanType::DnsName(name.as_str().try_into().ok()?)));
    params.subject_alt_names = names.chain(reach.addresses.iter().copied().map(SanType::IpAddress)).collect();
    params
}

fn named(common_name: &str, organization: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params
}

fn validity(params: &mut CertificateParams, now: OffsetDateTime, days: i64) {
    params.not_before = now - SKEW;
    params.not_after = now + Duration::days(days);
}

/// Whether a certificate lasts a while yet and names what `params` name.
fn still_good(certificate_pem: &str, params: &CertificateParams, now: OffsetDateTime) -> bool {
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes()) else { return false };
    let Ok(certificate) = pem.parse_x509() else { return false };
    let lasts = certificate.validity().not_after.to_datetime() > now + Duration::days(LEAF_RENEW_DAYS);
    let named = certificate.subject_alternative_name().ok().flatten().map_or(0, |san| san.value.general_names.len());
    lasts && named == params.subject_alt_names.len() && {
        use x509_parser::extensions::GeneralName;
        let san = certificate.subject_alternative_name().ok().flatten();
        params.subject_alt_names.iter().all(|wanted| {
            san.iter().flat_map(|s| &s.value.general_names).any(|name| match (name, wanted) {
                (GeneralName::DNSName(a), SanType::DnsName(b)) => *a == b.as_str(),
                (GeneralName::IPAddress(a), SanType::IpAddress(IpAddr::V4(b))) => **a == b.octets(),
                (GeneralName::IPAddress(a), SanType::IpAddress(IpAddr::V6(b))) => **a == b.octets(),
                _ => false,
            })
        })
    }
}

fn key() -> Result<KeyPair> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).context("make a key")
}

fn read_or_make(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = make()?;
            write_new(path, &text)?;
            Ok(text)
        }
        Err(error) => Err(error).with_context(|| format!("read `{}`", path.display())),
    }
}

/// Writes a private file so that after a power cut it is there whole or not at all.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<()> {
    let written = || -> std::io::Result<()> {
        let partial: PathBuf = path.with_extension("partial");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => fs::File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    written().with_context(|| format!("write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn reach(names: &[&str]) -> Reach {
        Reach { names: names.iter().map(|n| (*n).to_owned()).collect(), addresses: vec![[127, 0, 0, 1].into()] }
    }

    #[test]
    fn keys_outlive_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let first = Pki::open(directory.path(), &reach(&["localhost"]), now).unwrap();
        let second = Pki::open(directory.path(), &reach(&["localhost"]), now).unwrap();
        assert_eq!(first.ca_pem, second.ca_pem);
        assert_eq!(first.serving.certificate_pem, second.serving.certificate_pem);
        assert_eq!(first.admin.certificate_pem, second.admin.certificate_pem);
        assert_eq!(first.token_key_pem, second.token_key_pem);
    }

    #[test]
    fn the_serving_certificate_follows_its_names_and_its_age() {
        let directory = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let first = Pki::open(directory.path(), &reach(&["localhost"]), now).unwrap();
        let renamed = Pki::open(directory.path(), &reach(&["localhost", "gateway"]), now).unwrap();
        assert_ne!(first.serving.certificate_pem, renamed.serving.certificate_pem);
        let later = now + Duration::days(LEAF_DAYS - 10);
        let renewed = Pki::open(directory.path(), &reach(&["localhost", "gateway"]), later).unwrap();
        assert_ne!(renamed.serving.certificate_pem, renewed.serving.certificate_pem);
        assert_eq!(first.ca_pem, renewed.ca_pem);
    }

    #[test]
    fn keys_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        Pki::open(directory.path(), &reach(&[]), now).unwrap();
        for file in fs::read_dir(directory.path()).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
        }
    }
}
