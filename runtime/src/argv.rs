//! Decides which module of an image a command line means.

use crate::image::Manifest;
use crate::spec::StartError;

/// Where a word without a slash is looked for when the environment has no `PATH`.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The module that a program runs: the one that its first word names, else the entrypoint, else the only one. The last two get the words
/// as they are.
pub(crate) fn of_program(manifest: &Manifest, args: &[String], env: &[(String, String)]) -> Result<String, StartError> {
    if let Some(named) = args.first().and_then(|word| named(manifest, word, env)) {
        return Ok(named);
    }
    if let Some(entrypoint) = manifest.entrypoint.first() {
        return named(manifest, entrypoint, env).ok_or_else(|| StartError::NoModule(absolute(entrypoint)));
    }
    let mut modules = manifest.files.iter().filter(|(_, entry)| entry.wasm).map(|(path, _)| path);
    match (modules.next(), modules.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) | (None, _) => {
            let word = args.first().cloned().unwrap_or_default();
            Err(StartError::NoModule(format!("`{word}` is none of the image's modules, and it has no entrypoint")))
        }
    }
}

/// The module that a command runs inside a program's surroundings: the one that its first word names, or the program's own under its name.
/// Anything else would run the program again with strange words.
pub(crate) fn of_command(manifest: &Manifest, args: &[String], env: &[(String, String)]) -> Result<String, StartError> {
    let word = args.first().map(String::as_str).unwrap_or_default();
    if let Some(named) = named(manifest, word, env) {
        return Ok(named);
    }
    let is_own_name = |path: &&String| path.rsplit('/').next().and_then(|it| it.strip_suffix(".wasm")) == Some(word);
    let mut modules = manifest.files.iter().filter(|(_, entry)| entry.wasm).map(|(path, _)| path);
    modules.find(is_own_name).cloned().ok_or_else(|| {
        // What a shell's user knows from other runtimes.
        StartError::NoModule(format!("exec: \"{word}\": executable file not found in $PATH"))
    })
}

/// The module at the path that a word is or, without a slash, that a directory of `PATH` has under it.
fn named(manifest: &Manifest, word: &str, env: &[(String, String)]) -> Option<String> {
    let is_module = |path: &String| manifest.files.get(path).is_some_and(|entry| entry.wasm);
    let path = absolute(word);
    if is_module(&path) {
        return Some(path);
    }
    if word.is_empty() || word.contains('/') {
        return None;
    }
    let path = env.iter().rev().find(|(name, _)| name == "PATH").map_or(PATH_DEFAULT, |(_, value)| value);
    path.split(':').map(|directory| format!("{}/{word}", directory.trim_end_matches('/'))).find(is_module)
}

fn absolute(word: &str) -> String {
    if word.starts_with('/') { word.to_owned() } else { format!("/{word}") }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::collections::BTreeMap;

    use super::*;
    use crate::image::Entry;

    fn manifest(paths: &[&str], entrypoint: &[&str]) -> Manifest {
        let is_wasm = |path: &str| path.ends_with(".wasm") || path.starts_with("/bin/");
        let entry = |path: &str| Entry { digest: String::new(), size_bytes: 0, wasm: is_wasm(path) };
        Manifest {
            files: paths.iter().map(|path| ((*path).to_owned(), entry(path))).collect::<BTreeMap<_, _>>(),
            entrypoint: words(entrypoint),
            ..Manifest::default()
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_program_is_what_its_first_word_names_or_the_entrypoint() {
        let both = ["/a.wasm", "/b.wasm", "/c.txt"];
        let many = ["/bin/ls", "/bin/sh", "/a.wasm"];
        for (paths, entrypoint, args, chosen) in [
            (&["/a.wasm"][..], &[][..], &[][..], "/a.wasm"),
            (&["/a.wasm"], &[], &["serve"], "/a.wasm"),
            (&both, &["/b.wasm"], &["/a.wasm", "x"], "/a.wasm"),
            (&both, &["/b.wasm"], &["a.wasm"], "/a.wasm"),
            (&both, &["b.wasm"], &["/c.txt"], "/b.wasm"),
            (&many, &["sh"], &["ls"], "/bin/ls"),
            (&many, &["sh"], &[], "/bin/sh"),
        ] {
            assert_eq!(of_program(&manifest(paths, entrypoint), &words(args), &[]).unwrap(), chosen, "{args:?}");
        }
        assert!(matches!(of_program(&manifest(&both, &[]), &[], &[]), Err(StartError::NoModule(_))));
        assert!(matches!(of_program(&manifest(&both, &["/c.txt"]), &[], &[]), Err(StartError::NoModule(_))));
    }

    #[test]
    fn a_command_is_only_what_its_first_word_names() {
        let image = manifest(&["/bin/ls", "/app/web.wasm"], &["/app/web.wasm"]);
        let of = |word: &str, env: &[(String, String)]| of_command(&image, &words(&[word]), env);
        assert_eq!(of("ls", &[]).unwrap(), "/bin/ls");
        assert_eq!(of("/bin/ls", &[]).unwrap(), "/bin/ls");
        assert_eq!(of("web", &[]).unwrap(), "/app/web.wasm");
        assert!(of("cat", &[]).is_err());
        assert!(of("", &[]).is_err());
        assert!(of("ls", &[("PATH".to_owned(), "/sbin".to_owned())]).is_err());
        assert_eq!(of("web.wasm", &[("PATH".to_owned(), "/app/".to_owned())]).unwrap(), "/app/web.wasm");
    }
}
