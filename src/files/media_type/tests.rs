//! Tests of media types: well-known names, configured types, compressibility.
//!
//! Names are looked up by their extension alone.

use super::*;

fn check(cases: &[(&str, &str)]) {
    for (name, expected) in cases {
        assert_eq!(media_type(name.as_bytes()), *expected, "{name}");
    }
}

#[test]
fn text_types_have_charset_and_json_has_none() {
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
fn well_known_names_are_text() {
    check(&[
        ("README", PLAIN),
        ("d/license", PLAIN),
        ("Makefile", PLAIN),
        ("go.mod", PLAIN),
        ("SHA256SUMS", PLAIN),
        ("a.sha256", PLAIN),
        ("a.md5", PLAIN),
        ("de.po", PLAIN),
        ("a.ply", "model/ply"),
        ("a.plist", "application/x-plist"),
        ("a.mobileconfig", "application/x-apple-aspen-config"),
        ("a.flatpakref", "application/vnd.flatpak.ref"),
        ("a.flatpakrepo", "application/vnd.flatpak.repo"),
        ("README.d/x", UNKNOWN),
        ("MYREADME", UNKNOWN),
    ]);
}

#[test]
fn extension_case_is_ignored() {
    for name in ["A.HTML", "a.Html", "dir.d/INDEX.HTM"] {
        assert_eq!(media_type(name.as_bytes()), "text/html; charset=utf-8", "{name}");
    }
    assert_eq!(media_type(b"A.MJS"), "text/javascript; charset=utf-8");
}

#[test]
fn unknown_extension_gets_octet_stream() {
    let names: &[&[u8]] = &[
        b"",
        b"READ.ME.not",
        b"dir.d/unknown",
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
fn configured_type_matches_longest_extension_or_name() {
    let mut types = MediaTypes::default();
    for (extension, media_type) in
        [("gz", "application/x-gz"), ("Tar.GZ", "application/x-tgz"), ("foo", "text/x-foo"), ("d", "x/y")]
    {
        assert_eq!(types.insert(extension, media_type), Ok(()));
    }
    assert_eq!(types.insert("FOO", "text/plain"), Err("text/x-foo; charset=utf-8"));
    for (name, expected) in [
        ("a.gz", Some("application/x-gz")),
        ("a.tar.gz", Some("application/x-tgz")),
        ("A.TAR.GZ", Some("application/x-tgz")),
        ("b/a.foo", Some("text/x-foo; charset=utf-8")),
        ("a.d/foo", Some("text/x-foo; charset=utf-8")),
        ("foo", Some("text/x-foo; charset=utf-8")),
        ("foo/a", None),
        ("a.xfoo", None),
        ("a.fo", None),
        ("", None),
    ] {
        assert_eq!(types.get(name.as_bytes()), expected, "{name}");
    }
    assert_eq!(
        types.types.iter().map(|(extension, _)| extension).collect::<Vec<_>>(),
        ["gz", "tar.gz", "foo", "d"]
    );
}

#[test]
fn configured_text_type_gets_charset_unless_named() {
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
        assert_eq!(types.insert("x", given), Ok(()));
        assert_eq!(types.get(b"a.x"), Some(said), "{given}");
    }
}

#[test]
fn with_charset_appends_charset_to_every_listed_type() {
    for essence in WITH_CHARSET.split(' ') {
        assert_eq!(with_charset(essence), format!("{essence}; charset=utf-8"));
        assert_eq!(add_charset(essence), format!("{essence}; charset=utf-8"));
    }
}

#[test]
fn is_compressible_text_code_data_fonts_true() {
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
        assert!(is_compressible(&media_type), "{name}: {media_type}");
    }
    for media_type in ["TEXT/PLAIN", "text/html ; charset=utf-8", "Application/Problem+JSON; a=b"] {
        assert!(is_compressible(media_type), "{media_type}");
    }
}

#[test]
fn is_compressible_compressed_or_unknown_false() {
    for name in [
        "a", "a.bin", "a.png", "a.jpg", "a.gif", "a.webp", "a.avif", "a.woff", "a.woff2", "a.zip", "a.gz",
        "a.br", "a.zst", "a.css.gz", "a.tar", "a.pdf", "a.mp3", "a.mp4", "a.webm", "a.ts", "a.docx", "a.jar",
    ] {
        let media_type = media_type(name.as_bytes());
        assert!(!is_compressible(&media_type), "{name}: {media_type}");
    }
    for media_type in ["", "text", ";", "+xm", "textual/plain", "image/svg+xmlx", "application/jsonx"] {
        assert!(!is_compressible(media_type), "{media_type}");
    }
}
