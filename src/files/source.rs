//! Content source: a directory or the embedded pages.
//!
//! A small file is read whole: its response needs no further system call. A large file stays a descriptor.

use std::borrow::Cow;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::SystemTime;
use std::{io, iter};

use rustix::fs::FileType;
use rustix::io::{Errno, pread};

use super::coding::Coding;
use super::embedded::{self, EmbeddedPage, GzipPage};
use super::file_version::{FileVersion, QUIET_AGE, RACY_WINDOW, content_hash, is_older, version_is_stable};
use super::media_type::{is_compressible, is_named, media_type};
use super::open_file::{FileCloser, OpenFile};
use super::path::{RelativePath, join};
use super::root::{FileStat, LookupError, Root};

/// Bytes up to which a file is read whole.
///
/// Above, a copy through user memory costs more than the system calls of `sendfile`.
pub const SMALL_FILE_LEN_MAX: u64 = 64 * 1024;

/// Read buffer for the digest of a whole file.
const PIECE_LEN: usize = 256 * 1024;

/// Maximum reads of a changing file; the last is served.
const READ_ATTEMPTS_MAX: usize = 4;

/// Source of files: embedded pages, then a directory. Clones share the directory.
#[derive(Clone, Debug)]
pub struct ContentSource {
    /// Root directory, if there is one.
    pub root: Option<Root>,
    pages: [&'static [(&'static str, EmbeddedPage)]; 2],
}

impl Default for ContentSource {
    /// All embedded pages, no directory.
    fn default() -> Self {
        Self { root: None, pages: [embedded::PAGES, embedded::SOURCE_PAGES] }
    }
}

/// Found file.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Bytes or descriptor.
    pub content: Content,
    /// Length in bytes.
    pub len: u64,
    /// mtime in Unix seconds; embedded pages and files with a constant one have none.
    pub modified_secs: Option<i64>,
    /// True if the next change is certain to change mtime.
    pub mtime_is_stable: bool,
    /// True if `sendfile` may send it: for a large file that has not changed for [`QUIET_AGE`](super::QUIET_AGE). True
    /// for small content.
    pub is_quiet: bool,
    /// Media type with any charset.
    pub media_type: Cow<'static, str>,
    /// `None` for a large file, if its next change might be invisible.
    pub version: Option<FileVersion>,
    /// `None` for the original file, unless it is encoded itself (`.svgz`).
    pub coding: Option<Coding>,
    /// True if other codings are possible; depends on the type only.
    pub is_negotiable: bool,
    pub(super) is_generated: bool,
    /// `None` for embedded pages and files that changed during the read.
    pub(super) stat: Option<FileStat>,
}

/// Content; clones share it.
#[derive(Clone, Debug)]
pub enum Content {
    /// Embedded bytes.
    Static(&'static [u8]),
    /// Embedded gzip page.
    GzipPage(&'static GzipPage),
    /// Small file.
    Memory(Rc<[u8]>),
    /// Large file. Read at explicit offsets: all responses share its cursor.
    File(Rc<OpenFile>),
}

impl ContentSource {
    /// Directory.
    pub fn disk(root: Root) -> Self {
        Self { root: Some(root), pages: [&[], &[]] }
    }

    /// Directory, embedded source pages first: a file might show another build.
    pub fn disk_with_source(root: Root) -> Self {
        Self { root: Some(root), pages: [&[], embedded::SOURCE_PAGES] }
    }

    /// Has large deleted files closed by `closer`.
    pub fn close_files_with(&mut self, closer: FileCloser) {
        if let Some(root) = &mut self.root {
            root.closer = closer;
        }
    }

    pub(super) fn embedded_pages(&self) -> impl Iterator<Item = (&'static str, EmbeddedPage)> {
        self.pages.into_iter().flatten().copied()
    }

    /// Embedded page at `path`, without leading slash.
    pub(super) fn embedded_page(&self, path: &[u8]) -> Option<EmbeddedPage> {
        self.embedded_pages().find(|(name, _)| name.as_bytes() == path).map(|(_, page)| page)
    }

    /// Resolves `path`; after a trailing slash, the directory's file `index`.
    ///
    /// `NoIndex` only after a trailing slash, `Directory` only without.
    pub fn lookup(&self, path: &RelativePath<'_>, index: &str) -> Result<Resource, LookupError> {
        let name = file_name(path, index);
        match (self.embedded_page(&name), &self.root) {
            (Some(page), _) => Ok(embedded_resource(&name, page)),
            (None, Some(root)) => find_on_disk(root, path, &name),
            (None, None) if !embedded::is_directory(path.as_bytes()) => Err(LookupError::NotFound),
            (None, None) if path.has_trailing_slash() => Err(LookupError::NoIndex),
            (None, None) => Err(LookupError::Directory),
        }
    }
}

impl Resource {
    fn new(name: &[u8], content: Content, len: u64) -> Resource {
        let media_type = media_type(name);
        // The type is that of the decoded image.
        let coding = is_named(name, ".svgz").then_some(Coding::Gzip);
        Resource {
            content,
            len,
            modified_secs: None,
            mtime_is_stable: false,
            is_quiet: true,
            is_negotiable: coding.is_none() && is_compressible(&media_type),
            media_type,
            version: None,
            coding,
            is_generated: false,
            stat: None,
        }
    }

    /// True if generated here. Another generation may differ, so ranges must not be sent.
    pub fn is_generated(&self) -> bool {
        self.is_generated
    }

    /// Range of a large file, copied. `None` if the file was overwritten since the look-up: a writer changes mtime
    /// first. A longer file counts as appended.
    pub fn read_unchanged(&self, first: u64, len: u64) -> Option<Rc<[u8]>> {
        let (Content::File(file), Some(old)) = (&self.content, self.stat) else { return None };
        let bytes = read_up_to(&**file, first, len).ok()?;
        let new = FileStat::of(&**file).ok()?;
        let modified = |stat: FileStat| (stat.modified_secs, stat.modified_nanos);
        (new.len > old.len || modified(new) == modified(old)).then_some(bytes)
    }

    pub(super) fn is_quiet_at(&self, now: SystemTime) -> bool {
        let changed = self.stat.map(|stat| (stat.changed_secs, stat.changed_nanos));
        let is_old = changed.is_none_or(|time| is_older(time, QUIET_AGE, now));
        is_old || !matches!(self.content, Content::File(_))
    }

    /// Adds validators reliable at `now`, a time not after the lookup.
    pub(super) fn with_validators_at(self, now: SystemTime) -> Resource {
        let Some(stat) = self.stat else { return self };
        let mtime_is_stable = is_older((stat.modified_secs, stat.modified_nanos), RACY_WINDOW, now);
        let is_stable = match &self.content {
            Content::File(file) => version_is_stable(&**file, &stat, now),
            _ => false,
        };
        let version = self.version.or_else(|| is_stable.then(|| FileVersion::of_stat(&stat)));
        let is_quiet = self.is_quiet_at(now);
        // Build systems give 0 or 1 to all versions.
        let modified_secs = self.modified_secs.filter(|secs| !matches!(secs, 0 | 1));
        Resource { version, mtime_is_stable, is_quiet, modified_secs, ..self }
    }

    /// Not generated, so ranges are possible.
    pub(super) fn gzip_of_page(&self, page: &'static GzipPage) -> Resource {
        let gzip = page.gzip;
        let len = gzip.len() as u64;
        let version = Some(FileVersion::of_page(len, page.hash()));
        let coding = Some(Coding::Gzip);
        Resource { content: Content::Static(gzip), len, version, coding, ..self.clone() }
    }
}

/// File path; after a trailing slash, of the directory's index.
pub fn file_name<'a>(path: &'a RelativePath<'_>, index: &str) -> Cow<'a, [u8]> {
    let name = path.as_bytes();
    if !path.has_trailing_slash() {
        return Cow::Borrowed(name);
    }
    Cow::Owned(join(name, index.as_bytes()))
}

fn find_on_disk(root: &Root, path: &RelativePath<'_>, name: &[u8]) -> Result<Resource, LookupError> {
    let wants_index = path.has_trailing_slash();
    match root.open_file(name) {
        Ok((file, stat)) => load(file, stat, name),
        Err(LookupError::Directory) if wants_index => Err(LookupError::NoIndex),
        Err(LookupError::NotFound) if wants_index => match root.stat(path.as_bytes())?.kind {
            FileType::Directory => Err(LookupError::NoIndex),
            _ => Err(LookupError::NotFound),
        },
        Err(error) => Err(error),
    }
}

fn embedded_resource(name: &[u8], page: EmbeddedPage) -> Resource {
    let content = match page {
        EmbeddedPage::Plain(bytes) => Content::Static(bytes),
        EmbeddedPage::GzipPage(page) => Content::GzipPage(page),
    };
    let len = page.len();
    let version = Some(FileVersion::of_page(len, page.hash()));
    Resource { version, ..Resource::new(name, content, len) }
}

/// `stat` may be older than the open: equal attributes afterwards show that `bytes` are of that version.
pub(super) fn load(file: OpenFile, mut stat: FileStat, name: &[u8]) -> Result<Resource, LookupError> {
    for attempt in 1.. {
        let is_small = stat.len <= SMALL_FILE_LEN_MAX;
        let bytes = read_up_to(&file, 0, if is_small { stat.len } else { 0 });
        let facts_after = FileStat::of(&file)?;
        if facts_after.kind != FileType::RegularFile {
            return Err(LookupError::Busy);
        }
        let bytes = bytes.map_err(LookupError::Failed)?;
        let len = bytes.len() as u64;
        let is_unchanged = facts_after == stat && len == stat.len;
        if is_small && (is_unchanged || attempt == READ_ATTEMPTS_MAX) {
            let modified_secs = Some(facts_after.modified_secs);
            let version = Some(FileVersion::of_content(&facts_after, len, content_hash(&bytes)));
            let stat = is_unchanged.then_some(stat);
            let resource = Resource::new(name, Content::Memory(bytes), len);
            return Ok(Resource { modified_secs, version, stat, ..resource });
        }
        stat = facts_after;
        if !is_small {
            break;
        }
    }
    let resource = Resource::new(name, Content::File(Rc::new(file)), stat.len);
    Ok(Resource { modified_secs: Some(stat.modified_secs), stat: Some(stat), ..resource })
}

/// Returns fewer bytes at the end of the file. No copy.
pub(super) fn read_up_to(file: impl AsFd, start: u64, len: u64) -> io::Result<Rc<[u8]>> {
    // At most `SMALL_FILE_LEN_MAX` or one slice.
    let mut bytes: Rc<[u8]> = iter::repeat_n(0, len as usize).collect();
    let read_len = Rc::get_mut(&mut bytes).map_or(Ok(0), |bytes| read_at(file, bytes, start))?;
    Ok(if read_len < bytes.len() { bytes[..read_len].into() } else { bytes })
}

pub(super) fn read_at(file: impl AsFd, bytes: &mut [u8], start: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match pread(&file, &mut bytes[filled..], start + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(filled)
}

/// Returns the bytes read.
pub(super) fn read_pieces(file: impl AsFd, len_max: u64, mut take: impl FnMut(&[u8])) -> io::Result<u64> {
    let (mut buffer, mut offset) = (vec![0; PIECE_LEN], 0);
    loop {
        let piece_len = (len_max - offset).min(PIECE_LEN as u64) as usize;
        let len = read_at(&file, &mut buffer[..piece_len], offset)?;
        take(&buffer[..len]);
        offset += len as u64;
        if len < PIECE_LEN {
            return Ok(offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use tempfile::TempDir;

    fn site() -> (TempDir, ContentSource) {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["with", "without", "odd/index.html"] {
            fs::create_dir_all(dir.path().join(name)).expect(name);
        }
        for name in ["index.html", "with/index.html", "with/home.txt", "without/a.txt"] {
            fs::write(dir.path().join(name), format!("this is {name}")).expect(name);
        }
        let store = ContentSource::disk(Root::open(dir.path()).expect("opens"));
        (dir, store)
    }

    fn lookup(store: &ContentSource, raw: &str, index: &str) -> Result<Resource, LookupError> {
        let path = RelativePath::parse(raw.as_bytes()).expect(raw);
        store.lookup(&path, index)
    }

    fn text(resource: &Resource) -> String {
        let bytes = match &resource.content {
            Content::Static(bytes) => bytes.to_vec(),
            Content::GzipPage(page) => page.plain().to_vec(),
            Content::Memory(bytes) => bytes.to_vec(),
            Content::File(file) => read_up_to(&**file, 0, resource.len).expect("reads").to_vec(),
        };
        assert_eq!(bytes.len() as u64, resource.len);
        assert!(resource.version.is_none_or(|version| version.len == resource.len));
        String::from_utf8(bytes).expect("text")
    }

    fn outcome(store: &ContentSource, raw: &str, index: &str) -> String {
        match lookup(store, raw, index) {
            Ok(resource) => text(&resource),
            Err(error) => format!("{error:?}"),
        }
    }

    fn file(store: &ContentSource, raw: &str) -> Resource {
        match lookup(store, raw, "index.html") {
            Ok(resource) => resource,
            Err(error) => panic!("{raw} gives {error:?}"),
        }
    }

    #[test]
    fn trailing_slash_finds_only_the_index() {
        let (_dir, store) = site();
        let cases = [
            ("/", "index.html", "this is index.html"),
            ("/index.html", "index.html", "this is index.html"),
            ("/index.html/", "index.html", "NotFound"),
            ("/with", "index.html", "Directory"),
            ("/with/", "index.html", "this is with/index.html"),
            ("/with/.", "index.html", "this is with/index.html"),
            ("/with/", "home.txt", "this is with/home.txt"),
            ("/without", "index.html", "Directory"),
            ("/without/", "index.html", "NoIndex"),
            ("/without/a.txt", "index.html", "this is without/a.txt"),
            ("/without/a.txt/", "index.html", "NotFound"),
            ("/odd/", "index.html", "NoIndex"),
            ("/odd/index.html", "index.html", "Directory"),
            ("/", "home.txt", "NoIndex"),
            ("/missing", "index.html", "NotFound"),
            ("/missing/", "index.html", "NotFound"),
        ];
        for (raw, index, expected) in cases {
            assert_eq!(outcome(&store, raw, index), expected, "{raw} with {index}");
        }
        assert_eq!(file(&store, "/with/").media_type, "text/html; charset=utf-8");
    }

    #[test]
    fn embedded_pages_are_found_like_files() {
        let store = ContentSource::default();
        let index = file(&store, "/");
        assert!(matches!(index.content, Content::Static(_)));
        assert_eq!(text(&index), text(&file(&store, "/index.html")));
        assert_eq!(index.version, file(&store, "/index.html").version);
        assert_ne!(index.version, file(&store, "/HelloWorld.html").version);
        assert_eq!(index.media_type, "text/html; charset=utf-8");
        assert_eq!(index.modified_secs, None);
        assert_eq!(outcome(&store, "/missing", "index.html"), "NotFound");
        assert_eq!(outcome(&store, "/index.html/", "index.html"), "NotFound");
        assert_eq!(outcome(&store, "/", "missing"), "NoIndex");
    }

    #[test]
    fn disk_with_source_prefers_embedded_source_pages() {
        let (dir, plain) = site();
        let over = ContentSource::disk_with_source(Root::open(dir.path()).expect("opens"));
        let page = "/server-code.html";
        assert_eq!(outcome(&plain, page, "index.html"), "NotFound");
        fs::write(dir.path().join("server-code.html"), "of another build").expect("writes");
        assert_eq!(outcome(&plain, page, "index.html"), "of another build");
        assert_eq!(text(&file(&over, page)), text(&file(&ContentSource::default(), page)));
        assert_eq!(outcome(&over, "/server-code.html/", "index.html"), "NotFound");
        assert_eq!(outcome(&over, "/index.html", "index.html"), "this is index.html");
        assert_eq!(outcome(&over, "/missing", "index.html"), "NotFound");
    }

    #[test]
    fn small_files_are_read_and_large_ones_stay_open() {
        let (dir, store) = site();
        for (len, stays_open) in
            [(0, false), (1, false), (SMALL_FILE_LEN_MAX, false), (SMALL_FILE_LEN_MAX + 1, true)]
        {
            let content = "x".repeat(len as usize);
            fs::write(dir.path().join("sized.txt"), &content).expect("writes");
            let resource = file(&store, "/sized.txt");
            assert_eq!(matches!(resource.content, Content::File(_)), stays_open, "{len}");
            assert!(text(&resource) == content, "{len}");
        }
    }

    #[test]
    fn huge_file_is_opened_and_not_read() {
        let (dir, store) = site();
        let sparse = File::create(dir.path().join("huge.bin")).expect("creates");
        sparse.set_len(5 << 30).expect("grows");
        let resource = file(&store, "/huge.bin");
        assert_eq!(resource.len, 5 << 30);
        assert!(matches!(resource.content, Content::File(_)));
    }

    #[test]
    fn version_changes_when_file_is_replaced() {
        let (dir, store) = site();
        let before = file(&store, "/with/home.txt");
        assert_eq!(before.version, file(&store, "/with/home.txt").version);
        // Replaced by another file of equal length and mtime.
        let (old, new) = (dir.path().join("with/home.txt"), dir.path().join("new"));
        fs::write(&new, "This is with/home.txt").expect("writes");
        let modified = fs::metadata(&old).and_then(|stat| stat.modified()).expect("a time");
        File::options().write(true).open(&new).and_then(|f| f.set_modified(modified)).expect("set");
        fs::rename(&new, &old).expect("replaces");
        let after = file(&store, "/with/home.txt");
        assert_eq!(after.modified_secs, before.modified_secs);
        let modified = |resource: &Resource| resource.version.map(|version| version.modified_nanos);
        assert_eq!(modified(&after), modified(&before));
        assert_ne!(after.version, before.version);
    }

    #[test]
    fn file_shrunk_after_open_is_read_again() {
        let (dir, _store) = site();
        let path = dir.path().join("shrinks.txt");
        fs::write(&path, "long content").expect("writes");
        let file = File::open(&path).expect("opens");
        let stat = FileStat::of(&file).expect("facts");
        fs::write(&path, "short").expect("writes");
        let resource = load(file.into(), stat, b"shrinks.txt").expect("loads");
        assert_eq!(text(&resource), "short");
        assert_eq!(resource.stat.map(|stat| stat.len), Some(5));
    }

    #[test]
    fn file_grown_large_after_open_stays_open() {
        let (dir, _store) = site();
        let path = dir.path().join("grows.txt");
        fs::write(&path, "short").expect("writes");
        let file = File::open(&path).expect("opens");
        let stat = FileStat::of(&file).expect("facts");
        fs::write(&path, "x".repeat(SMALL_FILE_LEN_MAX as usize + 1)).expect("writes");
        let resource = load(file.into(), stat, b"grows.txt").expect("loads");
        assert!(matches!(resource.content, Content::File(_)));
        assert_eq!(resource.len, SMALL_FILE_LEN_MAX + 1);
    }
}
