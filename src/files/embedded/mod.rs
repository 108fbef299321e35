//! Embedded pages: an installed server has content in any directory.
//!
//! A test compares one table with `content/`.

mod gzip_page;

use super::file_version::content_hash;
use super::path::beneath;

pub use gzip_page::GzipPage;

/// Embedded page.
#[derive(Clone, Copy, Debug)]
pub enum EmbeddedPage {
    /// Uncompressed bytes.
    Plain(&'static [u8]),
    /// gzip-compressed page.
    GzipPage(&'static GzipPage),
}

impl EmbeddedPage {
    pub(super) fn len(self) -> u64 {
        match self {
            EmbeddedPage::Plain(bytes) => bytes.len() as u64,
            EmbeddedPage::GzipPage(page) => page.len(),
        }
    }

    pub(super) fn bytes(self) -> &'static [u8] {
        match self {
            EmbeddedPage::Plain(bytes) => bytes,
            EmbeddedPage::GzipPage(page) => page.plain(),
        }
    }

    pub(super) fn hash(self) -> u64 {
        match self {
            EmbeddedPage::Plain(bytes) => content_hash(bytes),
            EmbeddedPage::GzipPage(page) => page.hash(),
        }
    }
}

/// Pages of `content/`, by path.
pub const PAGES: &[(&str, EmbeddedPage)] = &[
    ("HelloWorld.html", EmbeddedPage::Plain(include_bytes!("../../../content/HelloWorld.html"))),
    ("favicon.svg", EmbeddedPage::Plain(include_bytes!("../../../content/favicon.svg"))),
    ("index.html", EmbeddedPage::Plain(include_bytes!("../../../content/index.html"))),
    ("style.css", EmbeddedPage::Plain(include_bytes!("../../../content/style.css"))),
];

/// Source of this binary, not in `content/`: a file could become outdated.
pub static SOURCE_PAGES: &[(&str, EmbeddedPage)] = &[
    ("client-code.html", EmbeddedPage::GzipPage(&CLIENT_CODE)),
    ("server-code.html", EmbeddedPage::GzipPage(&SERVER_CODE)),
];

static CLIENT_CODE: GzipPage =
    GzipPage::new(include_bytes!(concat!(env!("OUT_DIR"), "/client-code.html.gz")));
static SERVER_CODE: GzipPage =
    GzipPage::new(include_bytes!(concat!(env!("OUT_DIR"), "/server-code.html.gz")));

/// True for the root and for directories of pages.
pub fn is_directory(path: &[u8]) -> bool {
    PAGES.iter().any(|(name, _)| beneath(path, name.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::source::ContentSource;
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    fn find(path: &[u8]) -> Option<EmbeddedPage> {
        ContentSource::default().embedded_page(path)
    }

    fn walk(dir: &Path, root: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let name = path.strip_prefix(root).expect("beneath the root");
                let bytes = fs::read(&path).expect("a file");
                found.insert(name.to_str().expect("UTF-8").to_owned(), bytes);
            }
        }
    }

    #[test]
    fn pages_table_matches_content_directory() {
        let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
        let mut on_disk = BTreeMap::new();
        walk(&content, &content, &mut on_disk);
        let embedded: BTreeMap<_, _> =
            PAGES.iter().map(|&(name, page)| (name.to_owned(), page.bytes().to_vec())).collect();
        assert_eq!(PAGES.len(), embedded.len(), "a page is named twice");
        assert_eq!(embedded.keys().collect::<Vec<_>>(), on_disk.keys().collect::<Vec<_>>());
        assert!(embedded == on_disk, "a page differs from its file");
    }

    #[test]
    fn find_matches_whole_page_names_only() {
        assert!(find(b"index.html").is_some());
        for path in [&b""[..], b"/index.html", b"index", b"index.html/", b"INDEX.HTML"] {
            assert!(find(path).is_none(), "{}", path.escape_ascii());
        }
        assert!(is_directory(b""));
        assert!(!is_directory(b"index") && !is_directory(b"index.html"));
    }

    #[test]
    fn source_pages_exist_under_unique_names() {
        for &(name, page) in SOURCE_PAGES {
            assert!(PAGES.iter().all(|(page, _)| *page != name), "{name}");
            let bytes = page.bytes();
            assert!(find(name.as_bytes()).is_some_and(|found| found.bytes() == bytes), "{name}");
            assert_eq!(page.len(), bytes.len() as u64, "{name}");
            assert!(bytes.starts_with(b"<!doctype html>") && bytes.ends_with(b"</html>\n"), "{name}");
        }
        assert!(SOURCE_PAGES.iter().all(|(name, _)| *name != "index.html"));
    }
}
