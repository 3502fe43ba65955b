//! One call of an applet: its words, its environment and its three streams, which may be the process's or the shell's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::rc::Rc;

/// Environment variables, in the order in which they are printed.
pub type Env = BTreeMap<String, String>;

/// What an applet is: a function from a call to an exit code. An error is printed after the applet's name, and is 1.
pub type Applet = fn(&mut Call) -> io::Result<u8>;

/// One call of an applet.
pub struct Call<'a> {
    /// By which name it was called.
    pub name: &'a str,
    /// The words after the name.
    pub args: &'a [String],
    /// What it inherits.
    pub env: &'a Env,
    /// What it reads and writes.
    pub streams: Streams,
}

/// What a program reads and writes.
#[derive(Clone)]
pub struct Streams {
    /// Standard input.
    pub input: In,
    /// Standard output.
    pub out: Out,
    /// Standard error.
    pub err: Out,
}

/// A stream to read, shared by whoever reads it in turn: a script and the commands in it.
#[derive(Clone)]
pub struct In {
    reader: Rc<RefCell<BufReader<Box<dyn Read>>>>,
    process: bool,
}

/// A stream to write, shared: `2>&1` makes two of one.
#[derive(Clone)]
pub struct Out(Rc<RefCell<dyn Write>>);

// === impl Call ===

impl Call<'_> {
    /// Says what went wrong with one of several things; the code to end with is 1.
    pub fn complain(&mut self, what: impl Display) -> u8 {
        // Nobody is left to be told when this cannot be written.
        let _ = writeln!(self.streams.err, "{}: {what}", self.name);
        1
    }
}

// === impl Streams ===

impl Streams {
    /// Those of this process.
    pub fn of_process() -> Streams {
        let reader = BufReader::new(crate::wasi::stdin());
        Streams {
            input: In { reader: Rc::new(RefCell::new(reader)), process: true },
            out: Out::new(io::stdout()),
            err: Out::new(io::stderr()),
        }
    }
}

// === impl In ===

impl In {
    /// A stream of what `reader` gives.
    pub fn new(reader: impl Read + 'static) -> In {
        In { reader: Rc::new(RefCell::new(BufReader::new(Box::new(reader)))), process: false }
    }

    /// Whether this is what the process itself reads, which may never end.
    #[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "`nc` runs as WebAssembly only"))]
    pub fn is_process(&self) -> bool {
        self.process
    }

    /// Takes what was read ahead.
    #[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "`nc` runs as WebAssembly only"))]
    pub fn take_buffered(&self) -> Vec<u8> {
        let mut reader = self.reader.borrow_mut();
        let bytes = reader.buffer().to_vec();
        reader.consume(bytes.len());
        bytes
    }

    /// The next line with its end; `None` after the last.
    ///
    /// # Errors
    /// The stream cannot be read.
    pub fn line(&self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = self.reader.borrow_mut().read_until(b'\n', &mut line)?;
        Ok((read > 0).then_some(line))
    }
}

impl Read for In {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.borrow_mut().read(buffer)
    }
}

// === impl Out ===

impl Out {
    /// A stream into `writer`.
    pub fn new(writer: impl Write + 'static) -> Out {
        Out(Rc::new(RefCell::new(writer)))
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// An error that is a sentence of ours.
pub fn fail<T>(message: impl Display) -> io::Result<T> {
    Err(io::Error::other(message.to_string()))
}

/// Adds what it was about, as `cat: x: No such file` does.
pub fn about<T>(what: impl Display, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|err| io::Error::new(err.kind(), format!("{what}: {}", reason(&err))))
}

/// An error in few words, as other programs say it.
pub fn reason(err: &io::Error) -> String {
    match err.kind() {
        io::ErrorKind::NotFound if err.raw_os_error().is_some() => "No such file or directory".to_owned(),
        io::ErrorKind::IsADirectory => "Is a directory".to_owned(),
        io::ErrorKind::NotADirectory => "Not a directory".to_owned(),
        io::ErrorKind::AlreadyExists => "File exists".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "Read-only file system".to_owned(),
        io::ErrorKind::DirectoryNotEmpty => "Directory not empty".to_owned(),
        _ => {
            let text = err.to_string();
            text.find(" (os error").map_or(text.clone(), |end| text[..end].to_owned())
        }
    }
}
