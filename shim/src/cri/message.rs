//! CRI v1's messages, server and client, as `proto/cri.proto` says them: a socket decodes into the very types that the
//! calls in this process take.

use std::fmt;

pub use generated::*;

#[expect(missing_docs, reason = "generated; what there is to say stands in the proto")]
#[expect(clippy::all, reason = "generated")]
mod generated {
    tonic::include_proto!("runtime.v1");
}

// === impl AuthConfig ===

// Without its secrets: requests are logged.
impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig").field("server_address", &self.server_address).finish_non_exhaustive()
    }
}

// === impl KeyValue ===

// Without its value, which may be a secret.
impl fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValue").field("key", &self.key).finish_non_exhaustive()
    }
}
