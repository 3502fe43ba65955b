//! Leads streams elsewhere for one command.

use std::io;

use super::Shell;
use super::syntax::{Redirect, RedirectKind};
use crate::call::{Streams, fail};
use crate::files::open::{self, Before};

impl Shell {
    /// The streams as redirections have them, in the order in which they stand.
    pub fn redirected(&mut self, redirects: &[Redirect], streams: &Streams) -> io::Result<Streams> {
        let mut led = streams.clone();
        for redirect in redirects {
            let target = self.text(&redirect.target, &led)?;
            match (redirect.kind, redirect.fd) {
                (RedirectKind::Read, 0) => led.input = open::read(&target, &led)?,
                (RedirectKind::Read, fd) => return fail(format_args!("{fd}: not a stream to read")),
                (RedirectKind::Duplicate, 0) => return fail("0: not a stream to write"),
                (RedirectKind::Duplicate, fd) => {
                    let from = match target.as_str() {
                        "1" => led.out.clone(),
                        "2" => led.err.clone(),
                        other => return fail(format_args!("{other}: only 1 and 2 can be duplicated")),
                    };
                    if fd == 1 { led.out = from } else { led.err = from }
                }
                (RedirectKind::WriteBoth, _) => {
                    led.out = open::write(&target, Before::Replace, &led)?;
                    led.err = led.out.clone();
                }
                (kind, fd) => {
                    let before = if kind == RedirectKind::Append { Before::Keep } else { Before::Replace };
                    let out = open::write(&target, before, &led)?;
                    match fd {
                        1 => led.out = out,
                        2 => led.err = out,
                        fd => return fail(format_args!("{fd}: not a stream to write")),
                    }
                }
            }
        }
        Ok(led)
    }
}
