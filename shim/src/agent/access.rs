//! Remembers who showed the password of which private image, so that an image on the node is only for those who may have it.
//!
//! As the kubelet's `NeverVerifyPreloadedImages`: what was put on the node without a pull is for everyone, and so is what
//! somebody got without a password. For the rest a pod needs one that has worked before, or its registry is asked again.
//!
//! # Guarantees
//! - It survives restarts, so that pods start again while the registry is away.
//! - Passwords are kept as keyed digests only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use runtime::image::Credential;
use serde::{Deserialize, Serialize};

/// Images that are remembered; of more, those with the smallest ids are forgotten, and their registries asked again.
const IMAGES_MAX: usize = 4096;
/// Passwords that are remembered of one image.
const PASSWORDS_MAX: usize = 64;
const FILE_BYTES_MAX: u64 = 64 << 20;
const KEY_BYTES: usize = 32;

/// Who may have the images of this node.
pub(super) struct Access {
    path: PathBuf,
    known: Mutex<Known>,
}

/// Whether a pod may have an image that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Any pod may.
    Everyone,
    /// Who shows a password that has worked.
    WhoHasThePassword,
}

#[derive(Clone, Default, Deserialize, Serialize)]
struct Known {
    /// Of the digests, in hexadecimal.
    key: String,
    /// Private images, by id: digests of the passwords that worked.
    private: BTreeMap<String, BTreeSet<String>>,
}

// === impl Access ===

impl Access {
    /// Reads what is remembered in `dir`. What cannot be read is forgotten: then every image is for everyone, as after an
    /// import.
    pub(super) fn open(dir: &Path) -> Self {
        let path = dir.join("image-access.json");
        let mut known = read(&path).unwrap_or_else(|err| {
            if err.kind() != io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %err, "forgot who may have which private image");
            }
            Known::default()
        });
        if known.key.is_empty() {
            let mut key = [0; KEY_BYTES];
            SystemRandom::new().fill(&mut key).expect("the system's random source does not fail once it works");
            known.key = hex(&key);
        }
        Self { path, known: Mutex::new(known) }
    }

    /// Who may have the image `id`.
    pub(super) fn verdict(&self, id: &str) -> Verdict {
        if self.known.lock().private.contains_key(id) { Verdict::WhoHasThePassword } else { Verdict::Everyone }
    }

    /// Whether one of `credentials` got the image `id` before.
    pub(super) fn worked(&self, id: &str, credentials: &[Credential]) -> bool {
        let known = self.known.lock();
        let Some(passwords) = known.private.get(id) else { return true };
        credentials.iter().any(|credential| passwords.contains(&known.digest(credential)))
    }

    /// Notes how the image `id` was got. What cannot be written is asked again after a restart.
    pub(super) fn note(&self, id: &str, credential: Option<&Credential>) {
        let mut known = self.known.lock();
        let changed = match credential {
            None => known.private.remove(id).is_some(),
            Some(credential) => known.add(id, credential),
        };
        if changed && let Err(err) = write(&self.path, &known) {
            tracing::warn!(path = %self.path.display(), %err, "could not note who may have a private image");
        }
    }
}

// === impl Known ===

impl Known {
    fn add(&mut self, id: &str, credential: &Credential) -> bool {
        let digest = self.digest(credential);
        let passwords = self.private.entry(id.to_owned()).or_default();
        let changed = passwords.insert(digest);
        while passwords.len() > PASSWORDS_MAX {
            passwords.pop_first();
        }
        while self.private.len() > IMAGES_MAX {
            self.private.pop_first();
        }
        changed
    }

    fn digest(&self, credential: &Credential) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.as_bytes());
        let Credential { username, password, identity_token, registry_token, server: _ } = credential;
        let words = serde_json::to_vec(&[username, password, identity_token, registry_token]);
        hex(hmac::sign(&key, &words.expect("strings always encode")).as_ref())
    }
}

fn read(path: &Path) -> io::Result<Known> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn write(path: &Path, known: &Known) -> io::Result<()> {
    let temporary = path.with_extension("json.tmp");
    let mut file = fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&serde_json::to_vec(known)?)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn ann(password: &str) -> Credential {
        Credential { username: "ann".to_owned(), password: password.to_owned(), ..Credential::default() }
    }

    #[test]
    fn a_private_image_is_for_those_whose_password_worked() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path());
        assert_eq!(access.verdict("imported"), Verdict::Everyone);
        access.note("private", Some(&ann("right")));
        for access in [access, Access::open(dir.path())] {
            assert_eq!(access.verdict("private"), Verdict::WhoHasThePassword);
            assert!(access.worked("private", &[ann("other"), ann("right")]));
            assert!(!access.worked("private", &[ann("other")]) && !access.worked("private", &[]));
        }
        let written = fs::read_to_string(dir.path().join("image-access.json")).unwrap();
        assert!(!written.contains("right"), "{written}");
    }

    #[test]
    fn what_somebody_got_without_a_password_is_for_everyone() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path());
        access.note("a", Some(&ann("right")));
        access.note("a", None);
        assert_eq!(access.verdict("a"), Verdict::Everyone);
    }

    #[test]
    fn what_is_damaged_is_forgotten_and_what_is_remembered_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("image-access.json"), b"{").unwrap();
        let access = Access::open(dir.path());
        for n in 0..PASSWORDS_MAX + 10 {
            access.note("a", Some(&ann(&n.to_string())));
        }
        assert_eq!(access.known.lock().private["a"].len(), PASSWORDS_MAX);
    }
}
