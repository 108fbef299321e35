//! The media type of a file, by the extension of its name.
//!
//! `mime_guess` knows the long list; this file corrects it where it is behind the times and adds
//! `charset=utf-8` where the type takes it, for text without one is guessed at by its reader.
//! Content is never looked at: what a file is called is what its owner says it is, and with
//! [`MediaTypes`] its owner may say so for each extension.

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

/// Media types that go before those known here, each for the names that end in an extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaTypes(Vec<(String, String)>);

impl MediaTypes {
    /// Gives the names that end in `.` and `extension` this media type; text is said to be UTF-8 unless
    /// the type names a charset itself. Capitals do not matter.
    ///
    /// # Errors
    /// The extension has a type already: which one.
    pub fn give(&mut self, extension: &str, media_type: &str) -> Result<(), &str> {
        let extension = extension.to_ascii_lowercase();
        if let Some(at) = self.0.iter().position(|(known, _)| *known == extension) {
            return Err(self.0.get(at).map_or("", |(_, media_type)| media_type));
        }
        self.0.push((extension, charset_added(media_type)));
        Ok(())
    }

    /// The media type that was given for the file `name` (a name or a whole path); of `gz` and `tar.gz`,
    /// that of the longer one.
    pub fn given(&self, name: &[u8]) -> Option<&str> {
        let fitting = self.0.iter().filter(|(extension, _)| ends_in(name, extension));
        fitting.max_by_key(|(extension, _)| extension.len()).map(|(_, media_type)| media_type.as_str())
    }

    /// Each extension and its media type, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(extension, media_type)| (extension.as_str(), media_type.as_str()))
    }
}

/// Whether `name` ends in a dot and this extension, in any case.
fn ends_in(name: &[u8], extension: &str) -> bool {
    let parts = name.len().checked_sub(extension.len()).and_then(|at| name.split_at_checked(at));
    parts.is_some_and(|(before, after)| {
        before.ends_with(b".") && after.eq_ignore_ascii_case(extension.as_bytes())
    })
}

/// `media_type` with the charset that it needs and does not name.
fn charset_added(media_type: &str) -> String {
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let essence = essence.trim().to_ascii_lowercase();
    let is_text = essence.starts_with("text/")
        || WITH_CHARSET.iter().any(|full| full.strip_suffix(CHARSET) == Some(essence.as_str()));
    let names_charset = parameters.split(';').any(|parameter| {
        parameter.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("charset"))
    });
    if is_text && !names_charset { media_type.to_owned() + CHARSET } else { media_type.to_owned() }
}

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
        // RFC 9559.
        "mkv" => "video/matroska",
        "mka" => "audio/matroska",
        "m4a" => "audio/mp4",
        "m4s" => "video/iso.segment",
        "m4v" => "video/mp4",
        "mid" | "midi" => "audio/midi",
        "eac3" => "audio/eac3",
        "cur" => "image/x-icon",
        "ktx2" => "image/ktx2",
        "jxr" => "image/jxr",
        "psd" => "image/vnd.adobe.photoshop",
        "3mf" => "model/3mf",
        "mtl" => "model/mtl",
        "obj" => "model/obj",
        "step" | "stp" => "model/step",
        "stl" => "model/stl",
        "usdz" => "model/vnd.usdz+zip",
        "arrow" => "application/vnd.apache.arrow.file",
        "cbor" => "application/cbor",
        "deb" => "application/vnd.debian.binary-package",
        "dfxp" | "ttml" => "application/ttml+xml",
        "har" | "map" | "topojson" => "application/json",
        "ipynb" => "application/x-ipynb+json",
        "json-patch" => "application/json-patch+json",
        "jsonl" => "application/jsonl",
        "ndjson" => "application/x-ndjson",
        "owl" => "application/rdf+xml",
        "pem" => "application/pem-certificate-chain",
        "rar" => "application/vnd.rar",
        "rpm" => "application/x-rpm",
        "sqlite" => "application/vnd.sqlite3",
        "tgz" => "application/gzip",
        "txz" => "application/x-xz",
        "vcf" => "text/vcard",
        "warc" => "application/warc",
        "zst" => "application/zstd",
        // Source code is there to be read.
        "adoc" | "asciidoc" | "bash" | "bib" | "clj" | "cmake" | "dart" | "diff" | "elm" | "erl" | "ex"
        | "exs" | "fish" | "frag" | "glsl" | "go" | "gql" | "gradle" | "graphql" | "hs" | "java" | "jl"
        | "kt" | "lock" | "lua" | "ml" | "nim" | "nix" | "org" | "patch" | "pl" | "pm" | "proto" | "ps1"
        | "r" | "rb" | "rst" | "scala" | "sh" | "sql" | "srt" | "svelte" | "swift" | "tex" | "tsx"
        | "vert" | "vue" | "wgsl" | "zig" | "zsh" => "text/plain",
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

    fn check(cases: &[(&str, &str)]) {
        for (name, expected) in cases {
            assert_eq!(media_type(name.as_bytes()), *expected, "{name}");
        }
    }

    #[test]
    fn types_are_those_of_today_with_charset_where_it_belongs() {
        check(&[
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
            ("a.vue", PLAIN),
            ("a.wgsl", PLAIN),
        ]);
    }

    #[test]
    fn media_data_and_archives_have_their_registered_types() {
        check(&[
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
            ("a.mpd", "application/dash+xml"),
            ("a.m4s", "video/iso.segment"),
            ("a.mkv", "video/matroska"),
            ("a.opus", "audio/ogg"),
            ("a.ogg", "audio/ogg"),
            ("a.ogv", "video/ogg"),
            ("a.flac", "audio/flac"),
            ("a.aac", "audio/aac"),
            ("a.weba", "audio/webm"),
            ("a.mid", "audio/midi"),
            ("a.jxl", "image/jxl"),
            ("a.heic", "image/heic"),
            ("a.apng", "image/apng"),
            ("a.ktx2", "image/ktx2"),
            ("a.glb", "model/gltf-binary"),
            ("a.gltf", "model/gltf+json"),
            ("a.usdz", "model/vnd.usdz+zip"),
            ("a.obj", "model/obj"),
            ("a.cbor", "application/cbor"),
            ("a.geojson", "application/geo+json"),
            ("a.topojson", "application/json"),
            ("a.jsonld", "application/ld+json"),
            ("a.json-patch", "application/json-patch+json"),
            ("a.ndjson", "application/x-ndjson"),
            ("a.pkpass", "application/vnd.apple.pkpass"),
            ("a.parquet", "application/vnd.apache.parquet"),
            ("a.arrow", "application/vnd.apache.arrow.file"),
            ("a.sqlite", "application/vnd.sqlite3"),
            ("a.epub", "application/epub+zip"),
            ("a.gpx", "application/gpx+xml"),
            ("a.rss", "application/rss+xml; charset=utf-8"),
            ("a.ttml", "application/ttml+xml"),
            ("a.deb", "application/vnd.debian.binary-package"),
            ("a.rar", "application/vnd.rar"),
            ("a.tgz", "application/gzip"),
            ("a.7z", "application/x-7z-compressed"),
            ("a.zip", "application/zip"),
            ("a.tar.gz", "application/gzip"),
            ("a.zst", "application/zstd"),
        ]);
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
    fn a_given_type_goes_before_and_the_longest_extension_decides() {
        let mut types = MediaTypes::default();
        for (extension, media_type) in
            [("gz", "application/x-gz"), ("Tar.GZ", "application/x-tgz"), ("foo", "text/x-foo"), ("d", "x/y")]
        {
            assert_eq!(types.give(extension, media_type), Ok(()));
        }
        assert_eq!(types.give("FOO", "text/plain"), Err("text/x-foo; charset=utf-8"));
        for (name, expected) in [
            ("a.gz", Some("application/x-gz")),
            ("a.tar.gz", Some("application/x-tgz")),
            ("A.TAR.GZ", Some("application/x-tgz")),
            ("b/a.foo", Some("text/x-foo; charset=utf-8")),
            ("a.d/foo", None),
            ("foo", None),
            ("a.xfoo", None),
            ("a.fo", None),
            ("", None),
        ] {
            assert_eq!(types.given(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(
            types.iter().map(|(extension, _)| extension).collect::<Vec<_>>(),
            ["gz", "tar.gz", "foo", "d"]
        );
    }

    #[test]
    fn a_given_text_type_says_its_charset_unless_it_names_one() {
        for (given, said) in [
            ("text/x-foo", "text/x-foo; charset=utf-8"),
            ("TEXT/X-foo", "TEXT/X-foo; charset=utf-8"),
            ("text/plain; format=flowed", "text/plain; format=flowed; charset=utf-8"),
            ("text/html; Charset = latin1", "text/html; Charset = latin1"),
            ("text/html;charset=\"utf-16\"", "text/html;charset=\"utf-16\""),
            ("application/xhtml+xml", "application/xhtml+xml; charset=utf-8"),
            ("application/json", "application/json"),
            ("image/png", "image/png"),
        ] {
            let mut types = MediaTypes::default();
            assert_eq!(types.give("x", given), Ok(()));
            assert_eq!(types.given(b"a.x"), Some(said), "{given}");
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
