//! Request path as a file name below the root.
//!
//! Never contains `..`, an empty segment, or NUL, in any encoding (RFC 3986 sections 2.1, 5.2.4, 6.2.2), and
//! a hidden segment only if asked for. Decodes exactly once. Never accesses the file system.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, percent_decode, percent_encode};

use crate::text::printable;

/// Linux `NAME_MAX`, in bytes. Longer names cannot exist.
pub const NAME_LEN_MAX: usize = 255;

/// Linux `PATH_MAX` minus the NUL, in bytes.
pub const PATH_LEN_MAX: usize = 4095;

/// Directory of files that clients ask for by convention.
const WELL_KNOWN: &[u8] = b".well-known";
/// Directory of partial uploads. No path leads into it; names are compared without case, as some file systems do.
pub(super) const PARTIALS_DIRECTORY: &str = ".reactor-uploads";

/// Request path error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// `%` without two hexadecimal digits.
    BadEscape,
    /// Plain or encoded NUL.
    Nul,
    /// More `..` than segments.
    LeavesRoot,
    /// Leading dot. Even an existing file is not served, except below `/.well-known/` (RFC 8615).
    Hidden,
    /// Slash within a segment, no leading slash, or too long.
    NotFound,
}

/// Path relative to the root, which it cannot leave.
///
/// No leading slash; empty for the root. Keeps a trailing slash: `docs` and `docs/` get different responses.
/// In its text, U+FFFD replaces non-UTF-8 bytes and characters that move a terminal cursor.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[display("{}", printable(bytes))]
pub struct RelativePath<'a> {
    bytes: Cow<'a, [u8]>,
}

impl<'a> RelativePath<'a> {
    /// Parses the path of a request target, without query.
    ///
    /// Allocates only if the path is not in normal form.
    pub fn parse(raw: &'a [u8]) -> Result<Self, PathError> {
        let path = RelativePath::parse_with_hidden(raw)?;
        // A hidden segment removed by a later `..` is harmless.
        let is_hidden = |name: &[u8]| name.starts_with(b".");
        let rest = |bytes| beneath(WELL_KNOWN, bytes).unwrap_or(bytes);
        if matches!(&path.bytes, Cow::Owned(bytes) if rest(bytes).split(|&byte| byte == b'/').any(is_hidden))
        {
            return Err(PathError::Hidden);
        }
        Ok(path)
    }

    /// As [`RelativePath::parse`], but with hidden names.
    pub fn parse_with_hidden(raw: &'a [u8]) -> Result<Self, PathError> {
        let path = RelativePath { bytes: normal_form(raw)? };
        if path.as_bytes().len() > PATH_LEN_MAX {
            return Err(PathError::NotFound);
        }
        // A borrowed path has no name that begins with a dot.
        if matches!(&path.bytes, Cow::Owned(bytes) if bytes.split(|&byte| byte == b'/').any(is_partials_directory))
        {
            return Err(PathError::Hidden);
        }
        Ok(path)
    }

    /// Parses a path written by a person: no percent-encoding, optional leading `/`.
    pub fn parse_plain(name: &[u8]) -> Result<RelativePath<'static>, PathError> {
        const PERCENT: &AsciiSet = &AsciiSet::EMPTY.add(b'%');
        let raw = format!("/{}", percent_encode(name.strip_prefix(b"/").unwrap_or(name), PERCENT));
        let path = RelativePath::parse(raw.as_bytes())?;
        Ok(path.to_owned())
    }

    /// Appends `extension` (`.html`), for URLs without it. `None` after a trailing slash or above a length
    /// limit.
    pub fn with_extension(&self, extension: &str) -> Option<RelativePath<'static>> {
        let bytes = [&self.bytes, extension.as_bytes()].concat();
        let name_len = bytes.rsplit(|&byte| byte == b'/').next().map_or(0, <[u8]>::len);
        let fits = name_len <= NAME_LEN_MAX && bytes.len() <= PATH_LEN_MAX;
        (fits && !self.has_trailing_slash()).then_some(RelativePath { bytes: Cow::Owned(bytes) })
    }

    /// Owned copy.
    pub fn to_owned(&self) -> RelativePath<'static> {
        RelativePath { bytes: Cow::Owned(self.bytes.to_vec()) }
    }

    /// Path without outer slashes; empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.strip_suffix(b"/").unwrap_or(&self.bytes)
    }

    /// True for the root, and after a final `/`, `/.` or `/..`.
    pub fn has_trailing_slash(&self) -> bool {
        self.bytes.is_empty() || self.bytes.ends_with(b"/")
    }

    /// Unique per path, as it keeps the trailing slash.
    pub(super) fn key(&self) -> &[u8] {
        &self.bytes
    }
}

/// Decoded path without leading slash, empty segments and dot segments.
///
/// Keeps hidden names: for comparison, never for opening.
pub fn normal_form(raw: &[u8]) -> Result<Cow<'_, [u8]>, PathError> {
    let rest = raw.strip_prefix(b"/").ok_or(PathError::NotFound)?;
    if is_plain(rest) { Ok(Cow::Borrowed(rest)) } else { resolve(rest).map(Cow::Owned) }
}

pub(super) fn is_left_out(name: &[u8], hidden: bool) -> bool {
    name.starts_with(b".") && (!hidden || matches!(name, b"." | b"..") || is_partials_directory(name))
}

fn is_partials_directory(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(PARTIALS_DIRECTORY.as_bytes())
}

pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if dir.is_empty() || name.is_empty() { b"" } else { b"/" };
    [dir, slash, name].concat()
}

pub(super) fn split_last(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// Path relative to `dir`, at any depth.
pub(super) fn beneath<'a>(dir: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(dir)?;
    let rest = if dir.is_empty() { rest } else { rest.strip_prefix(b"/")? };
    (!rest.is_empty()).then_some(rest)
}

fn is_plain(rest: &[u8]) -> bool {
    // Most paths are short as a whole: then no segment is measured.
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

/// `.` and `/` break the normal form only after a slash.
static SPECIAL_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    (table[0], table[b'%' as usize], table[b'.' as usize], table[b'/' as usize]) = (true, true, true, true);
    table
};

fn resolve(rest: &[u8]) -> Result<Vec<u8>, PathError> {
    // Between segments, `out` is empty or ends in a slash.
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
                // Empty segments are never kept, so a segment precedes the slash.
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

/// Percent-decodes once (RFC 3986 section 2.1).
fn decode_onto(out: &mut Vec<u8>, segment: &[u8]) -> Result<(), PathError> {
    let is_escape = |after: &[u8]| matches!(after, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    // `percent_decode` would keep a bad escape. The first part precedes any `%`.
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
        // Empty segments do not count.
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

    /// Checks the guarantees of every parsed path.
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
