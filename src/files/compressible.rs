//! Which media types become much smaller when they are encoded.
//!
//! Owns the list. It goes by the type alone and never looks into a file: whether one gets smaller
//! is found out when it is tried.

/// Types that are not text by their name, but by what is in them, or that hold long runs of the
/// same. What is compressed by itself is not here: woff fonts, archives, most pictures, sound, film.
const LISTED: &[&str] = &[
    "application/ecmascript",
    "application/font-sfnt",
    "application/hjson",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/jsonl",
    "application/mbox",
    "application/postscript",
    "application/rtf",
    "application/sql",
    "application/step",
    "application/toml",
    "application/typescript",
    "application/vnd.apple.mpegurl",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-csh",
    "application/x-dxf",
    "application/x-font-bdf",
    "application/x-font-ttf",
    "application/x-httpd-php",
    "application/x-javascript",
    "application/x-latex",
    "application/x-ndjson",
    "application/x-perl",
    "application/x-sh",
    "application/x-sql",
    "application/x-subrip",
    "application/x-tcl",
    "application/x-tex",
    "application/x-texinfo",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
    "audio/x-mpegurl",
    "font/collection",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "image/x-icon",
    "image/x-portable-anymap",
    "image/x-portable-bitmap",
    "image/x-portable-graymap",
    "image/x-portable-pixmap",
    "message/rfc822",
    "model/mesh",
    "model/mtl",
    "model/obj",
    "model/stl",
    "model/vrml",
    "video/vnd.mpegurl",
];

/// The structured syntaxes that are text (RFC 6838, section 4.2.8).
const TEXT_SYNTAXES: [&str; 3] = ["+json", "+xml", "+yaml"];

/// Whether files of this type, which may have parameters, are worth encoding. Capitals do not matter.
pub(super) fn is_compressible(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim_ascii();
    let starts = |with: &str| essence.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    let ends = |with: &str| {
        let start = essence.len().checked_sub(with.len()).and_then(|at| essence.get(at..));
        start.is_some_and(|end| end.eq_ignore_ascii_case(with))
    };
    starts("text/")
        || TEXT_SYNTAXES.into_iter().any(ends)
        || LISTED.iter().any(|listed| listed.eq_ignore_ascii_case(essence))
}

#[cfg(test)]
mod tests {
    use super::super::media_type;
    use super::*;

    #[test]
    fn text_code_data_and_plain_fonts_are_worth_it() {
        for name in [
            "a.html",
            "a.css",
            "a.js",
            "a.mjs",
            "a.json",
            "a.map",
            "a.jsonl",
            "a.ndjson",
            "a.webmanifest",
            "a.geojson",
            "a.xml",
            "a.xhtml",
            "a.atom",
            "a.rss",
            "a.svg",
            "a.txt",
            "a.md",
            "a.csv",
            "a.rs",
            "a.ipynb",
            "a.wasm",
            "a.ttf",
            "a.otf",
            "a.eot",
            "a.ico",
            "a.bmp",
            "a.m3u8",
            "a.gpx",
            "a.mpd",
            "a.sh",
            "a.eml",
            "a.yaml",
        ] {
            let media_type = media_type(name.as_bytes());
            assert!(is_compressible(media_type), "{name}: {media_type}");
        }
        for media_type in ["TEXT/PLAIN", "text/html ; charset=utf-8", "Application/Problem+JSON; a=b"] {
            assert!(is_compressible(media_type), "{media_type}");
        }
    }

    #[test]
    fn what_is_compressed_already_or_not_known_is_left_alone() {
        for name in [
            "a", "a.bin", "a.png", "a.jpg", "a.gif", "a.webp", "a.avif", "a.woff", "a.woff2", "a.zip",
            "a.gz", "a.br", "a.zst", "a.css.gz", "a.tar", "a.pdf", "a.mp3", "a.mp4", "a.webm", "a.ts",
            "a.docx", "a.jar",
        ] {
            let media_type = media_type(name.as_bytes());
            assert!(!is_compressible(media_type), "{name}: {media_type}");
        }
        for media_type in ["", "text", ";", "+xm", "textual/plain", "image/svg+xmlx", "application/jsonx"] {
            assert!(!is_compressible(media_type), "{media_type}");
        }
    }
}
