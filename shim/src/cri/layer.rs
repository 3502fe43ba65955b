//! Which gRPC code an error is: the only place that names codes.

use runtime::image::{ImageError, PullError};
use tonic::{Code, Status};

use super::error::{Error, chain};

/// The code that CRI's clients expect.
pub fn code(err: &Error) -> Code {
    match err {
        Error::NotFound { .. } => Code::NotFound,
        Error::Invalid(_) => Code::InvalidArgument,
        Error::State(_) => Code::FailedPrecondition,
        Error::Exhausted(_) => Code::ResourceExhausted,
        Error::Pull(err) => pull_code(err),
        Error::Unsupported(_) => Code::Unimplemented,
        Error::Expired => Code::DeadlineExceeded,
        Error::Lagged(_) => Code::DataLoss,
        Error::Start(_) | Error::Volume(_) | Error::Images { .. } | Error::File { .. } => Code::Unknown,
    }
}

/// A kubelet strips `Unknown` and no other code before it looks for the words that it knows.
fn pull_code(err: &PullError) -> Code {
    match err {
        PullError::NotFound { .. } => Code::NotFound,
        PullError::Store(ImageError::Reference(_)) => Code::InvalidArgument,
        PullError::Unavailable { .. }
        | PullError::Denied { .. }
        | PullError::Answer { .. }
        | PullError::Digest { .. }
        | PullError::Settings { .. }
        | PullError::Refused(_)
        | PullError::Store(_) => Code::Unknown,
    }
}

impl From<Error> for Status {
    fn from(err: Error) -> Self {
        // The own text of these is the whole chain already.
        let message = if matches!(err, Error::Start(_) | Error::Pull(_)) { err.to_string() } else { chain(&err) };
        Self::new(code(&err), message)
    }
}
