//! What goes wrong between a controller and the API, and what it means.

use http::Method;

/// What goes wrong between a controller and the API.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request could not be built: a name from an object is no part of a URL.
    #[error("build request for `{path}`")]
    Build {
        /// The path of the request.
        path: String,
        /// Why not.
        #[source]
        source: http::Error,
    },
    /// The object could not be encoded.
    #[error("encode body for `{path}`")]
    Encode {
        /// The path of the request.
        path: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The server refused, or did not answer.
    #[error("{method} {path}")]
    Call {
        /// The HTTP method.
        method: Method,
        /// The path of the request.
        path: String,
        /// What the server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// A stored object lacks what its kind promises.
    #[error("read `{key}`")]
    Read {
        /// Which object.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A part of a plan could not be carried out.
    #[error("carry out plan: {reason}")]
    Actions {
        /// The first failure in the server's words.
        reason: String,
    },
}

// === impl Error ===

impl Error {
    /// The Status that the server answered with, if it did.
    pub(crate) fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Call { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the server answered with this reason.
    pub(crate) fn has_reason(&self, reason: &str) -> bool {
        self.status().is_some_and(|status| status.reason == reason)
    }

    /// Whether the object does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status().is_some_and(|status| status.code == 404)
    }

    /// Whether somebody else was faster; trying again with a fresh look is all that is needed.
    pub(crate) fn is_conflict(&self) -> bool {
        self.has_reason("Conflict") || self.has_reason("AlreadyExists")
    }

    /// Whether the namespace is going away, so that nothing can be made in it.
    pub(crate) fn is_namespace_terminating(&self) -> bool {
        let causes = self.status().and_then(|status| status.details.as_ref()).map(|details| &details.causes);
        causes.is_some_and(|causes| causes.iter().any(|cause| cause.reason == "NamespaceTerminating"))
    }

    /// What the server said, in its own words.
    pub(crate) fn message(&self) -> String {
        match self.status() {
            Some(status) => status.message.clone(),
            None => match std::error::Error::source(self) {
                Some(source) => source.to_string(),
                None => self.to_string(),
            },
        }
    }
}

/// Turns "not found" into `None`.
pub(crate) fn absent_as_none<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
