//! Appends to log files and rotates them. Everything here waits for the disk, so nothing here runs on the executor.
//!
//! # Guarantees
//! No descriptor is held between batches: an idle program costs none, and whoever moves the file away needs no signal.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const FILE_BYTES_MAX: u64 = 10 << 20;
/// The current file and `.1` to `.4`.
const FILES_MAX: u32 = 5;

/// Appends whole lines; without any it makes the file.
pub(super) fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut file = open(path)?;
    file.write_all(lines)?;
    if file.metadata()?.len() >= FILE_BYTES_MAX {
        rotate(path)?;
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    let open = || File::options().create(true).append(true).open(path);
    match open() {
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            open()
        }
        opened => opened,
    }
}

/// `0.log` becomes `0.log.1`, which becomes `0.log.2`; the last is lost.
fn rotate(path: &Path) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        if number > 0 {
            name.push(format!(".{number}"));
        }
        PathBuf::from(name)
    };
    for number in (0..FILES_MAX - 1).rev() {
        match fs::rename(numbered(number), numbered(number + 1)) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn files_are_rotated_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pod/0.log");
        append(&path, b"").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0, "an empty batch makes the file");
        let lines = vec![b'x'; 1 << 20];
        for _ in 0..(FILE_BYTES_MAX >> 20) * 6 {
            append(&path, &lines).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(dir.path().join("pod")).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["0.log.1", "0.log.2", "0.log.3", "0.log.4"]);
    }
}
