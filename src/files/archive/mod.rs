//! A folder as one tar file, made in pieces while it is sent.
//!
//! An [`Archive`] has what would be served of the folder: regular files that may be read, no hidden
//! names, nothing that leads out of the root. A link to a file is that file; a link to a directory is
//! left out, for it could lead round in circles. What is found beforehand is promised, length and all;
//! of a folder too large for that, what is there when its turn comes. One member is open at a time, and
//! one directory. It never writes to anything but the buffer that it is given.

mod members;
mod piece;
mod tar_header;
mod walk;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::embedded;
use super::path::{RelativePath, beneath};
use super::root::{LookupError, Opened};
use super::source::Store;
use members::{Body, Member, Members};
use tar_header::Kind;
use walk::Walk;

pub use piece::{ArchiveError, FileRange, Piece, Tail};

/// A piece is made of so many members at most, each of which may have to be opened: through the longest
/// paths, links among them, that takes some milliseconds ...
const MEMBERS_PER_PIECE_MAX: usize = 16;
/// ... and of so many bytes, and one file.
const PIECE_LEN_MAX: usize = 64 * 1024;
/// Files up to this length are copied into the piece; longer ones are for `sendfile`.
const COPIED_LEN_MAX: u64 = 16 * 1024;
/// The longest part of a file that goes with one piece.
const RANGE_LEN_MAX: u64 = 16 * 1024 * 1024;

/// A folder on its way into a tar file.
#[derive(Debug, Default)]
pub struct Archive {
    /// What the folder is called in the archive.
    name: Vec<u8>,
    walk: Walk,
    found: Members,
    /// How many of those found are counted in `len`, while all are being gathered.
    counted: usize,
    len: u64,
    /// Whether all members were found before the first was sent, so that their lengths are promised.
    is_promised: bool,
    /// What is left of the member that is being sent, if it is not copied.
    rest: Option<Tail>,
    /// What is to follow it so that its last block is full.
    padding_len: u64,
}

impl Archive {
    /// Begins the archive of the folder at `path`, all of whose members are in a folder `name` there.
    ///
    /// # Errors
    /// As [`Store::lookup`], but `NoIndex`; `NotFound` also for what is no folder.
    pub fn begin(store: &Store, path: &RelativePath<'_>, name: &[u8]) -> Result<Archive, LookupError> {
        let folder = path.as_bytes();
        let mut found = Members::default();
        let walk = match store.root() {
            Some(root) => Walk::begin(root, folder, &mut found)?,
            None if embedded::is_directory(folder) => {
                found.push(b"", 0, Body::Directory);
                Walk::default()
            }
            None => return Err(LookupError::NotFound),
        };
        for (name, page) in store.built_in() {
            if let Some(path) = beneath(folder, name.as_bytes()) {
                found.push(path, 0, Body::Page(page));
            }
        }
        Ok(Archive { name: name.to_vec(), walk, found, ..Archive::default() })
    }

    /// What the folder is called in the archive.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The folder's path beneath the root.
    pub fn folder(&self) -> &[u8] {
        self.walk.folder()
    }

    /// Finds some more members; whether these are all, or as many as are found before the archive begins.
    ///
    /// # Errors
    /// A directory cannot be read to its end.
    pub fn gather(&mut self, store: &Store) -> Result<bool, LookupError> {
        self.walk.step(store, &mut self.found)?;
        let mut header = Vec::new();
        for index in self.counted..self.found.len() {
            let Some(member) = self.found.get(index) else { break };
            header.clear();
            self.write_header(&member, &mut header);
            let len = member.body.len();
            let with_header = header.len() as u64 + tar_header::padding_len(len);
            self.len = self.len.saturating_add(len).saturating_add(with_header);
        }
        self.counted = self.found.len();
        self.is_promised = self.walk.is_over();
        Ok(self.is_promised || self.found.is_full())
    }

    /// The length of the archive in bytes, if all its members are known and it is a length at all:
    /// sparse files, which cost nothing, can come to more together than a file can be long.
    pub fn promised_len(&self) -> Option<u64> {
        let len = self.len.saturating_add(tar_header::END.len() as u64);
        (self.is_promised && i64::try_from(len).is_ok()).then_some(len)
    }

    /// Appends the next bytes of the archive to `out`, and says what follows them.
    ///
    /// # Errors
    /// What was promised cannot be kept, or a directory cannot be read. There is no next piece then.
    pub fn make(&mut self, store: &Store, out: &mut Vec<u8>) -> Result<Piece, ArchiveError> {
        let out_len_max = out.len() + PIECE_LEN_MAX;
        for _ in 0..MEMBERS_PER_PIECE_MAX {
            if let Some(tail) = self.next_tail() {
                return Ok(Piece { tail: Some(tail), more: true });
            }
            out.resize(out.len() + std::mem::take(&mut self.padding_len) as usize, 0);
            if out.len() >= out_len_max {
                break;
            }
            let Some(member) = self.found.take() else { return self.go_on(store, out) };
            self.write_member(&member, store, out)?;
        }
        Ok(Piece { tail: None, more: true })
    }

    /// The next part of the member that is being sent.
    fn next_tail(&mut self) -> Option<Tail> {
        let mut tail = self.rest.take()?;
        if let Tail::File(range) = &mut tail
            && range.len > RANGE_LEN_MAX
        {
            let (offset, len) = (range.offset + RANGE_LEN_MAX, range.len - RANGE_LEN_MAX);
            range.len = RANGE_LEN_MAX;
            self.rest = Some(Tail::File(FileRange { file: Rc::clone(&range.file), offset, len }));
        }
        Some(tail)
    }

    /// What was found has been sent: finds more, or ends the archive.
    fn go_on(&mut self, store: &Store, out: &mut Vec<u8>) -> Result<Piece, ArchiveError> {
        let more = !self.walk.is_over();
        if more {
            self.found.clear();
            self.walk.step(store, &mut self.found)?;
        } else {
            out.extend_from_slice(tar_header::END);
        }
        Ok(Piece { tail: None, more })
    }

    fn write_header(&self, member: &Member, out: &mut Vec<u8>) {
        let kind = match member.body {
            Body::Directory => Kind::Directory,
            Body::File { len, is_executable } => Kind::File { len, is_executable },
            Body::Page(page) => Kind::File { len: page.len(), is_executable: false },
        };
        let path = [&self.name, &b"/"[..], self.found.path(member)].concat();
        tar_header::write_header(out, &path, kind, member.modified_secs);
    }

    fn write_member(
        &mut self,
        member: &Member,
        store: &Store,
        out: &mut Vec<u8>,
    ) -> Result<(), ArchiveError> {
        let (file, is_executable) = match member.body {
            Body::Directory => {
                self.write_header(member, out);
                return Ok(());
            }
            Body::Page(page) => {
                self.write_header(member, out);
                self.rest = Some(Tail::Static(page.bytes()));
                self.padding_len = tar_header::padding_len(page.len());
                return Ok(());
            }
            Body::File { len, is_executable } => (self.open_member(member, len, store), is_executable),
        };
        let (file, len) = match file {
            // Nobody was told that it would come.
            Err(ArchiveError::Failed(fault)) if fault.is_absence() && !self.is_promised => return Ok(()),
            file => file?,
        };
        let mut as_sent = *member;
        as_sent.body = Body::File { len, is_executable };
        self.write_header(&as_sent, out);
        if len > COPIED_LEN_MAX {
            self.rest = Some(Tail::File(FileRange { file: Rc::new(file), offset: 0, len }));
            self.padding_len = tar_header::padding_len(len);
            return Ok(());
        }
        let start = out.len();
        out.resize(start + len as usize, 0);
        file.read_exact_at(out.get_mut(start..).unwrap_or_default(), 0)?;
        tar_header::pad(out, len);
        Ok(())
    }

    /// Opens a file, and says how much of it is sent: what was promised of it, however long it is now,
    /// or all.
    fn open_member(&self, member: &Member, len: u64, store: &Store) -> Result<(File, u64), ArchiveError> {
        let path = self.walk.path_of(self.found.path(member));
        let root = store.root().ok_or(LookupError::NotFound)?;
        match root.open_file(&path)? {
            Opened::File(_, facts) if self.is_promised && facts.len < len => Err(ArchiveError::Shrank),
            Opened::File(file, facts) => Ok((file, if self.is_promised { len } else { facts.len })),
            Opened::Directory => Err(LookupError::NotRegular.into()),
        }
    }
}

impl Body {
    /// How long it is in the archive, without the padding.
    fn len(&self) -> u64 {
        match self {
            Body::Directory => 0,
            Body::File { len, .. } => *len,
            Body::Page(page) => page.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{FileExt, symlink};
    use std::path::Path;

    use super::super::root::Root;
    use super::*;
    use crate::files::testing::site_with_folder as site;

    /// More steps and pieces than any archive here needs.
    const STEPS_MAX: usize = 10_000;

    /// What the archive of a folder comes to: its members by their paths, and what was promised and sent.
    struct Outcome {
        members: BTreeMap<String, Vec<u8>>,
        promised_len: Option<u64>,
        len: u64,
    }

    fn begin(store: &Store, path: &str) -> Result<Archive, LookupError> {
        let path = RelativePath::parse(path.as_bytes()).expect("a path");
        Archive::begin(store, &path, b"top")
    }

    fn gather(archive: &mut Archive, store: &Store) {
        let steps = (0..STEPS_MAX).find(|_| archive.gather(store).expect("it can be read"));
        assert!(steps.is_some(), "it never ends");
    }

    /// The rest of the archive, and whether it breaks off.
    fn rest(archive: &mut Archive, store: &Store) -> Result<Vec<u8>, ArchiveError> {
        let mut whole = Vec::new();
        for _ in 0..STEPS_MAX {
            let before = whole.len();
            let piece = archive.make(store, &mut whole)?;
            assert!(whole.len() - before < 128 * 1024, "a piece of {} bytes", whole.len() - before);
            match piece.tail {
                Some(Tail::File(FileRange { file, offset, len })) => {
                    assert!(piece.more && len > 0 && len <= RANGE_LEN_MAX);
                    let start = whole.len();
                    whole.resize(start + len as usize, 0);
                    file.read_exact_at(&mut whole[start..], offset).expect("it is that long");
                }
                Some(Tail::Static(bytes)) => whole.extend_from_slice(bytes),
                None => {}
            }
            if !piece.more {
                return Ok(whole);
            }
        }
        panic!("it never ends");
    }

    fn archived(store: &Store, path: &str) -> Outcome {
        let mut archive = begin(store, path).expect("it begins");
        gather(&mut archive, store);
        let promised_len = archive.promised_len();
        let whole = rest(&mut archive, store).expect("it ends");
        let mut members = BTreeMap::new();
        for entry in ::tar::Archive::new(whole.as_slice()).entries().expect("an archive") {
            let mut entry = entry.expect("a member");
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("its bytes");
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            assert!(members.insert(name.clone(), bytes).is_none(), "{name} is there twice");
        }
        Outcome { members, promised_len, len: whole.len() as u64 }
    }

    fn names(outcome: &Outcome) -> Vec<&str> {
        outcome.members.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_folder_has_all_that_is_beneath_it_and_nothing_else() {
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
    fn what_is_longer_than_a_file_can_be_has_no_length_beforehand() {
        let (_outer, _root, store) = site();
        for len_before in [u64::MAX - 1, i64::MAX as u64 - 1024] {
            let mut archive = begin(&store, "/docs/").expect("it begins");
            archive.len = len_before;
            gather(&mut archive, &store);
            assert_eq!(archive.promised_len(), None, "{len_before}");
        }
    }

    #[test]
    fn only_folders_beneath_the_root_have_archives() {
        let (outer, _, store) = site();
        symlink("../..", outer.path().join("site/out")).expect("a link");
        for path in ["/a.txt/", "/missing/", "/out/"] {
            assert!(matches!(begin(&store, path), Err(LookupError::NotFound)), "{path}");
            assert!(matches!(begin(&Store::Embedded, path), Err(LookupError::NotFound)), "{path}");
        }
    }

    #[test]
    fn pages_of_the_binary_are_archived_as_they_are_served() {
        let (outer, _, _) = site();
        let root = outer.path().join("site");
        fs::write(root.join("server-code.html"), "of another build").expect("a file");
        let over = Store::DiskWithSource(Root::open(&root).expect("opens"));
        let outcome = archived(&over, "/");
        let page = embedded::find_source(b"server-code.html").expect("a page").bytes();
        assert!(outcome.members["top/server-code.html"] == page && outcome.members.contains_key("top/a.txt"));
        assert_eq!(outcome.promised_len, Some(outcome.len));
        assert!(!archived(&over, "/docs/").members.contains_key("top/server-code.html"));
        let outcome = archived(&Store::Embedded, "/");
        assert_eq!(outcome.members["top/index.html"], embedded::find(b"index.html").expect("a page").bytes());
        assert_eq!(outcome.members.len(), 1 + embedded::PAGES.len() + embedded::SOURCE_PAGES.len());
        assert_eq!(outcome.promised_len, Some(outcome.len));
    }

    /// Around each length at which the making of an archive changes its way.
    #[test]
    fn files_of_every_length_are_whole() {
        let (outer, _, store) = site();
        let folder = outer.path().join("site/lengths");
        fs::create_dir(&folder).expect("a folder");
        let lengths = [0, 1, 511, 512, 513, COPIED_LEN_MAX, COPIED_LEN_MAX + 1, 70_000, RANGE_LEN_MAX + 1];
        for len in lengths {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            fs::write(folder.join(len.to_string()), bytes).expect("a file");
        }
        let outcome = archived(&store, "/lengths/");
        for len in lengths {
            let whole = fs::read(folder.join(len.to_string())).expect("a file");
            assert!(outcome.members[&format!("top/{len}")] == whole, "{len}");
        }
        assert_eq!(outcome.promised_len, Some(outcome.len));
    }

    /// A folder whose paths are too long to be gathered beforehand, with so many files.
    fn deep(root: &Path, count: usize) {
        let mut folder = root.join("deep");
        for _ in 0..15 {
            folder.push("d".repeat(250));
        }
        fs::create_dir_all(&folder).expect("folders");
        for number in 0..count {
            fs::write(folder.join(number.to_string()), number.to_string()).expect("a file");
        }
    }

    #[test]
    fn a_folder_that_is_too_large_to_be_known_beforehand_is_whole_all_the_same() {
        let (outer, _, store) = site();
        deep(&outer.path().join("site"), 800);
        let outcome = archived(&store, "/deep/");
        assert_eq!(outcome.promised_len, None);
        assert_eq!(outcome.members.len(), 16 + 800);
        let path = format!("top/{}799", format!("{}/", "d".repeat(250)).repeat(15));
        assert_eq!(outcome.members[&path], b"799");
    }

    #[test]
    fn what_was_promised_is_kept_or_the_archive_breaks_off() {
        let (outer, _, store) = site();
        let root = outer.path().join("site");
        // What happens to a file of 3 bytes after the promise, and what comes of it.
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
            gather(&mut archive, &store);
            change(&path);
            match (rest(&mut archive, &store), expected) {
                (Ok(whole), None) => assert_eq!(Some(whole.len() as u64), archive.promised_len(), "{told}"),
                (Err(fault), Some(expected)) => assert_eq!(fault.to_string(), expected, "{told}"),
                (outcome, _) => panic!("{told}: {outcome:?}"),
            }
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
    }

    #[test]
    fn what_was_never_promised_may_go_and_come() {
        let (outer, _, store) = site();
        let root = outer.path().join("site");
        deep(&root, 800);
        let mut archive = begin(&store, "/deep/").expect("it begins");
        gather(&mut archive, &store);
        fs::remove_dir_all(root.join("deep")).expect("removed");
        let whole = rest(&mut archive, &store).expect("it ends in order");
        let count = ::tar::Archive::new(whole.as_slice()).entries().expect("an archive").count();
        assert_eq!(count, 16, "the folders had been found");
    }
}
