//! Tar headers: ustar (POSIX.1-1988), and pax (POSIX.1-2001) where ustar is too small.
//!
//! GNU tar, libarchive and Python read them alike. Owners are omitted: they matter on this host only.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tar::{EntryType, Header};

/// All parts are multiples of it.
const BLOCK_LEN: usize = 512;

pub(super) const END: &[u8] = &[0; 2 * BLOCK_LEN];

/// Eleven octal digits.
const USTAR_LEN_MAX: u64 = (1 << 33) - 1;

/// Placeholder for a long path in ustar; pax readers never see it.
const LONG_PATH: &[u8] = b"pax-long-path";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File { len: u64, is_executable: bool },
}

impl Kind {
    pub(super) fn len(self) -> u64 {
        match self {
            Kind::Directory => 0,
            Kind::File { len, .. } => len,
        }
    }
}

pub(super) fn write_header(out: &mut Vec<u8>, path: &[u8], kind: Kind, modified_secs: i64) {
    let (len, entry_type, mode) = match kind {
        Kind::Directory => (0, EntryType::Directory, 0o755),
        Kind::File { len, is_executable: false } => (len, EntryType::Regular, 0o644),
        Kind::File { len, is_executable: true } => (len, EntryType::Regular, 0o755),
    };
    let ustar = header_at(path);
    let mut records = Vec::new();
    // Non-ASCII bytes in ustar depend on the reader's locale.
    let needs_utf8_path = !path.is_ascii() && std::str::from_utf8(path).is_ok();
    if ustar.is_none() || needs_utf8_path {
        write_record(&mut records, "path", path);
    }
    if len > USTAR_LEN_MAX {
        write_record(&mut records, "size", len.to_string().as_bytes());
    }
    if !records.is_empty() {
        let records_len = records.len() as u64;
        let pax = header_at(b"pax-header").unwrap_or_else(Header::new_ustar);
        finish_header(out, pax, EntryType::XHeader, 0o644, records_len, 0);
        out.extend_from_slice(&records);
        pad(out, records_len);
    }
    let header = ustar.or_else(|| header_at(LONG_PATH)).unwrap_or_else(Header::new_ustar);
    // ustar has no time before 1970.
    finish_header(out, header, entry_type, mode, len, u64::try_from(modified_secs).unwrap_or(0));
}

fn header_at(path: &[u8]) -> Option<Header> {
    let mut header = Header::new_ustar();
    header.set_path(Path::new(OsStr::from_bytes(path))).ok()?;
    Some(header)
}

fn finish_header(
    out: &mut Vec<u8>,
    mut header: Header,
    entry_type: EntryType,
    mode: u32,
    len: u64,
    unix_secs: u64,
) {
    header.set_entry_type(entry_type);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(len);
    header.set_mtime(unix_secs);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

fn write_record(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest_len = " =\n".len() + key.len() + value.len();
    let mut len = rest_len;
    // Its own digits count and may add one digit, once.
    while len != rest_len + len.to_string().len() {
        len = rest_len + len.to_string().len();
    }
    out.extend_from_slice(format!("{len} {key}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

pub(super) fn pad(out: &mut Vec<u8>, len: u64) {
    out.resize(out.len() + padding_len(len) as usize, 0);
}

pub(super) fn padding_len(len: u64) -> u64 {
    len.next_multiple_of(BLOCK_LEN as u64) - len
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Header of a file, and its length.
    fn header(path: &[u8], len: u64) -> Vec<u8> {
        let mut out = Vec::new();
        write_header(&mut out, path, Kind::File { len, is_executable: false }, 1_000_000_000);
        out
    }

    /// Records of the pax header before the ustar header, if any.
    fn records(bytes: &[u8]) -> Option<String> {
        let typeflag = bytes.get(156)?;
        (*typeflag == b'x').then(|| {
            let text = bytes.get(BLOCK_LEN..bytes.len() - BLOCK_LEN).unwrap_or_default();
            String::from_utf8_lossy(text).trim_end_matches('\0').to_owned()
        })
    }

    #[test]
    fn header_fields_match_ustar() {
        let bytes = header(b"docs/a.txt", 0o1234);
        assert_eq!(bytes.len(), BLOCK_LEN);
        let mut script = Vec::new();
        write_header(&mut script, b"a", Kind::File { len: 0, is_executable: true }, 0);
        assert_eq!(script.get(100..107), Some(&b"0000755"[..]));
        let field = |from: usize, len: usize| bytes.get(from..from + len).unwrap().escape_ascii().to_string();
        for (name, from, len, expected) in [
            ("name", 0, 11, "docs/a.txt\\x00"),
            ("mode", 100, 8, "0000644\\x00"),
            ("uid", 108, 8, "0000000\\x00"),
            ("gid", 116, 8, "0000000\\x00"),
            ("size", 124, 12, "00000001234\\x00"),
            ("mtime", 136, 12, "07346545000\\x00"),
            ("typeflag", 156, 1, "0"),
            ("magic and version", 257, 8, "ustar\\x0000"),
            ("owner", 265, 1, "\\x00"),
            ("group", 297, 1, "\\x00"),
        ] {
            assert_eq!(field(from, len), expected, "{name}");
        }
        let mut unsummed = bytes.clone();
        unsummed.splice(148..156, *b"        ");
        let sum: u32 = unsummed.iter().map(|&byte| u32::from(byte)).sum();
        assert_eq!(field(148, 8), format!("{sum:07o}\\x00"));

        let mut directory = Vec::new();
        write_header(&mut directory, b"docs/", Kind::Directory, -5);
        assert_eq!(directory.get(..6), Some(&b"docs/\0"[..]));
        assert_eq!((directory.get(156), directory.get(100..107)), (Some(&b'5'), Some(&b"0000755"[..])));
        assert_eq!(directory.get(136..147), Some(&b"00000000000"[..]), "before 1970 there is no time");
    }

    #[test]
    fn long_path_or_size_goes_into_pax_header() {
        let deep = format!("{}/{}", "d".repeat(155), "f".repeat(100));
        let cases: [(&[u8], u64, Option<&str>); 12] = [
            (&[b'a'; 100], 1, None),
            (&[b'a'; 101], 1, Some("path")),
            (deep.as_bytes(), 1, None),
            (&[deep.as_bytes(), b"f"].concat(), 1, Some("path")),
            (&[b"d", deep.as_bytes()].concat(), 1, Some("path")),
            ("caf\u{e9}".as_bytes(), 1, Some("path")),
            (b"a\nb\"c", 1, None),
            // Not valid UTF-8: the raw bytes.
            (b"\xff", 1, None),
            (&[0xff; 200], 1, Some("path")),
            (b"a", USTAR_LEN_MAX, None),
            (b"a", USTAR_LEN_MAX + 1, Some("size")),
            ("\u{e9}".as_bytes(), u64::MAX >> 1, Some("both")),
        ];
        for (path, len, expected) in cases {
            let bytes = header(path, len);
            assert_eq!(bytes.len() % BLOCK_LEN, 0);
            let fields =
                records(&bytes).map(|text| match (text.contains(" path="), text.contains(" size=")) {
                    (true, true) => "both",
                    (true, false) => "path",
                    (false, true) => "size",
                    (false, false) => "nothing",
                });
            assert_eq!(fields, expected, "{}, {len}", path.escape_ascii());
        }
    }

    #[test]
    fn pax_record_length_counts_its_own_digits() {
        for (value_len, expected) in [(0, 8), (1, 9), (2, 11), (90, 99), (91, 101), (989, 999), (990, 1001)] {
            let mut out = Vec::new();
            write_record(&mut out, "path", &vec![b'v'; value_len]);
            assert_eq!(out.len(), expected, "{value_len}");
            assert!(out.starts_with(format!("{expected} path=").as_bytes()) && out.ends_with(b"\n"));
        }
    }

    #[test]
    fn tar_crate_reads_written_headers() {
        let names: [Vec<u8>; 6] = [
            b"plain".to_vec(),
            "\u{fc}ber/\u{1f600}".as_bytes().to_vec(),
            vec![b'l'; 255],
            [&[b'd'; 200][..], b"/", &[b'e'; 200], b"/f"].concat(),
            b"a\nb =\"c".to_vec(),
            b"\xff\xfe".to_vec(),
        ];
        let mut whole = Vec::new();
        for (len, name) in names.iter().enumerate() {
            write_header(&mut whole, name, Kind::File { len: len as u64, is_executable: true }, 5);
            whole.resize(whole.len() + len, b'x');
            pad(&mut whole, len as u64);
        }
        whole.extend_from_slice(END);
        let mut archive = ::tar::Archive::new(whole.as_slice());
        let mut count = 0;
        for (entry, (len, name)) in archive.entries().unwrap().zip(names.iter().enumerate()) {
            let mut entry = entry.unwrap();
            assert_eq!(entry.path_bytes().as_ref(), name.as_slice());
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, vec![b'x'; len]);
            assert_eq!(entry.header().mtime().unwrap(), 5);
            count += 1;
        }
        assert_eq!(count, names.len());
    }
}
