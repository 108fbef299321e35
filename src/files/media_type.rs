//! The media type of a file, by the extension of its name.
//!
//! `mime_guess` knows the long list; this file corrects it where it is behind the times and adds
//! `charset=utf-8` where the type takes it, for text without one is guessed at by its reader.
//! Content is never looked at: what a file is called is what its owner says it is.

/// What nothing is known about (RFC 9110, section 8.3).
const UNKNOWN: &str = "application/octet-stream";

/// Text that a browser should show rather than save.
const PLAIN: &str = "text/plain; charset=utf-8";

/// The longest extension that is looked up. The longest one known has 22 bytes.
const EXTENSION_LEN_MAX: usize = 24;

const CHARSET: &str = "; charset=utf-8";

/// The types that say their charset. JSON is not here: it is UTF-8 by definition and its type has
/// no such parameter (RFC 8259, section 11); nor is WebAssembly, whose type allows none at all.
const WITH_CHARSET: &[&str] = &[
    "application/atom+xml; charset=utf-8",
    "application/rss+xml; charset=utf-8",
    "application/xhtml+xml; charset=utf-8",
    "application/xml; charset=utf-8",
    "image/svg+xml; charset=utf-8",
    "text/calendar; charset=utf-8",
    "text/css; charset=utf-8",
    "text/csv; charset=utf-8",
    "text/html; charset=utf-8",
    "text/javascript; charset=utf-8",
    "text/markdown; charset=utf-8",
    "text/n3; charset=utf-8",
    "text/tab-separated-values; charset=utf-8",
    "text/turtle; charset=utf-8",
    "text/uri-list; charset=utf-8",
    "text/vcard; charset=utf-8",
    "text/vtt; charset=utf-8",
    "text/xml; charset=utf-8",
    PLAIN,
];

/// The media type of the file `name` (a name or a whole path), with its charset where it has one.
///
/// Capitals do not matter. A name without a known extension is `application/octet-stream`.
pub fn media_type(name: &[u8]) -> &'static str {
    let mut lower = [0; EXTENSION_LEN_MAX];
    let Some(extension) = lower_extension(name, &mut lower) else {
        return UNKNOWN;
    };
    corrected(extension).or_else(|| mime_guess::from_ext(extension).first_raw()).map_or(UNKNOWN, with_charset)
}

/// The extension of the last segment of `name` in lower case, in the room that `lower` gives.
fn lower_extension<'a>(name: &[u8], lower: &'a mut [u8; EXTENSION_LEN_MAX]) -> Option<&'a str> {
    let segment = name.rsplit(|&byte| byte == b'/').next()?;
    let dot = segment.iter().rposition(|&byte| byte == b'.')?;
    let extension = segment.get(dot + 1..)?;
    let lower = lower.get_mut(..extension.len())?;
    lower.copy_from_slice(extension);
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}

/// What `mime_guess` lacks, or knows by a name from before the type was registered with IANA.
fn corrected(extension: &str) -> Option<&'static str> {
    Some(match extension {
        // RFC 9239: one type for all JavaScript.
        "js" | "mjs" | "cjs" => "text/javascript",
        // RFC 8081: fonts have a top-level type.
        "otf" => "font/otf",
        "woff" => "font/woff",
        // RFC 8216, section 4: playlists, and their MPEG-2 segments.
        "m3u8" => "application/vnd.apple.mpegurl",
        "ts" | "mts" | "m2ts" => "video/mp2t",
        "m4a" => "audio/mp4",
        "m4v" => "video/mp4",
        "ipynb" => "application/x-ipynb+json",
        "jsonl" => "application/jsonl",
        "map" => "application/json",
        "ndjson" => "application/x-ndjson",
        "rpm" => "application/x-rpm",
        "stl" => "model/stl",
        "vcf" => "text/vcard",
        "zst" => "application/zstd",
        // Source code is there to be read.
        "adoc" | "bash" | "dart" | "diff" | "go" | "hs" | "java" | "kt" | "lock" | "nix" | "patch"
        | "proto" | "rb" | "rst" | "sh" | "sql" | "srt" | "swift" | "tex" | "tsx" | "zig" | "zsh" => {
            "text/plain"
        }
        _ => return None,
    })
}

/// `essence` with its charset. Text that is not in the table is plain text: few browsers show
/// `text/x-rust`, and all of them show `text/plain`.
fn with_charset(essence: &'static str) -> &'static str {
    let listed = WITH_CHARSET.iter().find(|full| full.strip_suffix(CHARSET) == Some(essence));
    match listed {
        Some(full) => full,
        None if essence.starts_with("text/") => PLAIN,
        None => essence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_of_today_with_charset_where_it_belongs() {
        let cases = [
            ("index.html", "text/html; charset=utf-8"),
            ("a.htm", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.cjs", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.jsonl", "application/jsonl"),
            ("a.js.map", "application/json"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.xml", "text/xml; charset=utf-8"),
            ("a.xhtml", "application/xhtml+xml; charset=utf-8"),
            ("a.svg", "image/svg+xml; charset=utf-8"),
            ("a.atom", "application/atom+xml; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.vtt", "text/vtt; charset=utf-8"),
            ("a.ics", "text/calendar; charset=utf-8"),
            ("a.vcf", "text/vcard; charset=utf-8"),
            ("a.txt", PLAIN),
            ("a.log", PLAIN),
            ("a.toml", PLAIN),
            ("a.yaml", PLAIN),
            ("a.yml", PLAIN),
            ("a.rs", PLAIN),
            ("a.c", PLAIN),
            ("a.py", PLAIN),
            ("a.go", PLAIN),
            ("a.sh", PLAIN),
            ("a.wasm", "application/wasm"),
            ("a.pdf", "application/pdf"),
            ("a.png", "image/png"),
            ("a.jpg", "image/jpeg"),
            ("a.gif", "image/gif"),
            ("a.avif", "image/avif"),
            ("a.webp", "image/webp"),
            ("a.ico", "image/x-icon"),
            ("a.woff", "font/woff"),
            ("a.woff2", "font/woff2"),
            ("a.ttf", "font/ttf"),
            ("a.otf", "font/otf"),
            ("a.mp3", "audio/mpeg"),
            ("a.m4a", "audio/mp4"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
            ("a.m3u8", "application/vnd.apple.mpegurl"),
            ("a.ts", "video/mp2t"),
            ("a.zip", "application/zip"),
            ("a.tar.gz", "application/gzip"),
            ("a.zst", "application/zstd"),
        ];
        for (name, expected) in cases {
            assert_eq!(media_type(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn capitals_do_not_matter() {
        for name in ["A.HTML", "a.Html", "dir.d/INDEX.HTM"] {
            assert_eq!(media_type(name.as_bytes()), "text/html; charset=utf-8", "{name}");
        }
        assert_eq!(media_type(b"A.MJS"), "text/javascript; charset=utf-8");
    }

    #[test]
    fn what_is_not_known_is_a_stream_of_octets() {
        let names: &[&[u8]] = &[
            b"",
            b"README",
            b"Makefile",
            b"a.",
            b"html",
            b"dir.html/file",
            b"a.no-such-type",
            b"a.an-extension-beyond-all-reason",
            b"a.\xff\xfe",
        ];
        for name in names {
            assert_eq!(media_type(name), UNKNOWN, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn every_type_in_the_table_ends_in_its_charset() {
        for full in WITH_CHARSET {
            let essence = full.strip_suffix(CHARSET).expect(full);
            assert_eq!(with_charset(essence), *full);
        }
    }
}
