//! The file system of a program: files in memory, directories of the host, files of the image.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runtime::{File, Mount, MountSource, Spec, StartError, Stdio};

use crate::node::{Node, guest};

fn memory(path: &str, files: &[(&str, &str)]) -> Mount {
    let file = |text: &str| File { data: text.to_owned().into(), mode: 0o644 };
    let files: HashMap<_, _> = files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect();
    Mount { path: path.to_owned(), source: MountSource::Files(Arc::new(files.into())), read_only: true }
}

fn host(path: &str, dir: &Path, read_only: bool) -> Mount {
    Mount { path: path.to_owned(), source: MountSource::Host(dir.to_owned()), read_only }
}

async fn says(node: &Node, mounts: &[Mount], act: &[&str]) -> String {
    let spec = Spec { mounts: mounts.to_vec(), ..node.spec(&node.import("actor"), act) };
    node.run(spec).await.1.trim_end().to_owned()
}

#[tokio::test]
async fn files_in_memory_are_read_and_listed() {
    let node = Node::open();
    let mounts = [
        memory("/etc/config", &[("a.conf", "a=1"), ("..data/b.conf", "b=2")]),
        memory("/etc/config/single", &[("", "one")]),
    ];
    for (act, said) in [
        (&["read", "/etc/config/a.conf"][..], "a=1"),
        (&["read", "/etc/config/..data/b.conf"], "b=2"),
        (&["read", "/etc/config/single"], "one"),
        (&["read", "/etc/../etc/config/a.conf"], "a=1"),
        (&["list", "/"], "etc/"),
        (&["list", "/etc/config"], "..data/ a.conf single"),
        (&["stat", "/etc/config/a.conf"], "file 3"),
        (&["stat", "/etc"], "dir 0"),
    ] {
        assert_eq!(says(&node, &mounts, act).await, said, "{act:?}");
    }
    for (act, kind) in [
        (&["read", "/etc/config/c.conf"][..], "NotFound"),
        (&["read", "/etc/config"], "IsADirectory"),
        (&["list", "/etc/config/a.conf"], "NotADirectory"),
        (&["write", "/etc/config/a.conf", "x"], "ReadOnlyFilesystem"),
        (&["write", "/etc/config/new", "x"], "ReadOnlyFilesystem"),
        (&["write", "/new", "x"], "ReadOnlyFilesystem"),
        (&["mkdir", "/etc/config/new"], "ReadOnlyFilesystem"),
        (&["remove", "/etc/config/a.conf"], "ReadOnlyFilesystem"),
        (&["remove", "/etc/config/single"], "ResourceBusy"),
    ] {
        let said = says(&node, &mounts, act).await;
        assert!(said.starts_with(&format!("error: {kind}")), "{act:?}: {said}");
    }
}

#[tokio::test]
async fn without_mounts_there_is_no_file_system() {
    let node = Node::open();
    for act in [&["list", "/"][..], &["read", "/etc/passwd"], &["read", "etc/passwd"]] {
        assert!(says(&node, &[], act).await.starts_with("error"), "{act:?}");
    }
}

#[tokio::test]
async fn a_directory_of_the_host_is_read_and_written() {
    let node = Node::open();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("there"), "from the host").unwrap();
    let mounts = [host("/data", dir.path(), false), memory("/data/conf", &[("a", "1")])];
    for (act, said) in [
        (&["read", "/data/there"][..], "from the host"),
        (&["write", "/data/new", "one"], "written"),
        (&["append", "/data/new", " two"], "one two"),
        (&["write", "/data/new", "three"], "written"),
        (&["read", "/data/new"], "three"),
        (&["mkdir", "/data/dir"], "made"),
        (&["mkdir", "/data"], "error: AlreadyExists"),
        (&["mkdir", "/data/conf"], "error: AlreadyExists"),
        (&["rename", "/data/new", "/data/dir/moved"], "renamed"),
        (&["stat", "/data/dir/moved"], "file 5"),
        (&["list", "/data"], "conf/ dir/ there"),
        (&["list", "/data/dir"], "moved"),
        (&["remove", "/data/dir/moved"], "removed"),
        (&["list", "/data/dir"], ""),
        (&["read", "/data/conf/a"], "1"),
    ] {
        let heard = says(&node, &mounts, act).await;
        assert_eq!(if said.starts_with("error: ") { &heard[..said.len()] } else { &heard }, said, "{act:?}");
    }
    assert!(dir.path().join("dir").is_dir());
}

#[tokio::test]
async fn a_directory_of_the_host_that_is_read_only_stays_so() {
    let node = Node::open();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("there"), "x").unwrap();
    let mounts = [host("/data", dir.path(), true)];
    for act in [
        &["write", "/data/new", "x"][..],
        &["write", "/data/there", "y"],
        &["append", "/data/there", "y"],
        &["mkdir", "/data/dir"],
        &["remove", "/data/there"],
        &["rename", "/data/there", "/data/here"],
    ] {
        let said = says(&node, &mounts, act).await;
        assert!(said.starts_with("error: ReadOnlyFilesystem"), "{act:?}: {said}");
    }
    assert_eq!(says(&node, &mounts, &["read", "/data/there"]).await, "x");
}

#[tokio::test]
async fn nothing_leads_out_of_a_directory_of_the_host() {
    let node = Node::open();
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    std::fs::write(inside.join("file"), "fine").unwrap();
    for (link, target) in [("up", ".."), ("out", "../secret"), ("top", "/"), ("in", "file")] {
        std::os::unix::fs::symlink(target, inside.join(link)).unwrap();
    }
    let mounts = [host("/data", &inside, false)];
    assert_eq!(says(&node, &mounts, &["read", "/data/in"]).await, "fine");
    for act in [
        &["read", "/data/out"][..],
        &["read", "/data/up/secret"],
        &["read", "/data/top/etc/passwd"],
        &["read", "/data/../secret"],
        &["read", "/data/up/"],
        &["list", "/data/top"],
        &["write", "/data/out", "x"],
        &["write", "/data/up/new", "x"],
        &["mkdir", "/data/up/new"],
        &["remove", "/data/up/secret"],
        &["rename", "/data/file", "/data/up/file"],
        &["rename", "/data/up/secret", "/data/secret"],
    ] {
        let said = says(&node, &mounts, act).await;
        assert!(said.starts_with("error"), "{act:?}: {said}");
    }
    assert_eq!(std::fs::read_to_string(dir.path().join("secret")).unwrap(), "secret");
    assert!(!dir.path().join("new").exists());
}

#[tokio::test]
async fn the_files_of_an_image_are_below_its_root() {
    let node = Node::open();
    let source = node.dir.path().join("source");
    std::fs::create_dir_all(source.join("share")).unwrap();
    std::fs::copy(guest("actor"), source.join("actor.wasm")).unwrap();
    std::fs::write(source.join("share/text"), "of the image").unwrap();
    std::fs::write(
        source.join("image.json"),
        r#"{"entrypoint": ["actor.wasm", "args"], "cmd": ["x"], "env": {"A": "1"}}"#,
    )
    .unwrap();
    let image = node.runtime.images().import("files", &source).unwrap().id;
    for (act, said) in
        [(&["read", "/share/text"][..], "of the image\n"), (&["list", "/"], "actor.wasm share/\n"), (&["env"], "A=1\n")]
    {
        assert_eq!(node.run(node.spec(&image, act)).await.1.trim_end(), said.trim_end(), "{act:?}");
    }
    let plain = Spec { args: Vec::new(), ..node.spec(&image, &[]) };
    assert_eq!(node.run(plain).await.1, "/actor.wasm,args,x\n");
    let (_, said) = node.run(node.spec(&image, &["write", "/share/text", "x"])).await;
    assert!(said.starts_with("error: ReadOnlyFilesystem"), "{said}");
}

#[tokio::test]
async fn an_image_is_a_volume_of_another_and_its_modules_are_commands() {
    let node = Node::open();
    let source = node.dir.path().join("source");
    std::fs::create_dir_all(source.join("share")).unwrap();
    std::fs::copy(guest("actor"), source.join("tool")).unwrap();
    std::fs::write(source.join("share/text"), "of the volume").unwrap();
    let id = node.runtime.images().import("tools", &source).unwrap().id;
    let files = node.runtime.images().files(&id).unwrap();
    let mount = |path: &str, of: &str| Mount {
        path: path.to_owned(),
        source: MountSource::Image(files.clone().below(of).unwrap()),
        read_only: true,
    };
    let mounts = [mount("/tools", ""), mount("/share", "share")];
    for (act, said) in [
        (&["list", "/"][..], "share/ tools/"),
        (&["list", "/tools"], "share/ tool"),
        (&["read", "/share/text"], "of the volume"),
    ] {
        assert_eq!(says(&node, &mounts, act).await, said, "{act:?}");
    }
    for path in ["/share/text", "/share/new", "/tools/share/text"] {
        let said = says(&node, &mounts, &["write", path, "x"]).await;
        assert!(said.starts_with("error: ReadOnlyFilesystem"), "{path}: {said}");
    }

    let spec = Spec { mounts: mounts.to_vec(), ..node.spec(&node.import("actor"), &["sleep", "600000"]) };
    let program = node.runtime.start(spec).await.unwrap();
    let run = |words: &[&str]| {
        let words = words.iter().map(|it| (*it).to_owned()).collect();
        node.runtime.exec(&program, "command".to_owned(), words, Stdio::default())
    };
    let (command, _) = run(&["/tools/tool", "exit", "42"]).await.unwrap();
    assert_eq!(command.wait().await.code, 42);
    for not_a_module in ["/share/text", "/tools/none", "/tools"] {
        assert!(matches!(run(&[not_a_module]).await, Err(StartError::NoModule(_))), "{not_a_module}");
    }
    program.stop(Duration::ZERO).await;
}
