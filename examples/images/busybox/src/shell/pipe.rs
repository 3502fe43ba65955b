//! A pipe inside one instance: the left side writes all of it before the right side reads.
//!
//! # Guarantees
//! It is bounded, and never lies: who writes more is stopped as if nobody read, and who then reads to the end gets an
//! error in the place of what is missing. So `yes | head -n 1` works, and `cat large | wc -c` fails instead of counting
//! wrong.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;

use crate::call::{In, Out};

/// How much one side may write.
pub const PIPE_BYTES_MAX: usize = 8 << 20;

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    read: usize,
    overflowed: bool,
}

struct End(Rc<RefCell<Buffer>>);

/// The two ends of a new pipe.
pub fn pipe() -> (Out, In) {
    let buffer = Rc::new(RefCell::new(Buffer::default()));
    (Out::new(End(buffer.clone())), In::new(End(buffer)))
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.borrow_mut();
        let room = PIPE_BYTES_MAX - buffer.bytes.len();
        if room == 0 && !bytes.is_empty() {
            buffer.overflowed = true;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(room);
        buffer.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for End {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut buffer = self.0.borrow_mut();
        let rest = &buffer.bytes[buffer.read..];
        if rest.is_empty() && buffer.overflowed {
            let size = PIPE_BYTES_MAX >> 20;
            return Err(io::Error::other(format!("a pipe holds no more than {size} MiB inside one instance")));
        }
        let taken = rest.len().min(target.len());
        target[..taken].copy_from_slice(&rest[..taken]);
        buffer.read += taken;
        Ok(taken)
    }
}
