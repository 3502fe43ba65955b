//! Which gRPC code an error is: the only place that names codes.

use tonic::{Code, Status};

use super::error::{Error, chain};

/// The code that CRI's clients expect.
pub fn code(err: &Error) -> Code {
    match err {
        Error::NotFound { .. } => Code::NotFound,
        Error::Invalid(_) => Code::InvalidArgument,
        Error::State(_) => Code::FailedPrecondition,
        Error::Exhausted(_) => Code::ResourceExhausted,
        Error::Pull(_) | Error::Unsupported(_) => Code::Unimplemented,
        Error::Expired => Code::DeadlineExceeded,
        Error::Lagged(_) => Code::DataLoss,
        Error::Start(_) | Error::Images { .. } | Error::File { .. } => Code::Unknown,
    }
}

impl From<Error> for Status {
    fn from(err: Error) -> Self {
        // A `Start` error's own text is the whole chain already.
        let message = if matches!(err, Error::Start(_)) { err.to_string() } else { chain(&err) };
        Self::new(code(&err), message)
    }
}
