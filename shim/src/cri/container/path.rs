//! Masked and read-only paths. Those that a kubelet asks for are Linux's (`/proc/kcore`, `/sys/firmware`…), and hold of
//! themselves: a program here has nothing there. One that means something is refused where it would not hold.

use runtime::ImageFiles;

use crate::cri::error::Error;
use crate::cri::message::{ContainerConfig, Mount};

/// Says no to paths that would have to be hidden or protected here.
pub(super) fn refuse(config: &ContainerConfig, image: &ImageFiles) -> Result<(), Error> {
    let Some(security) = config.linux.as_ref().and_then(|it| it.security_context.as_ref()) else { return Ok(()) };
    let mounted = |path: &str, counts: fn(&Mount) -> bool| {
        config.mounts.iter().any(|it| counts(it) && meet(path, &it.container_path))
    };
    for path in &security.masked_paths {
        if image.clone().below(path).is_some() || mounted(path, |_| true) {
            return Err(Error::Invalid(format!("the masked path `{path}` is not supported: there is something")));
        }
    }
    for path in &security.readonly_paths {
        // Everything that is not mounted is the image's, which no program can write to.
        if mounted(path, |it| !it.readonly) {
            let why = "it is in a mount that can be written";
            return Err(Error::Invalid(format!("the read-only path `{path}` is not supported: {why}")));
        }
    }
    Ok(())
}

/// Whether one is the other or in it.
fn meet(one: &str, other: &str) -> bool {
    let words = |path: &str| path.split('/').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (words(one), words(other));
    one.starts_with(&other) || other.starts_with(&one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_meet_where_one_is_in_the_other() {
        for (one, other) in [("/a", "/a"), ("/a/b", "/a/"), ("/a", "/a/b"), ("/", "/a")] {
            assert!(meet(one, other), "{one} {other}");
        }
        for (one, other) in [("/a", "/ab"), ("/a/b", "/a/c"), ("/proc/kcore", "/data")] {
            assert!(!meet(one, other), "{one} {other}");
        }
    }
}
