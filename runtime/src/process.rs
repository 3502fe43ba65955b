//! Gives back what a process needed only to start: free heap, and the code that ran once.
//!
//! A page of the program's file that was touched stays mapped, and the kernel maps its neighbors too; at start a server
//! runs through megabytes of code that it never needs again. Dropping those mappings costs a soft fault where a page is
//! needed after all.

use std::fs;
use std::path::Path;

/// Returns free heap and untouched code to the system: call it once a process has settled.
pub fn settle() {
    crate::memory::give_back();
    let Ok(program) = std::env::current_exe() else { return };
    let Ok(mappings) = fs::read_to_string("/proc/self/smaps") else { return };
    for (start, end) in clean_mappings(&mappings, &program) {
        drop_pages(start, end);
    }
}

/// Returns free heap to the system: call it after a burst of work, of which the allocator would keep what it freed.
pub fn give_back() {
    crate::memory::give_back();
}

/// The mappings of the program's file of which no page was ever written: their pages can be read again.
fn clean_mappings(smaps: &str, program: &Path) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut current = None;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        match (first.strip_suffix(':'), words.next()) {
            // A head: `55d0-55f0 r-xp 00001000 fe:00 123 /usr/bin/coracle`.
            (None, Some(permissions)) => {
                let is_code =
                    permissions.starts_with("r-") && words.nth(3).is_some_and(|name| Path::new(name) == program);
                current = range(first).filter(|_| is_code);
            }
            // The decisive line: relocated data looks like the program's file, too, but was written.
            (Some("Anonymous"), Some("0")) => found.extend(current.take()),
            _ => {}
        }
    }
    found
}

fn range(text: &str) -> Option<(usize, usize)> {
    let (start, end) = text.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

fn drop_pages(start: usize, end: usize) {
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "there is no safe binding")]
    // JUSTIFICATION: of 14 MB of code that a server ran through at start, it needs a few while idle.
    // SAFETY: the range is a whole mapping that the kernel listed; it is private, backed by this program's own file, not
    // writable and has no page of its own, so every page that is touched again is read again from that file.
    let _ = unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mappings_of_the_program_without_own_pages_are_dropped() {
        let smaps = "\
1000-2000 r-xp 00000000 fe:00 7 /bin/p\nRss: 4 kB\nAnonymous: 0 kB\n\
2000-3000 r--p 00001000 fe:00 7 /bin/p\nRss: 4 kB\nAnonymous: 4 kB\n\
3000-4000 rw-p 00002000 fe:00 7 /bin/p\nAnonymous: 0 kB\n\
4000-5000 r-xp 00000000 fe:00 8 /lib/c\nAnonymous: 0 kB\n\
5000-6000 rw-p 00000000 00:00 0\nAnonymous: 0 kB\n";
        assert_eq!(clean_mappings(smaps, Path::new("/bin/p")), [(0x1000, 0x2000)]);
    }

    #[test]
    fn the_program_runs_on() {
        settle();
        assert_eq!(range("a-ff"), Some((10, 255)));
    }
}
