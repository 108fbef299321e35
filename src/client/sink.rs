//! Response body output: standard output, or an atomically written file.
//!
//! A file gets a temporary name in the target's directory. It is renamed when complete: no reader sees
//! half of it. Devices, descriptors and files that cannot be replaced unchanged are written through.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use tempfile::TempPath;

use super::config::OutputChoice;
use super::messages::printable;
use super::run_error::RunError;

const BINARY_CHECK_LEN_MAX: usize = 2000;
/// Linux's bound on symbolic links; more are a loop.
const LINKS_MAX: usize = 40;

pub(super) struct OutputSink {
    target: Option<PathBuf>,
    open: Option<OpenOutput>,
    /// Bytes still to search for binary data; 0 without a terminal.
    binary_check_len: usize,
}

struct OpenOutput {
    file: File,
    /// Removed unless renamed. `None` if the target is written through.
    temporary: Option<TempPath>,
}

impl OutputSink {
    pub(super) fn new(output: &OutputChoice) -> Self {
        let (target, guarded_len) = match output {
            OutputChoice::Stdout if io::stdout().is_terminal() => (None, BINARY_CHECK_LEN_MAX),
            OutputChoice::Stdout | OutputChoice::ForcedStdout => (None, 0),
            OutputChoice::File(path) | OutputChoice::RemoteName(path) => (Some(path.clone()), 0),
        };
        // At once: later, the number could be a descriptor of our own.
        let open = target.as_deref().and_then(OpenOutput::inherited);
        Self { target, open, binary_check_len: guarded_len }
    }

    pub(super) fn guards_terminal(&self) -> bool {
        self.binary_check_len > 0
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.target.as_deref()
    }

    pub(super) fn may_block(&self) -> bool {
        match (&self.target, &self.open) {
            (None, _) => true,
            (_, Some(output)) => output.temporary.is_none(),
            (Some(target), None) => fs::metadata(target).is_ok_and(|metadata| !metadata.is_file()),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        let checked = bytes.get(..self.binary_check_len).unwrap_or(bytes);
        self.binary_check_len -= checked.len();
        if is_binary(checked) {
            return Err(RunError::BinaryToTerminal);
        }
        self.write_head(bytes)
    }

    pub(super) fn write_head(&mut self, head: &[u8]) -> Result<(), RunError> {
        let Self { target: Some(target), open, .. } = self else { return write_stdout(head) };
        get_or_open(target, open)?.file.write_all(head).map_err(|source| file_error(target, source))
    }

    pub(super) fn finish(&mut self) -> Result<(), RunError> {
        let Self { target: Some(target), open, .. } = self else { return Ok(()) };
        get_or_open(target, open)?;
        let Some(path) = open.take().and_then(|output| output.temporary) else { return Ok(()) };
        // A mount point cannot be renamed over.
        let persisted = path.persist(&*target).or_else(|failed| fs::copy(&failed.path, &*target).map(drop));
        persisted.map_err(|error| file_error(target, error))
    }
}

/// Flushes partial lines: readers of a pipe want data at once.
fn write_stdout(bytes: &[u8]) -> Result<(), RunError> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|source| RunError::Sink("standard output".to_owned(), source))
}

/// Rule of curl and git: text has no NUL byte.
fn is_binary(bytes: &[u8]) -> bool {
    bytes.contains(&0)
}

fn file_error(target: &Path, source: io::Error) -> RunError {
    RunError::Sink(format!("'{}'", printable(target.as_os_str().as_bytes())), source)
}

fn get_or_open<'a>(
    target: &mut PathBuf,
    open: &'a mut Option<OpenOutput>,
) -> Result<&'a mut OpenOutput, RunError> {
    let file = match open.take() {
        Some(file) => file,
        None => OpenOutput::new(target).map_err(|source| file_error(target, source))?,
    };
    Ok(open.insert(file))
}

impl OpenOutput {
    /// Replaces a plain file of ours at the end. All else that exists is written through, as in curl.
    fn new(target: &mut PathBuf) -> io::Result<Self> {
        *target = follow_links(target.clone());
        let is_open_file = is_in_proc(target);
        let file = match OpenOptions::new().write(true).append(is_open_file).open(&*target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::temporary(target, None),
            file => file?,
        };
        let old = file.metadata()?;
        if old.is_file() && !is_open_file {
            // Another hard link would keep the old bytes.
            if let (1, Ok(output)) = (old.nlink(), Self::temporary(target, Some(&old))) {
                return Ok(output);
            }
            file.set_len(0)?;
        }
        Ok(Self { file, temporary: None })
    }

    fn temporary(target: &Path, old: Option<&Metadata>) -> io::Result<Self> {
        // `create_new`: mode by umask, as for other programs.
        let file = tempfile::Builder::new()
            .prefix(".reactor-client.")
            .suffix(".part")
            .make_in(parent(target), |path| File::create_new(path))?;
        if let Some(old) = old {
            fchown(file.as_file(), Some(old.uid()), Some(old.gid()))?;
            file.as_file().set_permissions(old.permissions())?;
        }
        let (file, path) = file.into_parts();
        Ok(Self { file, temporary: Some(path) })
    }

    /// Duplicate of an inherited descriptor: `/dev/stdout`, `/dev/fd/3`. To open it anew would lose its position.
    fn inherited(target: &Path) -> Option<Self> {
        let path = follow_links(target.to_owned());
        let is_own = parent(&path).canonicalize().ok()? == Path::new("/proc/self/fd").canonicalize().ok()?;
        let number = path.file_name()?.to_str()?.parse().ok().filter(|_| is_own)?;
        let this_process = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
        let fd = pidfd_getfd(this_process, number, PidfdGetfdFlags::empty()).ok()?;
        Some(Self { file: File::from(fd), temporary: None })
    }
}

/// Path behind symbolic links, also behind a dangling one. Links in `/proc` name open files, not paths.
fn follow_links(mut path: PathBuf) -> PathBuf {
    for _ in 0..LINKS_MAX {
        let (false, Ok(link)) = (is_in_proc(&path), fs::read_link(&path)) else { break };
        path.pop();
        path.push(link);
    }
    path
}

fn is_in_proc(path: &Path) -> bool {
    parent(path).canonicalize().is_ok_and(|directory| directory.starts_with("/proc"))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("the directory can be read");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn file_is_renamed_to_target_only_when_complete() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let target = directory.path().join("page.html");
        fs::write(&target, "old").expect("the old file");
        let mut sink = OutputSink::new(&OutputChoice::File(target.clone()));
        sink.write(b"new, ").expect("a first part");
        sink.write(b"whole").expect("a second part");
        assert_eq!(fs::read(&target).expect("the target"), b"old");
        sink.finish().expect("the rename");
        assert_eq!(fs::read(&target).expect("the target"), b"new, whole");
        assert_eq!(names(directory.path()), ["page.html"]);
    }

    #[test]
    fn replacing_a_file_keeps_its_permissions() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let target = directory.path().join("secret");
        fs::write(&target, "old").expect("the old file");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("its mode");
        OutputSink::new(&OutputChoice::File(target.clone())).finish().expect("the file");
        assert_eq!(fs::metadata(&target).expect("the target").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn incomplete_file_is_removed_on_drop() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut sink = OutputSink::new(&OutputChoice::File(directory.path().join("page.html")));
        sink.write(b"half").expect("a part");
        drop(sink);
        assert_eq!(names(directory.path()), [""; 0]);
    }

    #[test]
    fn an_empty_body_is_an_empty_file() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let target = directory.path().join("empty");
        OutputSink::new(&OutputChoice::File(target.clone())).finish().expect("the file");
        assert_eq!(fs::read(target).expect("the target"), b"");
    }

    #[test]
    fn a_device_is_written_and_not_replaced() {
        let mut sink = OutputSink::new(&OutputChoice::File(PathBuf::from("/dev/null")));
        sink.write(b"gone").expect("it takes anything");
        sink.finish().expect("nothing to rename");
        assert!(!Path::new("/dev/null").is_file());
    }

    #[test]
    fn a_nul_byte_makes_a_body_binary() {
        assert!(is_binary(b"\x7fELF\0"));
        assert!(!is_binary("text in any script: äöü\n".as_bytes()));
    }
}
