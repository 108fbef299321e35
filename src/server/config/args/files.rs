//! Options for served files.
//!
//! No file is looked up here: it may come later.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::PROGRAM;
use super::values::parse_size;
use crate::cli::{OptionSpec, ParsedArgs, quote};
use crate::files::RelativePath;
use crate::http::Status;
use crate::server::ErrorPage;
use crate::text::split_once;

/// Statuses that can have their own page: outcomes of valid requests.
///
/// Other errors end the connection.
const STATUSES_WITH_PAGE: [Status; 6] = [
    Status::UNAUTHORIZED,
    Status::FORBIDDEN,
    Status::NOT_FOUND,
    Status::METHOD_NOT_ALLOWED,
    Status::INTERNAL_SERVER_ERROR,
    Status::SERVICE_UNAVAILABLE,
];

/// Mode of options that need `--upload`.
pub(super) const UPLOADS: &str = "uploads";

const TELL_NAMES: [&str; 4] = ["--require-conditions", "--no-overwrite", "--allow-delete", "--allow-mkdir"];

pub(super) fn read_cache_size(parsed: &mut ParsedArgs) -> Result<usize, String> {
    let len_max = parsed.value("--cache-size", |text| parse_size("--cache-size", text))?;
    if parsed.peek("--cache-size").is_some() && parsed.peek("--cache") == Some(OsStr::new("off")) {
        return Err("--cache-size has no effect with --cache off; leave one of them out".to_owned());
    }
    // A limit above the address space is no limit.
    Ok(len_max.try_into().unwrap_or(usize::MAX))
}

pub(super) fn check_upload_options(parsed: &ParsedArgs) -> Result<(), String> {
    let other = TELL_NAMES.iter().find(|name| parsed.peek(name).is_some());
    if let Some(other) = other.filter(|_| parsed.peek("--upload-only").is_some()) {
        return Err(format!("{other} would tell what --upload-only hides; leave one of them out"));
    }
    let is_unset = parsed.peek("--upload").is_none() && !parsed.is_turned_off("--upload");
    let mut options = PROGRAM.specs.iter().filter(|spec| spec.mode == Some(UPLOADS));
    match options.find(|spec| is_unset && parsed.peek(spec.long).is_some()) {
        Some(OptionSpec { long: name, .. }) => {
            Err(format!("{name} is for uploads, which are off; turn them on with --upload"))
        }
        None => Ok(()),
    }
}

pub(super) fn parse_document(name: &str, text: &OsStr) -> Result<RelativePath<'static>, String> {
    match RelativePath::parse_plain(text.as_bytes()) {
        Ok(path) if !path.has_trailing_slash() => Ok(path),
        _ => Err(format!(
            "{name}: {} cannot be a document; it must be a file beneath the served directory, not hidden",
            quote(text)
        )),
    }
}

pub(super) fn parse_error_pages(texts: &[OsString]) -> Result<Vec<ErrorPage>, String> {
    let mut pages: Vec<ErrorPage> = Vec::with_capacity(texts.len());
    for text in texts {
        let page = parse_error_page(text)?;
        if pages.iter().any(|other| other.status == page.status) {
            let code = page.status.code();
            return Err(format!("--error-page is given twice for {code}; leave one out"));
        }
        pages.push(page);
    }
    Ok(pages)
}

fn parse_error_page(text: &OsStr) -> Result<ErrorPage, String> {
    let (code, name) = split_once(text.as_bytes(), b'=').ok_or_else(|| {
        format!("--error-page: {} is not a status and a file, such as 404=404.html", quote(text))
    })?;
    let status = STATUSES_WITH_PAGE.into_iter().find(|status| status.code().to_string().as_bytes() == code);
    let status = status.ok_or_else(|| {
        let code = quote(OsStr::from_bytes(code));
        format!("--error-page: {code} cannot have a page of its own; 401, 403, 404, 405, 500 and 503 can")
    })?;
    Ok(ErrorPage { status, path: parse_document("--error-page", OsStr::from_bytes(name))? })
}

/// Empty is the root.
pub(super) fn parse_upload_directory(text: &OsStr) -> Result<PathBuf, String> {
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
    use crate::cli::Command;
    use crate::server::config::args::tests::parse;
    use crate::server::{CacheMode, ServerConfig};

    fn document(text: &[u8]) -> Result<Vec<u8>, String> {
        let path = parse_document("--fallback", OsStr::from_bytes(text))?;
        Ok(path.as_bytes().to_vec())
    }

    #[test]
    fn document_path_below_root_normalised() {
        let cases: &[(&[u8], &[u8])] = &[
            (b"index.html", b"index.html"),
            (b"/index.html", b"index.html"),
            (b"./a//b.html", b"a/b.html"),
            (b"a/../b.html", b"b.html"),
            (b"100%.html", b"100%.html"),
            (b"%2e%2e/a?b#c", b"%2e%2e/a?b#c"),
            (b"caf\xe9", b"caf\xe9"),
        ];
        for (text, name) in cases {
            assert_eq!(document(text).as_deref(), Ok(*name), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn document_outside_root_or_hidden_rejected() {
        let long = "x".repeat(256);
        for text in
            ["", "/", ".", "..", "../a", "a/../../b", ".env", "a/.git/b", "docs/", "a\0b", "/../a", &long]
        {
            let line = document(text.as_bytes()).unwrap_err();
            assert!(line.starts_with("--fallback: "), "{line}");
            assert!(line.ends_with("a file beneath the served directory, not hidden"), "{line}");
        }
    }

    #[test]
    fn error_page_parses_status_and_document() {
        let pages = |texts: &[&str]| {
            parse_error_pages(&texts.iter().map(OsString::from).collect::<Vec<_>>()).map(|pages| {
                let shown = |page: &ErrorPage| format!("{}={}", page.status.code(), page.path);
                pages.iter().map(shown).collect::<Vec<_>>().join(" ")
            })
        };
        let fit = ["403=a", "404=/b=c.html", "405=d", "500=e", "503=a"];
        assert_eq!(pages(&fit).as_deref(), Ok("403=a 404=b=c.html 405=d 500=e 503=a"));
        let cases = [
            (&["404"][..], "--error-page: '404' is not a status and a file, such as 404=404.html"),
            (
                &["400=a"],
                "--error-page: '400' cannot have a page of its own; 401, 403, 404, 405, 500 and 503 can",
            ),
            (
                &["+404=a"],
                "--error-page: '+404' cannot have a page of its own; 401, 403, 404, 405, 500 and 503 can",
            ),
            (
                &["404=../a"],
                "--error-page: '../a' cannot be a document; it must be a file beneath the served directory, \
                 not hidden",
            ),
            (&["404=a", "404=b"], "--error-page is given twice for 404; leave one out"),
        ];
        for (texts, expected) in cases {
            assert_eq!(pages(texts), Err(expected.to_owned()), "{texts:?}");
        }
    }

    fn listings_enabled(line: &[&str]) -> bool {
        match parse(line.iter().map(Into::into).collect(), false) {
            Ok(Command::Run(config)) => config.listings_enabled(),
            other => panic!("{line:?} gave {other:?}"),
        }
    }

    #[test]
    fn listing_defaults_on_for_loopback_without_fallback() {
        let cases: &[(&[&str], bool)] = &[
            (&[], true),
            (&["--bind", "localhost"], true),
            (&["--bind", "::1", "--bind", "127.0.0.2"], true),
            (&["--bind", "0.0.0.0"], false),
            (&["--bind", "::"], false),
            (&["--bind", "127.0.0.1", "--bind", "192.0.2.1"], false),
            (&["--bind", "0.0.0.0", "--listing", "auto"], true),
            (&["--listing=auto"], true),
            (&["--fallback=app.html"], false),
            (&["--fallback=app.html", "--listing=auto"], true),
            (&["--listing", "off"], false),
            (&["--bind", "::", "--listing=off"], false),
        ];
        for &(line, listed) in cases {
            assert_eq!(listings_enabled(line), listed, "{line:?}");
        }
    }

    #[test]
    fn listing_invalid_value_gets_one_line_error() {
        for value in ["on", "AUTO", "off "] {
            let error = parse(vec!["--listing".into(), value.into()], false).unwrap_err().to_string();
            assert!(error.contains("is invalid: it is auto or off"), "{value}: {error}");
        }
    }

    #[test]
    fn cache_options_set_mode_and_size() {
        let default = ServerConfig::default();
        let cases: &[(&[&str], CacheMode, usize)] = &[
            (&[], CacheMode::Fresh, default.cache_len_max),
            (&["--cache", "stat"], CacheMode::Stat, default.cache_len_max),
            (&["--cache=off"], CacheMode::Off, default.cache_len_max),
            (&["--cache-size=1GiB"], CacheMode::Fresh, 1 << 30),
            (&["--cache=stat", "--cache-size", "500k"], CacheMode::Stat, 500_000),
        ];
        for (line, mode, len_max) in cases {
            match parse(line.iter().map(Into::into).collect(), false) {
                Ok(Command::Run(config)) => {
                    assert_eq!((config.cache, config.cache_len_max), (*mode, *len_max))
                }
                other => panic!("{line:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn cache_invalid_options_get_one_line_error() {
        for (line, shown) in [
            (&["--cache", "on"][..], "--cache: 'on' is invalid: it is fresh, stat or off"),
            (&["--cache-size", "0"], "--cache-size: '0' is too small"),
            (&["--cache-size", "some"], "--cache-size: 'some' is not a size"),
            (&["--cache=off", "--cache-size=1M"], "--cache-size has no effect with --cache off"),
        ] {
            let error = parse(line.iter().map(Into::into).collect(), false).unwrap_err().to_string();
            assert!(error.contains(shown), "{line:?}: {error}");
        }
    }

    #[test]
    fn upload_directory_not_below_root_rejected() {
        for (text, path) in [("", ""), ("incoming", "incoming"), ("a/b c/", "a/b c")] {
            assert_eq!(parse_upload_directory(OsStr::new(text)), Ok(PathBuf::from(path)), "{text}");
        }
        for text in ["/", "/srv", ".", "..", "a/../b", "./a", "a//b", "a/.b", "a/./b", "a//"] {
            let error = parse_upload_directory(OsStr::new(text)).unwrap_err();
            assert!(error.contains("is not a path beneath the root"), "{text}: {error}");
        }
    }
}
