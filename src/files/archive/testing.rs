//! A site with a folder to archive, for the unit tests of the modules beside it.
//!
//! There is a secret beside the root, which no archive may ever have. It archives nothing itself.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::super::root::Root;
use super::super::source::Store;

/// Everything, the root, and a store of it.
pub(super) fn site() -> (TempDir, PathBuf, Store) {
    let outer = tempfile::tempdir().expect("a directory");
    let root = outer.path().join("site");
    fs::create_dir_all(root.join("docs/deep/er")).expect("folders");
    for (name, text) in [("a.txt", "a"), ("docs/b.txt", "bb"), ("docs/deep/er/c.txt", "ccc")] {
        fs::write(root.join(name), text).expect(name);
    }
    fs::write(outer.path().join("secret"), "secret").expect("a secret");
    let store = Store::Disk(Root::open(&root).expect("opens"));
    (outer, root, store)
}
