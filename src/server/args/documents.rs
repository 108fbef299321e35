//! `--index`, `--fallback` and `--error-page`: how a person names a file beneath the root; and
//! `--no-compress`, for how files are sent.
//!
//! Owns their form and what is said of a wrong one. It never looks whether the file is there: it may
//! come later.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::values::parse_index;
use crate::command_line::{Given, quote};
use crate::files::RelativePath;
use crate::http::Status;
use crate::server::{Config, ErrorPage};

/// The statuses that can have a page of their own: what a request that was understood may come to.
/// The others are answers to what never became one, and end the connection.
const PAGED: [Status; 5] = [
    Status::FORBIDDEN,
    Status::NOT_FOUND,
    Status::METHOD_NOT_ALLOWED,
    Status::INTERNAL_SERVER_ERROR,
    Status::SERVICE_UNAVAILABLE,
];

/// Reads the options for the files that stand for something else, and for how all are sent.
pub(super) fn read(given: &mut Given, config: &mut Config) -> Result<(), String> {
    if let Some(value) = given.once("--index")? {
        config.index = parse_index(&value).map_err(|error| given.at("--index", &error))?;
    }
    if let Some(value) = given.once("--fallback")? {
        config.fallback = Some(parse_document("--fallback", &value)?);
    }
    config.error_pages = parse_error_pages(&given.all("--error-page"))?;
    config.compress = !given.flag_once("--no-compress")?;
    Ok(())
}

/// Reads the name of a file beneath the root; `name` is the option that it belongs to.
fn parse_document(name: &str, text: &OsStr) -> Result<RelativePath<'static>, String> {
    match RelativePath::parse_plain(text.as_bytes()) {
        Ok(path) if !path.has_trailing_slash() => Ok(path),
        _ => Err(format!(
            "{name}: {} cannot be a document; it must be a file beneath the directory that is served, \
             not hidden",
            quote(text)
        )),
    }
}

/// Reads all of `--error-page`.
fn parse_error_pages(texts: &[OsString]) -> Result<Vec<ErrorPage>, String> {
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
    let mut parts = text.as_bytes().splitn(2, |&byte| byte == b'=');
    let (Some(code), Some(name)) = (parts.next(), parts.next()) else {
        return Err(format!(
            "--error-page: {} is not a status and a file, such as 404=404.html",
            quote(text)
        ));
    };
    let status = PAGED.into_iter().find(|status| status.code().to_string().as_bytes() == code);
    let status = status.ok_or_else(|| {
        let code = quote(OsStr::from_bytes(code));
        format!("--error-page: {code} cannot have a page of its own; 403, 404, 405, 500 and 503 can")
    })?;
    Ok(ErrorPage { status, path: parse_document("--error-page", OsStr::from_bytes(name))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &[u8]) -> Result<Vec<u8>, String> {
        let path = parse_document("--fallback", OsStr::from_bytes(text))?;
        Ok(path.as_bytes().to_vec())
    }

    #[test]
    fn a_document_is_a_name_beneath_the_root() {
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
    fn what_is_none_is_told_so() {
        let long = "x".repeat(256);
        for text in
            ["", "/", ".", "..", "../a", "a/../../b", ".env", "a/.git/b", "docs/", "a\0b", "/../a", &long]
        {
            let line = document(text.as_bytes()).unwrap_err();
            assert!(line.starts_with("--fallback: "), "{line}");
            assert!(line.ends_with("a file beneath the directory that is served, not hidden"), "{line}");
        }
    }

    #[test]
    fn an_error_page_is_a_status_and_a_document() {
        let pages = |texts: &[&str]| {
            parse_error_pages(&texts.iter().map(OsString::from).collect::<Vec<_>>()).map(|pages| {
                let told = |page: &ErrorPage| format!("{}={}", page.status.code(), page.path);
                pages.iter().map(told).collect::<Vec<_>>().join(" ")
            })
        };
        let fit = ["403=a", "404=/b=c.html", "405=d", "500=e", "503=a"];
        assert_eq!(pages(&fit).as_deref(), Ok("403=a 404=b=c.html 405=d 500=e 503=a"));
        let cases = [
            (&["404"][..], "--error-page: '404' is not a status and a file, such as 404=404.html"),
            (&["400=a"], "--error-page: '400' cannot have a page of its own; 403, 404, 405, 500 and 503 can"),
            (
                &["+404=a"],
                "--error-page: '+404' cannot have a page of its own; 403, 404, 405, 500 and 503 can",
            ),
            (
                &["404=../a"],
                "--error-page: '../a' cannot be a document; it must be a file beneath the directory \
                 that is served, not hidden",
            ),
            (&["404=a", "404=b"], "--error-page is given twice for 404; leave one out"),
        ];
        for (texts, expected) in cases {
            assert_eq!(pages(texts), Err(expected.to_owned()), "{texts:?}");
        }
    }
}
