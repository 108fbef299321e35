//! Tests of entries, order and omissions for a real directory.
//!
//! `server` tests the output formats.

use super::*;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::super::embedded;
use super::super::path::RelativePath;
use super::super::root::Root;
use super::super::source::ContentSource;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::ffi::OsStr;
use tempfile::TempDir;

fn site(names: &[&str]) -> (TempDir, ContentSource) {
    let dir = tempfile::tempdir().expect("a directory");
    for name in names {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect(name);
        match name.ends_with('/') {
            true => fs::create_dir_all(path).expect(name),
            false => fs::write(path, name).expect(name),
        }
    }
    let store = ContentSource::disk(Root::open(dir.path()).expect("opens"));
    (dir, store)
}

fn read(store: &ContentSource, path: &str, options: ListingOptions) -> Result<Listing, ListingError> {
    let path = RelativePath::parse(path.as_bytes()).expect("a path");
    let budget = ListingBudget::new(LISTINGS_LEN_MAX);
    Listing::read(store, path.as_bytes(), options, &budget, || true)
        .map(|listing| listing.expect("all of it"))
}

fn listed(store: &ContentSource, path: &str, options: ListingOptions) -> Listing {
    read(store, path, options).expect("reads")
}

/// Remaining names; directories have a slash.
fn names(mut listing: Listing) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(entry) = listing.next_entry() {
        let slash = if entry.is_directory { "/" } else { "" };
        names.push(format!("{}{slash}", entry.name.escape_ascii()));
    }
    names
}

fn plainly(store: &ContentSource, path: &str) -> Vec<String> {
    names(listed(store, path, ListingOptions::default()))
}

#[test]
fn listing_has_only_servable_entries() {
    let (dir, store) = site(&["docs/b.txt", "docs/.hidden", ".git/config", "a.txt", "empty/", "docs/deep/x"]);
    let at = |name: &str| dir.path().join(name);
    for (link, target) in [
        ("docs/up", "../a.txt"),
        ("docs/dir", "../empty"),
        ("docs/out", "../../../../etc/passwd"),
        ("docs/absolute", "/etc/passwd"),
        ("docs/dangling", "missing"),
        ("docs/loop", "loop"),
        ("docs/to-fifo", "fifo"),
    ] {
        symlink(target, at(link)).expect(link);
    }
    mknodat(CWD, at("docs/fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    let _listener = UnixListener::bind(at("docs/socket")).expect("binds");
    assert_eq!(plainly(&store, "/docs/"), ["deep/", "dir/", "b.txt", "up"]);
    assert_eq!(plainly(&store, "/"), ["docs/", "empty/", "a.txt"]);
    assert_eq!(plainly(&store, "/empty/"), [""; 0]);
    assert_eq!(plainly(&store, "/docs/dir/"), [""; 0]);
}

#[test]
fn listing_of_non_directory_is_not_found() {
    let (dir, store) = site(&["a.txt"]);
    symlink("..", dir.path().join("out")).expect("a link");
    for path in ["/a.txt", "/missing/", "/out/"] {
        let refused = read(&store, path, ListingOptions::default());
        assert!(matches!(refused, Err(ListingError::Lookup(LookupError::NotFound))), "{path}: {refused:?}");
    }
}

#[test]
fn entries_have_kind_length_and_mtime() {
    let (dir, store) = site(&["sub/"]);
    let file = File::create(dir.path().join("a")).expect("creates");
    file.set_len(5 << 30).expect("grows");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    file.set_modified(time).expect("sets");
    let odd = OsStr::from_bytes(b"\xff\n\"");
    fs::write(dir.path().join(odd), "12").expect("writes");
    symlink("a", dir.path().join("link")).expect("a link");
    let mut listing = listed(&store, "/", ListingOptions::default());
    assert_eq!(listing.totals, ListingTotals { directories: 1, files: 3, files_len: (10 << 30) + 2 });
    assert_eq!(listing.page, Page { number: 1, count: 1, skipped: 0, len: 4 });
    assert!(listing.next_entry().is_some_and(|entry| entry.is_directory && entry.name == b"sub"));
    for name in [&b"a"[..], b"link"] {
        let modified_secs = Some(1_000_000_000);
        let expected = Entry { name, is_directory: false, len: 5 << 30, modified_secs };
        assert_eq!(listing.next_entry(), Some(expected));
    }
    assert!(listing.next_entry().is_some_and(|entry| entry.name == b"\xff\n\"" && entry.len == 2));
    assert!(listing.next_entry().is_none());
}

#[test]
fn sort_puts_directories_first_and_breaks_ties_by_name() {
    let (dir, store) = site(&["D2/", "d10/", "b", "A", "c10", "c9"]);
    for (name, len, secs) in
        [("b", 3, 30), ("A", 1, 10), ("c10", 2, 20), ("c9", 2, 20), ("D2", 0, 5), ("d10", 0, 7)]
    {
        let file = File::open(dir.path().join(name)).expect(name);
        if len > 0 {
            fs::write(dir.path().join(name), vec![b'x'; len]).expect(name);
        }
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(secs);
        file.set_modified(time).expect(name);
    }
    let sorted = |key, descending| {
        let order = SortOrder { key, descending };
        names(listed(&store, "/", ListingOptions { order, ..ListingOptions::default() })).join(" ")
    };
    for (key, ascending, descending) in [
        (SortKey::Name, "D2/ d10/ A b c9 c10", "d10/ D2/ c10 c9 b A"),
        (SortKey::Size, "D2/ d10/ A c9 c10 b", "D2/ d10/ b c9 c10 A"),
        (SortKey::Time, "D2/ d10/ A c9 c10 b", "d10/ D2/ b c9 c10 A"),
    ] {
        assert_eq!(sorted(key, false), ascending, "{key:?}");
        assert_eq!(sorted(key, true), descending, "{key:?} descending");
    }
}

#[test]
fn filter_limits_entries_and_totals() {
    let (_dir, store) = site(&["Photos/", "photo1.jpg", "a.txt", "PHOTO2.jpg"]);
    let filter = NameFilter::new("photo");
    let listing = listed(&store, "/", ListingOptions { filter, ..ListingOptions::default() });
    assert_eq!(listing.totals, ListingTotals { directories: 1, files: 2, files_len: 20 });
    assert_eq!(names(listing), ["Photos/", "photo1.jpg", "PHOTO2.jpg"]);
}

/// Options for a page that a person requests.
fn page_options(number: usize, len: usize) -> ListingOptions {
    ListingOptions {
        page: Some(PageRequest { number, clamp_to_last_page: true, len }),
        ..ListingOptions::default()
    }
}

#[test]
fn page_is_cut_from_full_sort_order() {
    let all: Vec<String> = (1..=25).map(|number| format!("f{number}")).collect();
    let (_dir, store) = site(&all.iter().map(String::as_str).collect::<Vec<_>>());
    for (number, len, page, range) in [
        (1, 10, Page { number: 1, count: 3, skipped: 0, len: 10 }, 0..10),
        (2, 10, Page { number: 2, count: 3, skipped: 10, len: 10 }, 10..20),
        (3, 10, Page { number: 3, count: 3, skipped: 20, len: 5 }, 20..25),
        (4, 10, Page { number: 3, count: 3, skipped: 20, len: 5 }, 20..25),
        (0, 10, Page { number: 1, count: 3, skipped: 0, len: 10 }, 0..10),
        (usize::MAX, 25, Page { number: 1, count: 1, skipped: 0, len: 25 }, 0..25),
        (7, 0, Page { number: 7, count: 25, skipped: 6, len: 1 }, 6..7),
    ] {
        let options = page_options(number, len);
        let listing = listed(&store, "/", options);
        assert_eq!((listing.page, listing.totals.files), (page, 25));
        assert_eq!(names(listing), all[range], "page {number} of {len}");
    }
    let (_dir, empty) = site(&[]);
    assert_eq!(
        listed(&empty, "/", page_options(3, 10)).page,
        Page { number: 1, count: 1, skipped: 0, len: 0 }
    );
}

/// Directory with `count` empty files.
fn many(count: usize) -> (TempDir, ContentSource) {
    let (dir, store) = site(&["entry-0.txt"]);
    let path = |number: usize| dir.path().join(format!("entry-{number}.txt"));
    for number in 1..count {
        fs::hard_link(path(0), path(number)).expect("a link");
    }
    (dir, store)
}

fn held_len(budget: &ListingBudget) -> usize {
    budget.held.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn large_directory_is_read_in_slices_under_lease() {
    const COUNT: usize = 3000;
    let (_dir, store) = many(COUNT);
    let budget = ListingBudget::new(LISTINGS_LEN_MAX);
    let (mut slices, mut held_len_max) = (1, 0);
    let goes_on = || {
        slices += 1;
        held_len_max = held_len(&budget);
        true
    };
    let listing = Listing::read(&store, b"", page_options(30, 100), &budget, goes_on);
    let listing = listing.expect("reads").expect("all of it");
    assert!(slices >= COUNT / 300, "{slices} slices");
    assert!((COUNT * 36..COUNT * 80).contains(&held_len_max), "{held_len_max} bytes were leased");
    assert!(held_len(&budget) < 16 * 1024, "{} bytes are leased for a page", held_len(&budget));
    let names = names(listing);
    assert_eq!((names[0].as_str(), names[99].as_str()), ("entry-2900.txt", "entry-2999.txt"));
    assert_eq!(held_len(&budget), 0);
}

#[test]
fn reading_that_does_not_go_on_ends_after_one_slice() {
    let (dir, store) = many(600);
    fs::create_dir(dir.path().join("short")).expect("a directory");
    fs::write(dir.path().join("short/a.txt"), "a").expect("a file");
    let budget = ListingBudget::new(LISTINGS_LEN_MAX);
    let read_once = |path: &[u8]| Listing::read(&store, path, ListingOptions::default(), &budget, || false);
    assert!(read_once(b"").expect("reads").is_none());
    assert_eq!(held_len(&budget), 0);
    let short = read_once(b"short").expect("reads").expect("it is there at once");
    assert_eq!(names(short), ["a.txt"]);
}

#[test]
fn embedded_and_overlaid_pages_are_listed() {
    let listing = listed(&ContentSource::default(), "/", ListingOptions::default());
    assert_eq!(listing.totals.files, embedded::PAGES.len() + embedded::SOURCE_PAGES.len());
    let found = names(listing);
    assert!(found.contains(&"style.css".to_owned()) && found.contains(&"server-code.html".to_owned()));
    let mut listing = listed(&ContentSource::default(), "/", ListingOptions::default());
    assert!(listing.next_entry().is_some_and(|entry| entry.len > 0 && entry.modified_secs.is_none()));

    let (dir, _) = site(&["server-code.html", "a.txt", "sub/b.txt"]);
    let over = ContentSource::disk_with_source(Root::open(Path::new(dir.path())).expect("opens"));
    assert_eq!(plainly(&over, "/"), ["sub/", "a.txt", "client-code.html", "server-code.html"]);
    assert_eq!(plainly(&over, "/sub/"), ["b.txt"]);
    let filter = NameFilter::new("SERVER");
    assert_eq!(
        names(listed(&over, "/", ListingOptions { filter, ..ListingOptions::default() })),
        ["server-code.html"]
    );
}
