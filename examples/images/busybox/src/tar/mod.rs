//! `tar`: archives, as `kubectl cp` wants them: `tar cf -` on one side, `tar xmf -` on the other.

mod create;
mod extract;
mod header;

use std::io::{self, Read};
use std::path::PathBuf;

use crate::call::{Call, fail};
use crate::files::open::{self, Before};

/// An archive is a row of blocks of this size.
const BLOCK_BYTES: usize = 512;
/// Long options that say what is so anyway: a WebAssembly program sets neither owners nor modes.
const ACCEPTED: &[&str] = &["--no-same-permissions", "--no-same-owner", "--no-overwrite-dir", "--numeric-owner"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Create,
    Extract,
    List,
}

/// What is to be done.
#[derive(Debug)]
struct Plan {
    mode: Mode,
    archive: String,
    directory: Option<PathBuf>,
    verbose: bool,
    to_output: bool,
    keep_time: bool,
    strip: usize,
    words: Vec<String>,
}

/// `tar`.
///
/// # Errors
/// An option is not known, or the archive or a file breaks.
pub fn tar(call: &mut Call) -> io::Result<u8> {
    let plan = plan(call.args)?;
    if plan.mode == Mode::Create {
        let mut archive = open::write(&plan.archive, Before::Replace, &call.streams)?;
        return create::create(call, &plan, &mut archive);
    }
    let mut archive = open::read(&plan.archive, &call.streams)?;
    let code = extract::extract(call, &plan, &mut archive)?;
    // Who writes the archive should not break on what is behind its end.
    let _ = io::copy(&mut (&mut archive).take(REST_BYTES_MAX), &mut io::sink());
    Ok(code)
}

/// Archives end with zeros up to a multiple of 10 KiB, or somewhat more.
const REST_BYTES_MAX: u64 = 1 << 20;

/// Reads tar's options: the first word may lack its dash, and letters that take values take the words behind it.
fn plan(args: &[String]) -> io::Result<Plan> {
    let mut mode = None;
    let mut plan = Plan {
        mode: Mode::List,
        archive: "-".to_owned(),
        directory: None,
        verbose: false,
        to_output: false,
        keep_time: true,
        strip: 0,
        words: Vec::new(),
    };
    let mut words = args.iter().enumerate();
    while let Some((at, word)) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            match long.split_once('=') {
                _ if long.is_empty() => break,
                _ if ACCEPTED.contains(&word.as_str()) => {}
                Some(("strip-components", count)) => plan.strip = crate::options::number(count)?,
                _ => return fail(format_args!("unknown option {word}")),
            }
            continue;
        }
        let letters = match word.strip_prefix('-') {
            Some(letters) if !letters.is_empty() => letters,
            None if at == 0 => word,
            _ => {
                plan.words.push(word.clone());
                continue;
            }
        };
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            match letter {
                'c' => mode = Some(Mode::Create),
                'x' => mode = Some(Mode::Extract),
                't' => mode = Some(Mode::List),
                'v' => plan.verbose = true,
                'm' => plan.keep_time = false,
                'O' => plan.to_output = true,
                // Overwriting and the archive's own modes are the only way there is.
                'o' | 'p' | 'k' => {}
                'f' | 'C' => {
                    // In a word with a dash the value may be joined to the letter.
                    let joined = std::mem::replace(&mut letters, "".chars()).as_str();
                    let own = word.starts_with('-') && !joined.is_empty();
                    let value = if own { Some(joined.to_owned()) } else { words.next().map(|(_, word)| word.clone()) };
                    let Some(value) = value else { return fail(format_args!("-{letter} needs a value")) };
                    if !own {
                        letters = joined.chars();
                    }
                    if letter == 'f' { plan.archive = value } else { plan.directory = Some(value.into()) }
                }
                'z' | 'j' | 'J' => return fail(format_args!("-{letter}: compression is not built in")),
                other => return fail(format_args!("invalid option -- '{other}'")),
            }
        }
    }
    plan.words.extend(words.map(|(_, word)| word.clone()));
    let Some(mode) = mode else { return fail("one of c, x and t must be given") };
    Ok(Plan { mode, ..plan })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn planned(line: &str) -> Plan {
        plan(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_calls_of_kubectl_cp_are_understood() {
        let plan = planned("cf - /data/x");
        assert_eq!((plan.mode, plan.archive.as_str(), plan.words), (Mode::Create, "-", vec!["/data/x".to_owned()]));
        let plan = planned("-xmf - -C /data");
        assert_eq!((plan.mode, plan.directory, plan.keep_time), (Mode::Extract, Some("/data".into()), false));
        let plan = planned("--no-same-permissions --no-same-owner -xmf - -C /data");
        assert_eq!((plan.mode, plan.archive.as_str()), (Mode::Extract, "-"));
        assert_eq!(planned("-tfx.tar").archive, "x.tar");
    }

    #[test]
    fn compression_is_refused_by_name() {
        let words = ["czf".to_owned(), "-".to_owned()];
        assert_eq!(plan(&words).unwrap_err().to_string(), "-z: compression is not built in");
    }
}
