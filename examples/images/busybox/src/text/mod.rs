//! Text from words, and text that passes through.

pub mod lines;
pub mod names;
pub mod numbers;
pub mod parts;
pub mod printf;

use std::io::{self, Write};

use crate::call::Call;
use crate::files::open;
use crate::options::options;

/// `echo`: options only before the first word, as BusyBox's.
///
/// # Errors
/// The output breaks.
pub fn echo(call: &mut Call) -> io::Result<u8> {
    let is_option =
        |word: &&String| word.len() > 1 && word.starts_with('-') && word[1..].chars().all(|c| "neE".contains(c));
    let options: Vec<&String> = call.args.iter().take_while(is_option).collect();
    let has = |letter: char| options.iter().any(|word| word.contains(letter));
    let text = call.args[options.len()..].join(" ");
    let (text, ended) = if has('e') { printf::unescaped(&text) } else { (text, false) };
    let end = if has('n') || ended { "" } else { "\n" };
    write!(call.streams.out, "{text}{end}")?;
    Ok(0)
}

/// `cat`.
///
/// # Errors
/// The output breaks.
pub fn cat(call: &mut Call) -> io::Result<u8> {
    let options = options(call.args, "u")?;
    open::each(call, &options.words, |_, mut file, out| open::copy(&mut file, out).map(|_| ()))
}
