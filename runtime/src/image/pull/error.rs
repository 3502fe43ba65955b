//! Why an image could not be fetched.

use crate::image::error::ImageError;

/// Why an image could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Nobody answers as a registry there, or it fails whatever it is asked.
    #[error("{registry} cannot be reached: {reason}")]
    Unavailable {
        /// Whom we asked.
        registry: String,
        /// What happened.
        reason: String,
    },
    /// It answers that this is not for us.
    #[error("pull access denied, repository does not exist or may require authorization: {registry}/{path}: {reason}")]
    Denied {
        /// Whom we asked.
        registry: String,
        /// For which repository.
        path: String,
        /// What it said.
        reason: String,
    },
    /// It has no such thing.
    #[error("{registry}/{path}: {what} not found")]
    NotFound {
        /// Whom we asked.
        registry: String,
        /// For which repository.
        path: String,
        /// A tag or a digest.
        what: String,
    },
    /// It says something that a registry does not say.
    #[error("{registry} answers nonsense: {reason}")]
    Answer {
        /// Whom we asked.
        registry: String,
        /// What it said.
        reason: String,
    },
    /// What came is not what was asked for.
    #[error("{registry} sends something else than `{digest}`")]
    Digest {
        /// Whom we asked.
        registry: String,
        /// What was asked for.
        digest: String,
    },
    /// The settings for this host cannot be used.
    #[error("settings of {host}: {reason}")]
    Settings {
        /// The host.
        host: String,
        /// Why not.
        reason: String,
    },
    /// It is an image, but none that runs here.
    #[error("{0}")]
    Refused(String),
    /// This machine's store failed, or refused what came.
    #[error("store the image")]
    Store(#[source] ImageError),
}

impl From<ImageError> for PullError {
    fn from(err: ImageError) -> Self {
        match err {
            ImageError::NotAnImage(reason) => Self::Refused(reason),
            ImageError::TooBig { .. } => Self::Refused(err.to_string()),
            ImageError::Locked(_)
            | ImageError::Newer { .. }
            | ImageError::Reference(_)
            | ImageError::Io { .. }
            | ImageError::Damaged { .. } => Self::Store(err),
        }
    }
}

// === impl PullError ===

impl PullError {
    /// Whether another place may have the image in better shape.
    pub(crate) fn is_of_the_place(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::Answer { .. }
            | Self::Digest { .. }
            | Self::Settings { .. } => true,
            Self::Refused(_) | Self::Store(_) => false,
        }
    }
}
