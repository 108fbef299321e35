//! What is served: files of all the sizes that the rows ask for, in a folder of their own.
//!
//! Their bytes are like chance, so that nobody sends fewer by compressing them, and no answer can be
//! mistaken for another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The small file: its answer, head and all, fits in one write.
pub(crate) const SMALL: &str = "/1k.html";
/// Still one write, of a buffer that is copied.
pub(crate) const MIDDLE: &str = "/16k.html";
/// It leaves by `sendfile`, over many turns, where that is used.
pub(crate) const LARGE: &str = "/10m.bin";
/// Where nothing is.
pub(crate) const NOTHING: &str = "/nothing";
/// A directory without an index file, which each server lists.
pub(crate) const LISTED: &str = "/listed/";

/// How long the files are.
const SIZES: [(&str, usize); 3] = [(SMALL, 1024), (MIDDLE, 16 * 1024), (LARGE, 10 << 20)];
/// What is in the directory that is listed.
const LISTED_FILES: usize = 500;
/// Files of a directory, where there are many.
const DIRECTORY_FILES: usize = 1000;

/// The folder that is served, and beside it one for configurations, answers and logs.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// Lays out all but the many files.
    pub(crate) fn lay_out() -> io::Result<Self> {
        let site = Self { folder: tempfile::Builder::new().prefix("peers-").tempdir()? };
        fs::create_dir_all(site.root().join("listed"))?;
        for (path, len) in SIZES {
            fs::write(site.file(path), bytes_like_chance(len))?;
        }
        for number in 0..LISTED_FILES {
            fs::write(site.file(&format!("{LISTED}{number:03}.txt")), "listed\n")?;
        }
        Ok(site)
    }

    /// What is served.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Where everything else goes.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file at this path of a URL.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// A certificate and its key, ECDSA on P-256, made by openssl at the first call.
    pub(crate) fn certificate(&self) -> io::Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (self.folder().join("certificate.pem"), self.folder().join("key.pem"));
        if !certificate.is_file() {
            let mut command = Command::new("openssl");
            let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30";
            command.args(words.split(' ')).args(["-subj", "/CN=localhost", "-keyout"]).arg(&key);
            command.arg("-out").arg(&certificate).stdin(Stdio::null()).stderr(Stdio::null());
            let is_made = command.status().is_ok_and(|status| status.success());
            is_made.then_some(()).ok_or_else(|| io::Error::other("openssl has made no certificate"))?;
        }
        Ok((certificate, key))
    }

    /// Lays out so many small files, one beneath each of [`path_of`].
    pub(crate) fn lay_out_many(&self, count: usize) -> io::Result<()> {
        let bytes = fs::read(self.file(SMALL))?;
        for number in 0..count {
            let file = self.file(&path_of(number));
            if number % DIRECTORY_FILES == 0
                && let Some(directory) = file.parent()
            {
                fs::create_dir_all(directory)?;
            }
            if !file.exists() {
                fs::write(file, &bytes)?;
            }
        }
        Ok(())
    }
}

/// Where the many files are: all of these paths are equally long.
pub(crate) fn path_of(number: usize) -> String {
    format!("/many/{:03}/{:03}.html", number / DIRECTORY_FILES, number % DIRECTORY_FILES)
}

/// A sequence that repeats itself only after far more (xorshift).
fn bytes_like_chance(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ len as u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}
