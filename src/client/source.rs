//! Request body source and remote file name.
//!
//! Opens nothing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::messages::printable;
use crate::cli::quote;
use crate::text::is_deceptive;

/// Keeps unreserved characters (RFC 3986 section 2.3).
const FILE_NAME_ENCODE_SET: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Request body.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
pub enum Payload {
    /// One source, unchanged.
    Source(Source),
    /// `-d` values, joined with `&`.
    #[display("the data of -d")]
    Data(Vec<Data>),
}

/// Byte source.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
pub enum Source {
    /// File path.
    #[display("'{}'", printable(_0.as_os_str().as_bytes()))]
    File(PathBuf),
    /// Standard input until EOF.
    #[display("standard input")]
    Stdin,
}

/// One `-d` value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Literal text.
    Text(OsString),
    /// File without line ends, as in curl.
    File(Source),
}

/// Default media type of `-d`, as in curl.
pub(crate) const DATA_TYPE: &str = "application/x-www-form-urlencoded";

pub(super) fn parse_data_option(text: OsString) -> Result<Data, String> {
    match text.as_encoded_bytes().strip_prefix(b"@") {
        None => Ok(Data::Text(text)),
        Some(b"") => Err("option '--data' needs the name of a file after its @".to_owned()),
        Some(b"-") => Ok(Data::File(Source::Stdin)),
        Some(_) => {
            let name = text.to_str().and_then(|text| text.strip_prefix('@'));
            let name = name.ok_or("option '--data': the name of the file is not UTF-8; send it with -T")?;
            Ok(Data::File(Source::File(PathBuf::from(name))))
        }
    }
}

/// Removes line ends of files, as curl does: an editor added them.
pub(crate) fn join_data<E>(
    data: &[Data],
    mut read: impl FnMut(&Source) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let text = |datum: &Data| match datum {
        Data::Text(text) => Ok(text.as_bytes().to_vec()),
        Data::File(source) => {
            let mut bytes = read(source)?;
            bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
            Ok(bytes)
        }
    };
    Ok(data.iter().map(text).collect::<Result<Vec<_>, E>>()?.join(&b'&'))
}

/// Chooses the body from `-T` (`asked`), method and path. A path ending in a slash gets the file
/// name, as in curl, unless that ends in a slash, too.
pub(super) fn choose(
    asked: Option<OsString>,
    method: &str,
    path: &mut String,
) -> Result<Option<Source>, String> {
    let Some(asked) = asked else {
        return match (method, last_segment(path)) {
            ("PUT", Ok(name)) => Ok(Some(Source::File(name))),
            ("PUT", Err(error)) => Err(format!("PUT {}: {error}; name it with -T FILE", quote(&*path))),
            _ => Ok(None),
        };
    };
    if matches!(method, "GET" | "HEAD") {
        return Err(format!("-T sends a file, and {method} fetches one: leave one out"));
    }
    if asked.is_empty() {
        return Err("option '--upload-file' needs the name of a file".to_owned());
    }
    let source = if asked == "-" { Source::Stdin } else { Source::File(asked.into()) };
    if !ends_with_slash(path) {
        return Ok(Some(source));
    }
    match &source {
        Source::Stdin => {
            Err("the path ends with a slash, and standard input has no name to append".to_owned())
        }
        Source::File(file) => {
            let is_contents = file.as_os_str().as_bytes().ends_with(b"/");
            let name = file.file_name().filter(|_| !is_contents).map(encode_name).unwrap_or_default();
            path.insert_str(path.find('?').unwrap_or(path.len()), &name);
            Ok(Some(source))
        }
    }
}

pub(super) fn encode_name(name: &OsStr) -> String {
    percent_encode(name.as_bytes(), FILE_NAME_ENCODE_SET).to_string()
}

pub(super) fn ends_with_slash(path: &str) -> bool {
    path.split('?').next().is_some_and(|path| path.ends_with('/'))
}

/// File name for `-O`. A name with deceptive characters or invalid UTF-8 stays percent-encoded.
pub(super) fn remote_name(path: &str) -> Result<PathBuf, &'static str> {
    let name = last_segment(path)?;
    let is_safe = name.to_str().is_some_and(|name| !name.contains(is_deceptive));
    Ok(if is_safe { name } else { PathBuf::from(encoded_segment(path)) })
}

fn encoded_segment(path: &str) -> &str {
    let path = path.split_once('?').map_or(path, |(path, _query)| path);
    path.rsplit_once('/').map_or(path, |(_, segment)| segment)
}

/// Percent-decoded last path segment: file name for PUT.
pub(super) fn last_segment(path: &str) -> Result<PathBuf, &'static str> {
    let name: Vec<u8> = percent_decode_str(encoded_segment(path)).collect();
    match name.as_slice() {
        b"" => Err("the path ends with a slash and names no file"),
        b"." | b".." => Err("the path ends with a directory"),
        name if name.contains(&b'/') || name.contains(&0) => {
            Err("the last part of the path is not a file name")
        }
        _ => Ok(PathBuf::from(OsString::from_vec(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(asked: Option<&str>, method: &str, path: &str) -> Result<(Option<Source>, String), String> {
        let mut path = path.to_owned();
        choose(asked.map(OsString::from), method, &mut path).map(|source| (source, path))
    }

    #[test]
    fn upload_source_comes_from_option_method_and_path() {
        let file = |name: &str| Some(Source::File(name.into()));
        for (asked, method, path, source, target) in [
            (None, "GET", "/a", None, "/a"),
            (None, "PUT", "/client-text.txt", file("client-text.txt"), "/client-text.txt"),
            (None, "PUT", "/a/b%20c?d/e", file("b c"), "/a/b%20c?d/e"),
            (Some("x"), "PUT", "/a", file("x"), "/a"),
            (Some("x"), "POST", "/a", file("x"), "/a"),
            (Some("-"), "PUT", "/a", Some(Source::Stdin), "/a"),
            (Some("./-"), "PUT", "/a", file("./-"), "/a"),
            (Some("../d/x"), "PUT", "/", file("../d/x"), "/x"),
            (Some("d/a b%20?.txt"), "PUT", "/in/", file("d/a b%20?.txt"), "/in/a%20b%2520%3F.txt"),
            (Some("x"), "PUT", "/in/?q=/", file("x"), "/in/x?q=/"),
            (Some("d/"), "PUT", "/in/?q=/", file("d/"), "/in/?q=/"),
            (Some(".."), "PUT", "/", file(".."), "/"),
        ] {
            let wanted = Ok((source, target.to_owned()));
            assert_eq!(chosen(asked, method, path), wanted, "{asked:?} {method} {path}");
        }
    }

    #[test]
    fn contradicting_upload_arguments_are_errors() {
        for (asked, method, path, message) in [
            (None, "PUT", "/", "PUT '/': the path ends with a slash and names no file; name it with -T FILE"),
            (None, "PUT", "/..", "PUT '/..': the path ends with a directory; name it with -T FILE"),
            (Some("x"), "GET", "/a", "-T sends a file, and GET fetches one: leave one out"),
            (Some(""), "PUT", "/a", "option '--upload-file' needs the name of a file"),
            (Some("-"), "PUT", "/", "the path ends with a slash, and standard input has no name to append"),
        ] {
            assert_eq!(chosen(asked, method, path), Err(message.to_owned()), "{asked:?} {method} {path}");
        }
    }

    #[test]
    fn a_remote_name_is_the_last_segment_decoded() {
        let rows = [
            ("/a/b.html", "b.html"),
            ("/a%20b.txt?x=/y", "a b.txt"),
            ("/.hidden", ".hidden"),
            ("/a/..b", "..b"),
            ("/%c3%a4%0a", "%c3%a4%0a"),
            ("/a%20%E2%80%AE?", "a%20%E2%80%AE"),
            ("/%e9", "%e9"),
        ];
        for (path, name) in rows {
            assert_eq!(remote_name(path), Ok(PathBuf::from(name)), "{path}");
        }
        assert_eq!(last_segment("/%0a"), Ok(PathBuf::from("\n")));
    }

    #[test]
    fn a_remote_name_never_leaves_the_directory() {
        for path in ["/", "/a/", "/a/?b", "/..", "/%2e%2E", "/.", "/..%2fetc%2Fpasswd", "/%2Fetc", "/a%00b"] {
            assert!(last_segment(path).is_err() && remote_name(path).is_err(), "{path}");
        }
    }
}
