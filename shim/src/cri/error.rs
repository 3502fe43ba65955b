//! Why a call failed, in our words; `layer` says which gRPC code that is.

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such sandbox, container or image.
    #[error("{kind} `{id}` not found")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// Under which id.
        id: String,
    },
    /// The request cannot be honored, now or later.
    #[error("{0}")]
    Invalid(String),
    /// The request makes no sense in the present state.
    #[error("{0}")]
    State(String),
    /// There is no room.
    #[error("{0}")]
    Exhausted(String),
    /// The image cannot be fetched.
    #[error("{}", pull_message(.0))]
    Pull(#[source] runtime::image::PullError),
    /// The program did not start.
    #[error("{}", chain(.0))]
    Start(#[source] runtime::StartError),
    /// A volume cannot be what it should be; a kubelet knows the first word.
    #[error("ImageVolumeMountFailed: {0}")]
    Volume(String),
    /// The image store failed.
    #[error("{operation}")]
    Images {
        /// What was being done.
        operation: String,
        /// What went wrong.
        #[source]
        source: runtime::ImageError,
    },
    /// A file of a container could not be made or removed.
    #[error("{operation}")]
    File {
        /// What was being done.
        operation: String,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// A call that is not there, and why.
    #[error("{0} is not supported by this node yet")]
    Unsupported(&'static str),
    /// The caller's time was over before the answer was there.
    #[error("the time that the caller had set is over")]
    Expired,
    /// The listener was too slow: some events were dropped.
    #[error("{0} events were dropped")]
    Lagged(u64),
}

/// What a kubelet makes a waiting reason of begins with a word that it knows.
fn pull_message(err: &runtime::image::PullError) -> String {
    match err {
        runtime::image::PullError::Unavailable { .. } => format!("RegistryUnavailable: {}", chain(err)),
        other => chain(other),
    }
}

/// The message of an error and of those behind it: pod status has one line for all of them.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
