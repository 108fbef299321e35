//! Directory walk in bounded steps, for archives.
//!
//! A directory is read completely before its subdirectories: one descriptor at any depth. Opens no file.

use std::ffi::CStr;
use std::io;

use rustix::fs::{Access, AtFlags, Dir, DirEntry, FileType, accessat};

use super::super::path::{PATH_LEN_MAX, is_left_out, join};
use super::super::root::{FileStat, LookupError, Root};
use super::super::source::ContentSource;
use super::{Members, tar_header};

/// Entries per step: two or three system calls each, so about 1 ms.
const ENTRIES_PER_STEP_MAX: usize = 256;

/// Cost of a symlink, in entries: 40 nested symlinks with the longest paths take some ms.
const LINK_COST: usize = 64;

/// Path bytes that cost an extra entry: each component of a directory path is looked up.
const PATH_LEN_PER_ENTRY: usize = 256;

/// Bytes of pending paths: some 100,000 paths.
const PENDING_LEN_MAX: usize = 8 * 1024 * 1024;

/// Each directory precedes its entries; otherwise unordered.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) directory: Vec<u8>,
    open: Option<(Dir, Vec<u8>)>,
    pending: Vec<Vec<u8>>,
    pending_len: usize,
    pub(super) hidden: bool,
    pub(super) left_out: Option<Vec<u8>>,
}

impl Walk {
    pub(super) fn begin(root: &Root, directory: &[u8], members: &mut Members) -> Result<Self, LookupError> {
        let mut walk = Walk { directory: directory.to_vec(), ..Walk::default() };
        walk.enter(root, Vec::new(), members)?;
        Ok(walk)
    }

    pub(super) fn is_done(&self) -> bool {
        self.open.is_none() && self.pending.is_empty()
    }

    pub(super) fn step(&mut self, store: &ContentSource, members: &mut Members) -> Result<(), LookupError> {
        let Some(root) = store.root.as_ref() else { return Ok(()) };
        let mut cost = 0;
        while cost < ENTRIES_PER_STEP_MAX {
            cost += 1;
            let Some((dir, _)) = &mut self.open else {
                let Some(path) = self.pending.pop() else { return Ok(()) };
                self.pending_len -= path.len();
                cost += path.len() / PATH_LEN_PER_ENTRY;
                match self.enter(root, path, members) {
                    // A missing or unreadable directory is not served.
                    Err(error) if !error.is_unservable() => return Err(error),
                    _ => continue,
                }
            };
            match dir.read() {
                Some(Ok(entry)) => {
                    if !matches!(entry.file_type(), FileType::RegularFile | FileType::Directory) {
                        cost += LINK_COST;
                    }
                    self.add_entry(&entry, root, store, members)?;
                }
                Some(Err(errno)) => return Err(LookupError::Failed(errno.into())),
                None => self.open = None,
            }
        }
        Ok(())
    }

    fn enter(&mut self, root: &Root, path: Vec<u8>, members: &mut Members) -> Result<(), LookupError> {
        let dir = root.open_for_reading(&join(&self.directory, path.strip_suffix(b"/").unwrap_or(&path)))?;
        members.push(&path, FileStat::of(&dir)?.modified_secs, tar_header::Kind::Directory, None);
        self.open = Some((Dir::new(dir)?, path));
        Ok(())
    }

    fn add_entry(
        &mut self,
        entry: &DirEntry,
        root: &Root,
        store: &ContentSource,
        members: &mut Members,
    ) -> Result<(), LookupError> {
        let Some((dir, path)) = &self.open else { return Ok(()) };
        let name = entry.file_name().to_bytes();
        let path = [path, name].concat();
        let full_path = join(&self.directory, &path);
        // Some file systems ignore case.
        let is_named = |left_out: &Vec<u8>| full_path.eq_ignore_ascii_case(left_out);
        if self.left_out.as_ref().is_some_and(is_named) {
            return Ok(());
        }
        let is_embedded = store.embedded_page(&full_path).is_some();
        if is_left_out(name, self.hidden) || full_path.len() > PATH_LEN_MAX || is_embedded {
            return Ok(());
        }
        match stat_entry(entry, dir, root, &full_path) {
            Ok(Some(FileStat { kind: FileType::Directory, .. })) => self.push_pending(path),
            Ok(Some(stat)) => {
                let FileStat { len, modified_secs, is_executable, .. } = stat;
                members.push(&path, modified_secs, tar_header::Kind::File { len, is_executable }, None);
                Ok(())
            }
            Err(error) if !error.is_unservable() => Err(error),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    fn push_pending(&mut self, mut path: Vec<u8>) -> Result<(), LookupError> {
        path.push(b'/');
        self.pending_len += path.len();
        if self.pending_len > PENDING_LEN_MAX {
            return Err(LookupError::Failed(io::Error::other("too many directories for one archive")));
        }
        self.pending.push(path);
        Ok(())
    }
}

/// A symlink gives its file below the root, or none for a directory: it could form a loop.
fn stat_entry(
    entry: &DirEntry,
    dir: &Dir,
    root: &Root,
    path: &[u8],
) -> Result<Option<FileStat>, LookupError> {
    let name: &CStr = entry.file_name();
    let itself = || FileStat::at(dir.fd()?, name, AtFlags::SYMLINK_NOFOLLOW);
    let beneath = || root.stat(path).map(|stat| Some(stat).filter(|stat| stat.kind == FileType::RegularFile));
    let stat = match entry.file_type() {
        FileType::Directory | FileType::RegularFile => Some(itself()?),
        FileType::Symlink => beneath()?,
        // Some file systems report no type.
        FileType::Unknown => match itself()? {
            FileStat { kind: FileType::Symlink, .. } => beneath()?,
            stat => Some(stat),
        },
        _ => None,
    };
    let stat = stat.filter(|stat| matches!(stat.kind, FileType::Directory | FileType::RegularFile));
    if stat.is_some_and(|stat| stat.kind == FileType::RegularFile) {
        accessat(dir.fd()?, name, Access::READ_OK, AtFlags::EACCESS)?;
    }
    Ok(stat)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::files::testing::site_with_directory as site;

    /// Sorted paths below a directory, with file lengths.
    fn found_paths(store: &ContentSource, directory: &str) -> Vec<String> {
        let mut members = Members::default();
        let root = store.root.as_ref().expect("a directory");
        let mut walk = Walk::begin(root, directory.as_bytes(), &mut members).expect("it begins");
        while !walk.is_done() {
            walk.step(store, &mut members).expect("it can be read");
        }
        let mut paths = Vec::new();
        while let Some(member) = members.list.pop_front() {
            let path = String::from_utf8_lossy(&member.path).into_owned();
            paths.push(match member.kind {
                tar_header::Kind::Directory => path,
                kind => format!("{path} {}", kind.len()),
            });
        }
        paths.sort();
        paths
    }

    /// Content of `docs`.
    const DOCS: [&str; 5] = ["", "b.txt 2", "deep/", "deep/er/", "deep/er/c.txt 3"];

    #[test]
    fn walk_finds_whole_directory_tree() {
        let (_outer, _root, store) = site();
        assert_eq!(found_paths(&store, "docs"), DOCS);
        assert_eq!(found_paths(&store, "docs/deep/er"), ["", "c.txt 3"]);
        assert_eq!(found_paths(&store, "").len(), 7);
    }

    #[test]
    fn walk_skips_unservable_entries() {
        let (_outer, root, store) = site();
        let docs = root.join("docs");
        fs::write(docs.join(".hidden"), "hidden").expect("a file");
        fs::create_dir(docs.join(".git")).expect("a folder");
        fs::write(docs.join(".git/config"), "hidden").expect("a file");
        let _socket = UnixListener::bind(docs.join("socket")).expect("a socket");
        for (name, target) in [
            ("out", "../../secret"),
            ("out-dir", "../.."),
            ("up", ".."),
            ("self", "."),
            ("dangling", "nothing"),
            ("device", "/dev/null"),
            ("dir", "deep"),
            ("loop", "loop"),
            ("socket-link", "socket"),
        ] {
            symlink(target, docs.join(name)).expect(name);
        }
        assert_eq!(found_paths(&store, "docs"), DOCS);
    }

    #[test]
    fn walk_follows_file_symlinks_and_starts_through_a_symlink() {
        let (_outer, root, store) = site();
        symlink("../a.txt", root.join("docs/link")).expect("a link");
        symlink("docs/deep", root.join("short")).expect("a link");
        assert_eq!(found_paths(&store, "docs").last().map(String::as_str), Some("link 1"));
        assert_eq!(found_paths(&store, "short"), ["", "er/", "er/c.txt 3"]);
    }

    #[test]
    fn symlinks_and_long_paths_shorten_a_step() {
        let (_outer, root, store) = site();
        for number in 0..200 {
            symlink("../a.txt", root.join(format!("docs/link-{number}"))).expect("a link");
        }
        let deep = "d".repeat(250) + "/";
        fs::create_dir_all(root.join("docs").join(deep.repeat(14))).expect("folders");
        let mut members = Members::default();
        let mut walk =
            Walk::begin(store.root.as_ref().expect("a directory"), b"docs", &mut members).expect("it begins");
        while !walk.is_done() {
            let before = members.list.len();
            walk.step(&store, &mut members).expect("it can be read");
            let links = members.list.range(before..);
            let links = links.filter(|member| member.path.starts_with(b"link-")).count();
            assert!(links <= ENTRIES_PER_STEP_MAX / LINK_COST, "{links} in a step");
        }
        assert!(members.list.len() > 200 + 14);
        let mut walk = Walk { directory: b"docs".to_vec(), ..Walk::default() };
        for _ in 0..100 {
            walk.push_pending(deep.repeat(14).into_bytes()).expect("room");
        }
        walk.step(&store, &mut members).expect("it can be read");
        assert!(walk.pending.len() > 80, "{} are left", walk.pending.len());
    }

    #[test]
    fn walk_skips_unreadable_entries() {
        let (_outer, root, store) = site();
        let set = |name: &str, mode| {
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).expect("permissions");
        };
        set("docs/b.txt", 0);
        set("docs/deep", 0);
        let is_almighty = fs::read(root.join("docs/b.txt")).is_ok();
        let paths = found_paths(&store, "docs");
        set("docs/deep", 0o755);
        // The superuser can read every file.
        assert_eq!(paths, if is_almighty { &DOCS[..] } else { &[""] });
    }

    #[test]
    fn walk_skips_paths_longer_than_path_len_max() {
        let (_outer, root, store) = site();
        let mut directory = root.join("docs");
        let name = "d".repeat(250);
        for _ in 0..15 {
            directory.push(&name);
        }
        fs::create_dir_all(&directory).expect("folders");
        // Deeper entries have paths of more than 4095 bytes below the root. The complete path is longer
        // still.
        let inner = File::open(&directory).expect("the folder");
        rustix::fs::mkdirat(&inner, "e".repeat(255), rustix::fs::Mode::RWXU).expect("a folder");
        rustix::fs::mkdirat(&inner, "f".repeat(255), rustix::fs::Mode::RWXU).expect("a folder");
        let deepest =
            rustix::fs::openat(&inner, "e".repeat(255), rustix::fs::OFlags::PATH, rustix::fs::Mode::empty());
        rustix::fs::mkdirat(deepest.expect("it opens"), "g".repeat(250), rustix::fs::Mode::RWXU)
            .expect("a folder");
        let paths = found_paths(&store, "docs");
        assert!(paths.iter().any(|path| path.ends_with(&format!("{}/", "f".repeat(255)))));
        assert!(!paths.iter().any(|path| path.contains(&"g".repeat(250))));
    }
}
