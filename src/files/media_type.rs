//! The media type of a file, by the extension of its name.
//!
//! `mime_guess` knows the long list; this file corrects it where it is behind the times and adds
//! `charset=utf-8` where the type takes it, for text without one is guessed at by its reader.
//! Content is never looked at: what a file is called is what its owner says it is, and with
//! [`MediaTypes`] its owner may say so for each extension. Which types are worth compressing goes by the type
//! alone, too: whether one file gets smaller is found out when it is tried.

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

/// The structured syntaxes that are text (RFC 6838, section 4.2.8).
const STRUCTURED_SUFFIXES: [&str; 3] = ["+json", "+xml", "+yaml"];

/// Media types that go before those known here, each for the names that end in an extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaTypes(Vec<(String, String)>);

impl MediaTypes {
    /// Gives the names that end in `.` and `extension` this media type; text is said to be UTF-8 unless
    /// the type names a charset itself. Capitals do not matter.
    ///
    /// # Errors
    /// The extension has a type already: which one.
    pub fn insert(&mut self, extension: &str, media_type: &str) -> Result<(), &str> {
        let extension = extension.to_ascii_lowercase();
        if let Some(at) = self.0.iter().position(|(known, _)| *known == extension) {
            return Err(self.0.get(at).map_or("", |(_, media_type)| media_type));
        }
        self.0.push((extension, add_charset(media_type)));
        Ok(())
    }

    /// The media type that was given for the file `name` (a name or a whole path); of `gz` and `tar.gz`,
    /// that of the longer one.
    pub fn get(&self, name: &[u8]) -> Option<&str> {
        let fitting = self.0.iter().filter(|(extension, _)| has_extension(name, extension));
        fitting.max_by_key(|(extension, _)| extension.len()).map(|(_, media_type)| media_type.as_str())
    }
}

/// Whether `name` ends in a dot and this extension, in any case.
fn has_extension(name: &[u8], extension: &str) -> bool {
    let parts = name.len().checked_sub(extension.len()).and_then(|at| name.split_at_checked(at));
    parts.is_some_and(|(before, after)| {
        before.ends_with(b".") && after.eq_ignore_ascii_case(extension.as_bytes())
    })
}

/// `media_type` with the charset that it needs and does not name.
fn add_charset(media_type: &str) -> String {
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

/// Whether files of this type, which may have parameters, are worth encoding. Capitals do not matter.
pub(super) fn is_compressible(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    match essence.split_once('/').unwrap_or(("", &essence)) {
        ("text", _) => true,
        // Text by what is in it, or long runs of the same. What is compressed by itself is not here: woff
        // fonts, archives, most pictures, sound, film.
        (
            "application",
            "ecmascript" | "font-sfnt" | "hjson" | "javascript" | "json" | "json5" | "jsonl" | "mbox"
            | "postscript" | "rtf" | "sql" | "step" | "toml" | "typescript" | "vnd.apple.mpegurl"
            | "vnd.ms-fontobject" | "wasm" | "x-csh" | "x-dxf" | "x-font-bdf" | "x-font-ttf" | "x-httpd-php"
            | "x-javascript" | "x-latex" | "x-ndjson" | "x-perl" | "x-sh" | "x-sql" | "x-subrip" | "x-tcl"
            | "x-tex" | "x-texinfo" | "x-yaml" | "xml" | "yaml",
        )
        | ("audio", "x-mpegurl")
        | ("font", "collection" | "otf" | "ttf")
        | (
            "image",
            "bmp" | "vnd.microsoft.icon" | "x-icon" | "x-portable-anymap" | "x-portable-bitmap"
            | "x-portable-graymap" | "x-portable-pixmap",
        )
        | ("message", "rfc822")
        | ("model", "mesh" | "mtl" | "obj" | "stl" | "vrml")
        | ("video", "vnd.mpegurl") => true,
        (_, subtype) => STRUCTURED_SUFFIXES.iter().any(|syntax| subtype.ends_with(syntax)),
    }
}

#[cfg(test)]
mod tests;
