//! Tests of archive content, known length, and early end.
//!
//! The `tar` crate reads the archives back.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::files::root::Root;
use crate::files::source::read_up_to;
use crate::files::testing::site_with_directory as site;

/// More steps and slices than any archive here needs.
const STEPS_MAX: usize = 10_000;

/// Members of an archive by path, with the promised and sent lengths.
struct Outcome {
    members: BTreeMap<String, Vec<u8>>,
    promised_len: Option<u64>,
    len: u64,
}

fn begin(store: &ContentSource, path: &str) -> Result<Archive, LookupError> {
    let path = RelativePath::parse(path.as_bytes()).expect("a path");
    Archive::begin(store, &path, b"top", (false, None))
}

fn gather(archive: &mut Archive) {
    let steps = (0..STEPS_MAX).find(|_| archive.scan_slice().expect("it can be read"));
    assert!(steps.is_some(), "it never ends");
}

/// Rest of the archive, or the error that ends it.
fn rest(archive: &mut Archive) -> Result<Vec<u8>, LookupError> {
    let mut whole = Vec::new();
    for _ in 0..STEPS_MAX {
        let before = whole.len();
        let slice = archive.next_slice(&mut whole)?;
        assert!(whole.len() - before < 128 * 1024, "a piece of {} bytes", whole.len() - before);
        match slice.payload {
            Some(TarPayload::File { file, offset, len }) => {
                assert!(slice.has_more && len > 0 && len <= RANGE_LEN_MAX);
                let bytes = read_up_to(&*file, offset, len).expect("it reads").to_vec();
                assert_eq!(bytes.len() as u64, len);
                whole.extend(bytes);
            }
            Some(TarPayload::Static(bytes)) => whole.extend_from_slice(bytes),
            None => {}
        }
        if !slice.has_more {
            return Ok(whole);
        }
    }
    panic!("it never ends");
}

fn archived(store: &ContentSource, path: &str) -> Outcome {
    let mut archive = begin(store, path).expect("it begins");
    gather(&mut archive);
    let known_len = archive.known_len();
    let whole = rest(&mut archive).expect("it ends");
    let mut members = BTreeMap::new();
    for entry in ::tar::Archive::new(whole.as_slice()).entries().expect("an archive") {
        let mut entry = entry.expect("a member");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its bytes");
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        assert!(members.insert(name.clone(), bytes).is_none(), "{name} is there twice");
    }
    Outcome { members, promised_len: known_len, len: whole.len() as u64 }
}

fn names(outcome: &Outcome) -> Vec<&str> {
    outcome.members.keys().map(String::as_str).collect()
}

#[test]
fn archive_has_exactly_the_directory_tree() {
    let (_outer, _, store) = site();
    let outcome = archived(&store, "/docs/");
    assert_eq!(names(&outcome), ["top/", "top/b.txt", "top/deep/", "top/deep/er/", "top/deep/er/c.txt"]);
    assert_eq!(outcome.members["top/b.txt"], b"bb");
    assert_eq!(outcome.promised_len, Some(outcome.len));
    let outcome = archived(&store, "/");
    assert_eq!(outcome.members.len(), 7);
    assert_eq!(outcome.members["top/docs/deep/er/c.txt"], b"ccc");
}

#[test]
fn archive_longer_than_i64_has_no_known_length() {
    let (_outer, _root, store) = site();
    for len_before in [u64::MAX - 1, i64::MAX as u64 - 1024] {
        let mut archive = begin(&store, "/docs/").expect("it begins");
        archive.len = len_before;
        gather(&mut archive);
        assert_eq!(archive.known_len(), None, "{len_before}");
    }
}

#[test]
fn archive_of_non_directory_is_not_found() {
    let (outer, _, store) = site();
    symlink("../..", outer.path().join("site/out")).expect("a link");
    for path in ["/a.txt/", "/missing/", "/out/"] {
        assert!(matches!(begin(&store, path), Err(LookupError::NotFound)), "{path}");
        assert!(matches!(begin(&ContentSource::default(), path), Err(LookupError::NotFound)), "{path}");
    }
}

#[test]
fn embedded_pages_are_archived_as_served() {
    let (outer, _, _) = site();
    let root = outer.path().join("site");
    fs::write(root.join("server-code.html"), "of another build").expect("a file");
    let over = ContentSource::disk_with_source(Root::open(&root).expect("opens"));
    let outcome = archived(&over, "/");
    let page = over.embedded_page(b"server-code.html").expect("a page").bytes();
    assert!(outcome.members["top/server-code.html"] == page && outcome.members.contains_key("top/a.txt"));
    assert_eq!(outcome.promised_len, Some(outcome.len));
    assert!(!archived(&over, "/docs/").members.contains_key("top/server-code.html"));
    let outcome = archived(&ContentSource::default(), "/");
    let page = ContentSource::default().embedded_page(b"index.html").expect("a page");
    assert_eq!(outcome.members["top/index.html"], page.bytes());
    assert_eq!(outcome.members.len(), 1 + embedded::PAGES.len() + embedded::SOURCE_PAGES.len());
    assert_eq!(outcome.promised_len, Some(outcome.len));
}

/// Lengths around each limit in the archive code.
#[test]
fn archived_files_of_every_length_are_complete() {
    let (outer, _, store) = site();
    let directory = outer.path().join("site/lengths");
    fs::create_dir(&directory).expect("a folder");
    let lengths = [0, 1, 511, 512, 513, COPIED_LEN_MAX, COPIED_LEN_MAX + 1, 70_000, RANGE_LEN_MAX + 1];
    for len in lengths {
        let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        fs::write(directory.join(len.to_string()), bytes).expect("a file");
    }
    let outcome = archived(&store, "/lengths/");
    for len in lengths {
        let whole = fs::read(directory.join(len.to_string())).expect("a file");
        assert!(outcome.members[&format!("top/{len}")] == whole, "{len}");
    }
    assert_eq!(outcome.promised_len, Some(outcome.len));
}

/// Directory of `count` files whose paths exceed the limit before the start.
fn deep(root: &Path, count: usize) {
    let mut directory = root.join("deep");
    for _ in 0..15 {
        directory.push("d".repeat(250));
    }
    fs::create_dir_all(&directory).expect("folders");
    for number in 0..count {
        fs::write(directory.join(number.to_string()), number.to_string()).expect("a file");
    }
}

#[test]
fn large_directory_without_known_length_is_complete() {
    let (outer, _, store) = site();
    deep(&outer.path().join("site"), 800);
    let outcome = archived(&store, "/deep/");
    assert_eq!(outcome.promised_len, None);
    assert_eq!(outcome.members.len(), 16 + 800);
    let path = format!("top/{}799", format!("{}/", "d".repeat(250)).repeat(15));
    assert_eq!(outcome.members[&path], b"799");
}

#[test]
fn archive_keeps_known_length_or_fails_on_change() {
    let (outer, _, store) = site();
    let root = outer.path().join("site");
    // Change of a 3-byte file after the promise, and the expected result.
    type Change = fn(&Path);
    let cases: [(&str, Change, Option<&str>); 6] = [
        ("grown", |path| fs::write(path, "cccccc").expect("written"), None),
        (
            "replaced by a longer one",
            |path| {
                fs::write(path.with_extension("new"), "dddd").expect("written");
                fs::rename(path.with_extension("new"), path).expect("renamed");
            },
            None,
        ),
        ("shrunk", |path| fs::write(path, "c").expect("written"), Some("a file shrank")),
        ("gone", |path| fs::remove_file(path).expect("removed"), Some("no such file")),
        (
            "a folder now",
            |path| {
                fs::remove_file(path).expect("removed");
                fs::create_dir(path).expect("a folder");
            },
            Some("not a regular file"),
        ),
        (
            "a link to the outside now",
            |path| {
                fs::remove_file(path).expect("removed");
                symlink("../../../../secret", path).expect("a link");
            },
            Some("no such file"),
        ),
    ];
    for (told, change, expected) in cases {
        let path = root.join("docs/deep/er/c.txt");
        fs::write(&path, "ccc").expect("a file");
        let mut archive = begin(&store, "/docs/").expect("it begins");
        gather(&mut archive);
        change(&path);
        match (rest(&mut archive), expected) {
            (Ok(whole), None) => assert_eq!(Some(whole.len() as u64), archive.known_len(), "{told}"),
            (Err(error), Some(expected)) => assert_eq!(error.to_string(), expected, "{told}"),
            (outcome, _) => panic!("{told}: {outcome:?}"),
        }
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
    }
}

#[test]
fn archive_without_known_length_skips_removed_files() {
    let (outer, _, store) = site();
    let root = outer.path().join("site");
    deep(&root, 800);
    let mut archive = begin(&store, "/deep/").expect("it begins");
    gather(&mut archive);
    fs::remove_dir_all(root.join("deep")).expect("removed");
    let whole = rest(&mut archive).expect("it ends in order");
    let count = ::tar::Archive::new(whole.as_slice()).entries().expect("an archive").count();
    assert_eq!(count, 16, "the folders had been found");
}
