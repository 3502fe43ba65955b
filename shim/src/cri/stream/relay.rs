//! What a program prints, on its way to a client.

use std::borrow::Cow;

use runtime::{Listener, LogStream};

use super::remote::Output;

/// Where a program's output goes.
pub(super) struct Outputs {
    pub(super) stdout: Option<Output>,
    pub(super) stderr: Option<Output>,
    /// A terminal has one stream, whose lines end with a carriage return.
    pub(super) tty: bool,
}

/// Why there is no more to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relayed {
    /// The program is gone, and the client has all it printed.
    ToTheEnd,
    /// Somebody else is gone.
    Gone,
}

impl Outputs {
    /// Sends what a listener hears until it hears no more.
    pub(super) async fn relay(&self, listener: &mut Listener) -> Relayed {
        while let Some((stream, bytes)) = listener.next().await {
            let output = match stream {
                LogStream::Stderr if !self.tty => &self.stderr,
                LogStream::Stdout | LogStream::Stderr => &self.stdout,
            };
            let bytes = if self.tty { with_carriage_returns(&bytes) } else { Cow::Borrowed(&*bytes) };
            let sent = match output {
                Some(output) => output.write(&bytes).await,
                // The client did not ask for this stream.
                None => Ok(()),
            };
            if sent.is_err() {
                return Relayed::Gone;
            }
        }
        Relayed::ToTheEnd
    }
}

/// As a terminal's line discipline has it.
fn with_carriage_returns(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\n') {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if *byte == b'\n' {
            text.push(b'\r');
        }
        text.push(*byte);
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_terminal_end_with_a_carriage_return() {
        assert_eq!(with_carriage_returns(b"a\nb\n"), &b"a\r\nb\r\n"[..]);
        assert_eq!(with_carriage_returns(b"$ "), &b"$ "[..]);
    }
}
