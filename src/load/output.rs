//! Report and run files, and bounded input files.
//!
//! Files are opened before the run: a write error must not cost an hour of measuring. An existing file keeps
//! its content until the write. A new file that stays empty is removed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::LoadError;
use crate::cli::quote;

#[derive(Debug)]
pub(super) struct ReportOutput {
    /// `None`: standard output.
    file: Option<OutputFile>,
}

#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    file: File,
    is_created_empty: bool,
}

impl ReportOutput {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, LoadError> {
        Ok(Self { file: path.map(OutputFile::open).transpose()? })
    }

    pub(super) fn check_not_same_file(&self, what: &str, path: &Path) -> Result<(), LoadError> {
        let Some(out) = &self.file else { return Ok(()) };
        let file_id = |metadata: Metadata| metadata.is_file().then(|| (metadata.dev(), metadata.ino()));
        // A later read or write reports the error.
        let own_id = out.file.metadata().ok().and_then(file_id);
        match own_id.is_some() && own_id == fs::metadata(path).ok().and_then(file_id) {
            true => Err(LoadError::Usage(format!(
                "--out names the same file as {what}, {}: one would overwrite the other",
                quote(path)
            ))),
            false => Ok(()),
        }
    }

    pub(super) fn open_save_file(&self, save: Option<&Path>) -> Result<Option<OutputFile>, LoadError> {
        let save_file = save.map(OutputFile::open).transpose()?;
        save.map_or(Ok(()), |path| self.check_not_same_file("--save", path))?;
        Ok(save_file)
    }

    pub(super) fn write(self, text: &str) -> Result<(), LoadError> {
        let failed = |error| LoadError::Failed(format!("cannot write to standard output: {error}"));
        match self.file {
            Some(file) => file.write(text),
            None => io::stdout().lock().write_all(text.as_bytes()).map_err(failed),
        }
    }
}

impl OutputFile {
    pub(super) fn open(path: &Path) -> Result<Self, LoadError> {
        let created = OpenOptions::new().write(true).create_new(true).open(path);
        let (file, is_blank) = match created {
            // The path may be a symbolic link to a missing file.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                (OpenOptions::new().write(true).create(true).truncate(false).open(path), false)
            }
            created => (created, true),
        };
        let file = file.map_err(|error| write_error(path, &error))?;
        Ok(Self { path: path.to_owned(), file, is_created_empty: is_blank })
    }

    pub(super) fn write(mut self, text: &str) -> Result<(), LoadError> {
        self.is_created_empty = false;
        overwrite(&mut self.file, text).map_err(|error| write_error(&self.path, &error))
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.is_created_empty {
            // On error an empty file stays; no data is lost.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Pipes and devices cannot be truncated.
fn overwrite(file: &mut File, text: &str) -> io::Result<()> {
    if file.metadata()?.is_file() {
        file.set_len(0)?;
        file.rewind()?;
    }
    file.write_all(text.as_bytes())
}

fn write_error(path: &Path, error: &io::Error) -> LoadError {
    LoadError::Failed(format!("cannot write {}: {error}", quote(path)))
}

pub(super) fn read_bounded(from: &mut impl Read, len_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(len_max + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > len_max {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {} MiB, and would be held in memory", len_max / (1024 * 1024)),
        )),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temp_dir() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn existing_file_unchanged_until_write() {
        let dir = temp_dir();
        let path = dir.path().join("report");
        fs::write(&path, "an older and longer one").expect("the file");
        drop(ReportOutput::open(Some(&path)).expect("it opens"));
        assert_eq!(fs::read_to_string(&path).expect("the file"), "an older and longer one");
        ReportOutput::open(Some(&path)).expect("it opens").write("new").expect("it is written");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "new");
    }

    #[test]
    fn created_file_dropped_unwritten_is_removed() {
        let dir = temp_dir();
        let path = dir.path().join("report");
        let output = ReportOutput::open(Some(&path)).expect("it opens");
        assert!(path.exists());
        drop(output);
        assert!(!path.exists());
        ReportOutput::open(Some(&path)).expect("it opens").write("").expect("it is written");
        assert!(path.exists(), "an empty report is one, too");
    }

    #[test]
    fn output_same_file_as_run_by_any_path_is_refused() {
        let dir = temp_dir();
        let (run, link, other) = (dir.path().join("run"), dir.path().join("link"), dir.path().join("b"));
        fs::write(&run, "a run").expect("the run");
        std::os::unix::fs::symlink("run", &link).expect("a link");
        for spelling in [&run, &link, &dir.path().join("./run")] {
            let out = ReportOutput::open(Some(spelling)).expect("it opens");
            let error = out.check_not_same_file("--compare", &run).expect_err("it is the same").to_string();
            assert!(error.starts_with("--out names the same file as --compare, '"), "{error}");
            out.open_save_file(Some(&run)).expect_err("it is the same");
            out.check_not_same_file("a run", &other).expect("there is none yet");
            out.open_save_file(Some(&other)).expect("it is another one");
        }
        assert_eq!(fs::read_to_string(&run).expect("the run"), "a run");
        let (new, same_file) = (dir.path().join("new"), dir.path().join("./new"));
        let out = ReportOutput::open(Some(&new)).expect("it opens");
        out.open_save_file(Some(&same_file)).expect_err("it is the same");
        drop(out);
        assert!(!new.exists() && !other.exists(), "what was made for nothing is gone");
        let (device, stdout) = (Path::new("/dev/null"), ReportOutput::open(None).expect("standard output"));
        ReportOutput::open(Some(device))
            .expect("it opens")
            .check_not_same_file("--save", device)
            .expect("devices take all");
        stdout.check_not_same_file("--save", &run).expect("it is no file");
    }

    #[test]
    fn unwritable_output_error_names_file() {
        let dir = temp_dir();
        for path in [dir.path().to_owned(), dir.path().join("none/report")] {
            let error = ReportOutput::open(Some(&path)).expect_err("no file");
            assert!(
                error.to_string().starts_with(&format!("cannot write '{}': ", path.display())),
                "{error}"
            );
        }
        ReportOutput::open(Some(Path::new("/dev/null")))
            .expect("a device")
            .write("gone")
            .expect("it is written");
    }

    #[test]
    fn read_bounded_past_limit_is_error() {
        assert_eq!(read_bounded(&mut &b"abc"[..], 3).expect("three bytes"), b"abc");
        let error = read_bounded(&mut io::repeat(b'/'), 1024 * 1024).unwrap_err();
        assert_eq!(error.to_string(), "it is longer than 1 MiB, and would be held in memory");
    }
}
