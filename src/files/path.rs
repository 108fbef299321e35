//! A request's path as a name beneath the root.
//!
//! [`RelativePath`] is the proof: whoever holds one holds a name without `..`, without empty or
//! hidden segments and without NUL, whatever the encoding it came in (RFC 3986, sections 2.1,
//! 5.2.4 and 6.2.2). It decodes exactly once and never asks the file system anything.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, percent_decode, percent_encode};

use crate::text::printable;

/// The longest name of one file, in bytes: `NAME_MAX` of Linux. Longer names cannot exist.
pub const NAME_LEN_MAX: usize = 255;

/// The longest path, in bytes: `PATH_MAX` of Linux less the NUL that ends it.
pub const PATH_LEN_MAX: usize = 4095;

/// Why the path of a request is not the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// A `%` without two hexadecimal digits behind it.
    BadEscape,
    /// A NUL byte, plain or encoded.
    Nul,
    /// More `..` than there are segments before it.
    LeavesRoot,
    /// A segment that begins with a dot: present or not, it is not served.
    Hidden,
    /// No file can have this name: a slash within a segment, a name or path that is too long,
    /// or no slash at the beginning.
    NotFound,
}

/// The name of a file or directory relative to the root, which it cannot leave.
///
/// No leading slash; the empty name is the root itself. Whether the path ended in a slash is
/// kept beside the name, because `docs` and `docs/` are answered differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelativePath<'a> {
    /// The segments with `/` between them, and behind the last one where the path had it there.
    bytes: Cow<'a, [u8]>,
}

impl<'a> RelativePath<'a> {
    /// Reads the path part of a request target: it begins with `/`, and has no query.
    ///
    /// Allocates only when the path is not in its plain form already.
    ///
    /// # Errors
    /// See [`PathError`]: each variant is one reason.
    pub fn parse(raw: &'a [u8]) -> Result<Self, PathError> {
        let path = RelativePath { bytes: normal_form(raw)? };
        // Asked only now: a hidden segment that a later `..` takes back is no harm. What is plain has none.
        let is_hidden = |name: &[u8]| name.starts_with(b".");
        if matches!(&path.bytes, Cow::Owned(bytes) if bytes.split(|&byte| byte == b'/').any(is_hidden)) {
            return Err(PathError::Hidden);
        }
        if path.as_bytes().len() > PATH_LEN_MAX {
            return Err(PathError::NotFound);
        }
        Ok(path)
    }

    /// Reads a name as a person writes it: relative to the root, with or without a `/` in front, and
    /// without percent signs that mean anything.
    ///
    /// # Errors
    /// As [`RelativePath::parse`], but `BadEscape` and what only an escape can hide.
    pub fn parse_plain(name: &[u8]) -> Result<RelativePath<'static>, PathError> {
        const PERCENT: &AsciiSet = &AsciiSet::EMPTY.add(b'%');
        let raw = format!("/{}", percent_encode(name.strip_prefix(b"/").unwrap_or(name), PERCENT));
        let path = RelativePath::parse(raw.as_bytes())?;
        Ok(path.to_owned())
    }

    /// The file that stands for this path where addresses do without the `extension` of a file, such as
    /// `.html`. None for what ends in a slash, and where no file can have such a name.
    pub fn with_extension(&self, extension: &str) -> Option<RelativePath<'static>> {
        let bytes = [&self.bytes, extension.as_bytes()].concat();
        let name_len = bytes.rsplit(|&byte| byte == b'/').next().map_or(0, <[u8]>::len);
        let fits = name_len <= NAME_LEN_MAX && bytes.len() <= PATH_LEN_MAX;
        (fits && !self.has_trailing_slash()).then_some(RelativePath { bytes: Cow::Owned(bytes) })
    }

    /// The same path, which borrows nothing.
    pub fn to_owned(&self) -> RelativePath<'static> {
        RelativePath { bytes: Cow::Owned(self.bytes.to_vec()) }
    }

    /// The name, without a slash at either end. Empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.strip_suffix(b"/").unwrap_or(&self.bytes)
    }

    /// Whether the path asks for a directory: the root, or it ended in `/`, `/.` or `/..`.
    pub fn has_trailing_slash(&self) -> bool {
        self.bytes.is_empty() || self.bytes.ends_with(b"/")
    }

    /// The name and the trailing slash as one string of bytes, different for different paths.
    pub(super) fn key(&self) -> &[u8] {
        &self.bytes
    }
}

/// The path part of a request target in its normal form: decoded, without its first slash, without
/// empty and dot segments. Hidden names are let through: this is for comparing, never for opening.
///
/// # Errors
/// As [`RelativePath::parse`], but `Hidden`.
pub fn normal_form(raw: &[u8]) -> Result<Cow<'_, [u8]>, PathError> {
    let rest = raw.strip_prefix(b"/").ok_or(PathError::NotFound)?;
    if is_plain(rest) { Ok(Cow::Borrowed(rest)) } else { resolve(rest).map(Cow::Owned) }
}

/// The path of `name` in the directory `dir`. Either may be empty.
pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if dir.is_empty() || name.is_empty() { b"" } else { b"/" };
    [dir, slash, name].concat()
}

/// The directory that `path` is in, and its name there.
pub(super) fn split_last(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// The name of `path` relative to the directory `dir`, if it is in it, however deep.
pub(super) fn beneath<'a>(dir: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(dir)?;
    let rest = if dir.is_empty() { rest } else { rest.strip_prefix(b"/")? };
    (!rest.is_empty()).then_some(rest)
}

/// For people: what is not UTF-8, and what would move a terminal's cursor, shows as U+FFFD.
impl fmt::Display for RelativePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.bytes))
    }
}

/// Whether `rest`, a path without its first slash, needs no change and has nothing to refuse.
fn is_plain(rest: &[u8]) -> bool {
    // Most names are short as a whole, so that none of their segments need be measured.
    let are_short = rest.len() <= NAME_LEN_MAX || rest.split(|&b| b == b'/').all(|n| n.len() <= NAME_LEN_MAX);
    let mut before = b'/';
    for &byte in rest {
        let is_special = SPECIAL_BYTES[usize::from(byte)];
        if is_special && (matches!(byte, b'%' | 0) || before == b'/') {
            return false;
        }
        before = byte;
    }
    are_short
}

/// The bytes that can make a path be other than plain: an escape, NUL, and a slash or dot after a slash.
static SPECIAL_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    (table[0], table[b'%' as usize], table[b'.' as usize], table[b'/' as usize]) = (true, true, true, true);
    table
};

/// Decodes `rest` and resolves its dot segments.
fn resolve(rest: &[u8]) -> Result<Vec<u8>, PathError> {
    // Between segments `out` is empty or ends in a slash.
    let mut out = Vec::with_capacity(rest.len() + 1);
    let mut names_directory = true;
    for segment in rest.split(|&byte| byte == b'/') {
        let start = out.len();
        decode_onto(&mut out, segment)?;
        names_directory = true;
        match out.get(start..).unwrap_or_default() {
            b"" | b"." => out.truncate(start),
            b".." => {
                out.truncate(start);
                // What ends in a slash has a segment before it: empty ones are never kept.
                out.pop().ok_or(PathError::LeavesRoot)?;
                out.truncate(out.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1));
            }
            name if name.contains(&0) => return Err(PathError::Nul),
            name if name.contains(&b'/') || name.len() > NAME_LEN_MAX => return Err(PathError::NotFound),
            _ => {
                out.push(b'/');
                names_directory = false;
            }
        }
    }
    if !names_directory {
        out.pop();
    }
    Ok(out)
}

/// Appends `segment`, percent-decoded once (RFC 3986, section 2.1).
fn decode_onto(out: &mut Vec<u8>, segment: &[u8]) -> Result<(), PathError> {
    let is_escape = |after: &[u8]| matches!(after, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    // The first part stands before any `%`. The library would leave a bad escape as it stands.
    if !segment.split(|&byte| byte == b'%').skip(1).all(is_escape) {
        return Err(PathError::BadEscape);
    }
    out.extend(percent_decode(segment));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parse_decodes_once_and_normalises() {
        // (raw, name, trailing slash)
        let cases: &[(&str, &[u8], bool)] = &[
            ("/", b"", true),
            ("//", b"", true),
            ("/.", b"", true),
            ("/a", b"a", false),
            ("/a/", b"a", true),
            ("/a//", b"a", true),
            ("//a///b", b"a/b", false),
            ("/a/b.html", b"a/b.html", false),
            ("/a/./b", b"a/b", false),
            ("/a/.", b"a", true),
            ("/a/b/..", b"a", true),
            ("/a/..", b"", true),
            ("/a/../b", b"b", false),
            ("/a/b/../../c/", b"c", true),
            ("/.git/../a", b"a", false),
            ("/%61", b"a", false),
            ("/a%20b", b"a b", false),
            ("/a%2Eb", b"a.b", false),
            ("/%25", b"%", false),
            ("/%252e%252e/a", b"%2e%2e/a", false),
            ("/%252fetc", b"%2fetc", false),
            ("/%5c..%5cetc", b"\\..\\etc", false),
            ("/a/%2e%2e/b", b"b", false),
            ("/a/%2E", b"a", true),
            ("/a/.%2e/b", b"b", false),
            ("/%ff%c3%a9", b"\xff\xc3\xa9", false),
            ("/a+b", b"a+b", false),
            ("/...a/../b", b"b", false),
        ];
        for &(raw, name, slash) in cases {
            let path = RelativePath::parse(raw.as_bytes()).unwrap_or_else(|e| panic!("{raw}: {e:?}"));
            assert_eq!((path.as_bytes(), path.has_trailing_slash()), (name, slash), "{raw}");
        }
    }

    #[test]
    fn parse_of_unservable_path_gives_its_error() {
        let cases: &[(&str, PathError)] = &[
            ("", PathError::NotFound),
            ("a", PathError::NotFound),
            ("*", PathError::NotFound),
            ("/..", PathError::LeavesRoot),
            ("/../etc/passwd", PathError::LeavesRoot),
            ("/a/../..", PathError::LeavesRoot),
            ("/a/../../a", PathError::LeavesRoot),
            ("//..", PathError::LeavesRoot),
            ("/./..", PathError::LeavesRoot),
            ("/%2e%2e/etc/passwd", PathError::LeavesRoot),
            ("/%2e./etc/passwd", PathError::LeavesRoot),
            ("/.%2E/etc/passwd", PathError::LeavesRoot),
            ("/%2e%2e%2fetc", PathError::NotFound),
            ("/..%2fetc", PathError::NotFound),
            ("/a%2fb", PathError::NotFound),
            ("/%2f", PathError::NotFound),
            ("/.git", PathError::Hidden),
            ("/.git/config", PathError::Hidden),
            ("/a/.htaccess", PathError::Hidden),
            ("/...", PathError::Hidden),
            ("/%2egit", PathError::Hidden),
            ("/..%5c..%5cetc", PathError::Hidden),
            ("/a\0", PathError::Nul),
            ("/a%00.html", PathError::Nul),
            ("/%00/..", PathError::Nul),
            ("/%", PathError::BadEscape),
            ("/%2", PathError::BadEscape),
            ("/%/1", PathError::BadEscape),
            ("/%2/e", PathError::BadEscape),
            ("/%zz", PathError::BadEscape),
            ("/%+1", PathError::BadEscape),
            ("/%%20", PathError::BadEscape),
            ("/a/%u0041", PathError::BadEscape),
        ];
        for &(raw, reason) in cases {
            assert_eq!(RelativePath::parse(raw.as_bytes()), Err(reason), "{raw:?}");
        }
    }

    #[test]
    fn parse_enforces_name_and_path_length_limits() {
        let name = |len: usize| format!("/{}", "a".repeat(len));
        let parses = |raw: String| RelativePath::parse(raw.as_bytes()).map(|path| path.bytes.len());
        assert_eq!(parses(name(255)), Ok(255));
        assert_eq!(parses(name(256)), Err(PathError::NotFound));
        assert_eq!(parses(format!("/{}", "%61".repeat(255))), Ok(255));
        assert_eq!(parses(format!("/{}", "%61".repeat(256))), Err(PathError::NotFound));
        assert_eq!(parses(name(255).repeat(16)), Ok(4095));
        assert_eq!(parses(name(255).repeat(16) + "/"), Ok(4096));
        assert_eq!(parses(name(255).repeat(16) + "/b"), Err(PathError::NotFound));
        // Slashes do not count: they vanish.
        assert_eq!(parses("/".repeat(8000) + "b"), Ok(1));
    }

    #[test]
    fn plain_path_is_borrowed() {
        for (raw, borrowed) in [("/", true), ("/a/b.c/", true), ("/a%20b", false), ("//a", false)] {
            let path = RelativePath::parse(raw.as_bytes()).expect(raw);
            assert_eq!(matches!(path.bytes, Cow::Borrowed(_)), borrowed, "{raw}");
        }
    }

    #[test]
    fn with_extension_skips_directories_and_too_long_names() {
        let long = format!("/{}", "a".repeat(251));
        for (raw, expected) in [
            ("/about", Some("about.html".to_owned())),
            ("/a/b%20c", Some("a/b c.html".to_owned())),
            ("/about.html", Some("about.html.html".to_owned())),
            ("/", None),
            ("/about/", None),
            ("/about/.", None),
            (&long[..251], Some(format!("{}.html", "a".repeat(250)))),
            (&long, None),
        ] {
            let path = RelativePath::parse(raw.as_bytes()).expect(raw);
            let found = path.with_extension(".html");
            assert_eq!(found.map(|path| path.to_string()), expected, "{raw}");
        }
    }

    #[test]
    fn normal_form_keeps_hidden_names() {
        for (raw, expected) in [
            ("/", Ok(&b""[..])),
            ("/a/b", Ok(b"a/b")),
            ("/a//b/", Ok(b"a/b/")),
            ("/a/../b%20c", Ok(b"b c")),
            ("/.well-known/x", Ok(b".well-known/x")),
            ("/a/./.b", Ok(b"a/.b")),
            ("/..", Err(PathError::LeavesRoot)),
            ("/a%2fb", Err(PathError::NotFound)),
            ("/%", Err(PathError::BadEscape)),
            ("/%00", Err(PathError::Nul)),
            ("*", Err(PathError::NotFound)),
        ] {
            assert_eq!(normal_form(raw.as_bytes()).as_deref(), expected.as_deref(), "{raw}");
        }
    }

    #[test]
    fn display_replaces_control_characters() {
        let path = RelativePath::parse(b"/a%0a%1b[2J%ff/").expect("a name");
        assert_eq!(path.to_string(), "a\u{fffd}\u{fffd}[2J\u{fffd}/");
    }

    /// What a path that parsed promises, whatever it was made from.
    fn assert_stays_inside(path: &RelativePath<'_>) {
        let name = path.as_bytes();
        assert!(!name.contains(&0) && name.len() <= PATH_LEN_MAX);
        for segment in name.split(|&byte| byte == b'/') {
            assert!(name.is_empty() || !segment.is_empty(), "empty segment in {path:?}");
            assert!(!segment.starts_with(b"."), "dot segment in {path:?}");
            assert!(segment.len() <= NAME_LEN_MAX, "long segment in {path:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_stay_inside_the_root(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(path) = RelativePath::parse(&raw) {
                assert_stays_inside(&path);
            }
        }

        #[test]
        fn any_mix_of_dots_and_escapes_stays_inside_the_root(
            parts in proptest::collection::vec(
                proptest::sample::select(vec!["/", ".", "%2e", "%2F", "%", "2", "a", "..", "%00", "%25"]),
                0..24,
            )
        ) {
            let raw = format!("/{}", parts.concat());
            if let Ok(path) = RelativePath::parse(raw.as_bytes()) {
                assert_stays_inside(&path);
            }
        }

        #[test]
        fn is_plain_agrees_with_normalise(raw in "(/[a-c.]{0,3}){1,5}/?") {
            let rest = &raw.as_bytes()[1..];
            if is_plain(rest) {
                prop_assert_eq!(resolve(rest), Ok(rest.to_vec()));
                prop_assert!(!rest.split(|&byte| byte == b'/').any(|name| name.starts_with(b".")));
            }
        }
    }
}
