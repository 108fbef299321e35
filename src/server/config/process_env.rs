//! Process environment: variables, working directory, settings file.
//!
//! Read once at the start; `args` interprets it.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::args::CONTENT_DIRECTORY;

/// Longest settings file: thousands of rules fit, an endless device does not.
const SETTINGS_LEN_MAX: u64 = 1 << 20;

/// Input of `args` besides the arguments. No `Debug`: variables may hold secrets.
pub struct ProcessEnv {
    /// Whether [`CONTENT_DIRECTORY`] is a directory here.
    pub content_exists: bool,
    /// Working directory; empty if it is removed.
    pub working_directory: PathBuf,
    /// Environment variables.
    pub variables: Vec<(OsString, OsString)>,
    /// Reads a settings file.
    pub read_file: fn(&Path) -> io::Result<Vec<u8>>,
}

impl ProcessEnv {
    /// Environment of this process.
    pub fn read() -> ProcessEnv {
        ProcessEnv {
            content_exists: Path::new(CONTENT_DIRECTORY).is_dir(),
            working_directory: env::current_dir().unwrap_or_default(),
            variables: env::vars_os().collect(),
            read_file: read_settings,
        }
    }
}

fn read_settings(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SETTINGS_LEN_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SETTINGS_LEN_MAX {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_file_over_1_mib_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("site.toml");
        for (len, is_read) in [(0, true), (SETTINGS_LEN_MAX, true), (SETTINGS_LEN_MAX + 1, false)] {
            std::fs::write(&path, vec![b'#'; usize::try_from(len).unwrap()]).unwrap();
            assert_eq!(read_settings(&path).is_ok_and(|bytes| bytes.len() as u64 == len), is_read, "{len}");
        }
        assert!(read_settings(Path::new("/dev/zero")).is_err());
        assert_eq!(read_settings(directory.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
