//! Layers that mean well come out as they are, and those that mean harm do none.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::image::blob::digest;

/// A member to pack: path, kind, link, contents.
pub(crate) type Item<'a> = (&'a str, u8, &'a str, &'a [u8]);

/// A plain archive.
pub(crate) fn archive(items: &[Item<'_>]) -> Vec<u8> {
    let mut bytes: Vec<u8> = items.iter().flat_map(member).collect();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let packed = miniz_oxide::deflate::compress_to_vec(bytes, 6);
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], &packed[..], &[0; 8]].concat()
}

fn member(&(path, kind, link, contents): &Item<'_>) -> Vec<u8> {
    let mut block = [0; 512];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..263].copy_from_slice(b"ustar\0");
    seal(&mut block);
    let mut bytes = [&block, contents].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn seal(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::new();
    for (key, value) in records {
        let mut length = key.len() + value.len() + 3;
        while (length.to_string().len() + key.len() + value.len() + 3) != length {
            length += 1;
        }
        text += &format!("{length} {key}={value}\n");
    }
    member(&("pax", b'x', "", text.as_bytes()))
}

/// The files that layers leave, by path, with their contents.
fn unpacked(layers: &[Vec<u8>]) -> Result<BTreeMap<String, Vec<u8>>, ImageError> {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let (mut overlay, mut budget) = (Overlay::default(), UNPACKED_BYTES_MAX);
    for layer in layers {
        let path = dir.path().join("layer");
        fs::write(&path, layer).unwrap();
        unpack(&path, packing(&path)?, &blobs, &mut overlay, &mut budget, &|| true)?;
    }
    let files = overlay.files()?;
    Ok(files.into_iter().map(|(path, entry)| (path, fs::read(blobs.path(&entry.digest)).unwrap())).collect())
}

fn paths(layers: &[Vec<u8>]) -> Vec<String> {
    unpacked(layers).unwrap().into_keys().collect()
}

#[test]
fn a_layer_is_read_however_it_is_packed() {
    let plain = archive(&[("./bin/", b'5', "", b""), ("./bin/app.wasm", b'0', "", b"\0asm"), ("data", b'0', "", b"x")]);
    let zstd = ruzstd::encoding::compress_to_vec(&plain[..], ruzstd::encoding::CompressionLevel::Fastest);
    for (layer, form) in [(plain.clone(), Packing::Plain), (gzip(&plain), Packing::Gzip), (zstd, Packing::Zstd)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("layer");
        fs::write(&path, &layer).unwrap();
        assert_eq!(packing(&path).unwrap(), form);
        let (mut overlay, mut budget) = (Overlay::default(), UNPACKED_BYTES_MAX);
        let blobs = Blobs::open(dir.path()).unwrap();
        let found = unpack(&path, form, &blobs, &mut overlay, &mut budget, &|| true).unwrap();
        assert_eq!(found, digest(&plain), "{form:?}");
        assert_eq!(budget, UNPACKED_BYTES_MAX - plain.len() as u64);
        let files = overlay.files().unwrap();
        assert!(files["/bin/app.wasm"].wasm && !files["/data"].wasm, "{form:?}");
    }
}

#[test]
fn long_names_are_read_in_both_ways_of_saying_them() {
    let long = format!("{}/file", "d".repeat(150));
    let gnu = member(&("././@LongLink", b'L', "", [long.as_bytes(), b"\0"].concat().as_slice()));
    let by_gnu = [gnu, archive(&[("short", b'0', "", b"1")])].concat();
    let by_pax = [pax(&[("mtime", "1.5"), ("path", &long)]), archive(&[("short", b'0', "", b"2")])].concat();
    for layer in [by_gnu, by_pax] {
        assert_eq!(paths(&[layer]), [format!("/{long}")]);
    }
}

#[test]
fn whiteouts_take_away_what_is_below_and_nothing_else() {
    let lower =
        archive(&[("a/1", b'0', "", b"1"), ("a/2", b'0', "", b"2"), ("b/3", b'0', "", b"3"), ("c", b'0', "", b"4")]);
    let upper = archive(&[
        ("a/new", b'0', "", b"5"),
        ("a/.wh..wh..opq", b'0', "", b""),
        (".wh.c", b'0', "", b""),
        ("b", b'0', "", b"now a file"),
    ]);
    assert_eq!(paths(&[lower, upper]), ["/a/new", "/b"]);
}

#[test]
fn links_are_followed_inside_the_image_only() {
    let layer = archive(&[
        ("usr/bin/app", b'0', "", b"app"),
        ("hard", b'1', "usr/bin/app", b""),
        ("bin", b'2', "usr/bin", b""),
        ("up", b'2', "../../../../usr/bin/app", b""),
        ("far", b'2', "/bin/app", b""),
        ("nowhere", b'2', "/etc/passwd", b""),
        ("loop", b'2', "loop", b""),
        ("all", b'2', ".", b""),
    ]);
    let files = unpacked(&[layer]).unwrap();
    for path in ["/hard", "/bin/app", "/up", "/far", "/usr/bin/app", "/all/usr/bin/app"] {
        assert_eq!(files.get(path).map(Vec::as_slice), Some(&b"app"[..]), "{path}");
    }
    assert!(!files.contains_key("/nowhere") && !files.contains_key("/loop"));
}

#[test]
fn hostile_members_are_refused() {
    let sparse = [pax(&[("GNU.sparse.major", "1")]), archive(&[("a", b'0', "", b"1")])].concat();
    let many = vec![pax(&[("path", "x")]); 20].concat();
    let mut damaged = archive(&[("a", b'0', "", b"1")]);
    damaged[0] = b'b';
    let huge = member(&("x", b'L', "", &[b'n'; 8192]));
    for (layer, why) in [
        (archive(&[("../a", b'0', "", b"1")]), "a path that leads out"),
        (archive(&[("a/../../b", b'0', "", b"1")]), "a path that leads out on the way"),
        (archive(&[("a", b'1', "../../etc/passwd", b"")]), "a hard link that leads out"),
        (archive(&[("a", b'1', "nothing", b"")]), "a hard link to nothing"),
        (archive(&[("dev", b'3', "", b"")]), "a device"),
        (archive(&[("pipe", b'6', "", b"")]), "a pipe"),
        (archive(&[(".wh...", b'0', "", b"")]), "a whiteout of the directory above"),
        (archive(&[("", b'0', "", b"1")]), "the root as a file"),
        (sparse, "a sparse file"),
        (many, "headers without end"),
        (damaged, "a damaged header"),
        (huge, "a name that is too long"),
        (archive(&[("a", b'0', "", &[1; 2000])])[..1000].to_vec(), "an archive that is cut off"),
        (b"no archive at all".to_vec(), "something else"),
    ] {
        assert!(unpacked(&[layer]).is_err(), "{why}");
    }
}

#[test]
fn a_bomb_ends_at_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("layer");
    let zeros = archive(&[("zeros", b'0', "", &vec![0; 4 << 20])]);
    fs::write(&path, gzip(&zeros)).unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let mut budget = 1 << 20;
    let result = unpack(&path, Packing::Gzip, &blobs, &mut Overlay::default(), &mut budget, &|| true);
    assert!(result.is_err());
}

#[test]
fn work_that_nobody_waits_for_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("layer");
    fs::write(&path, archive(&[("a", b'0', "", b"1")])).unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let mut budget = UNPACKED_BYTES_MAX;
    assert!(unpack(&path, Packing::Plain, &blobs, &mut Overlay::default(), &mut budget, &|| false).is_err());
}
