//! The options for uploads: a directory beneath the root, and a size.
//!
//! Owns how both are written, what they mean together, and what is said of a wrong one. It never looks
//! whether the directory is there.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::values::parse_size;
use crate::command_line::{Given, quote};
use crate::server::Config;

/// Reads whether files can be stored, where, and how large they may be.
pub(super) fn read(given: &mut Given, config: &mut Config) -> Result<(), String> {
    config.upload = given.once("--upload")?.map(|value| parse_directory(&value)).transpose()?;
    let Some(value) = given.once("--max-upload")? else { return Ok(()) };
    config.upload_len_max = parse_size("--max-upload", &value)?;
    match config.upload {
        Some(_) => Ok(()),
        None if given.is_off("--upload") => Ok(()),
        None => Err("--max-upload limits uploads, which are off; turn them on with --upload".to_owned()),
    }
}

/// Reads where uploads may go: beneath the root, in plain names; anywhere there if nothing is said.
fn parse_directory(text: &OsStr) -> Result<PathBuf, String> {
    let bytes = text.as_bytes();
    let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes);
    let is_plain = |name: &[u8]| !name.is_empty() && !name.starts_with(b".");
    if text.is_empty() || bytes.split(|&byte| byte == b'/').all(is_plain) {
        return Ok(OsString::from(OsStr::from_bytes(bytes)).into());
    }
    Err(format!(
        "--upload: {} is not a path beneath the root; write it like incoming or notes/incoming, \
         with no name that begins with a dot",
        quote(text)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_named_beneath_the_root() {
        for (text, path) in [("", ""), ("incoming", "incoming"), ("a/b c/", "a/b c")] {
            assert_eq!(parse_directory(OsStr::new(text)), Ok(PathBuf::from(path)), "{text}");
        }
        for text in ["/", "/srv", ".", "..", "a/../b", "./a", "a//b", "a/.b", "a/./b", "a//"] {
            let error = parse_directory(OsStr::new(text)).unwrap_err();
            assert!(error.contains("is not a path beneath the root"), "{text}: {error}");
        }
    }
}
