//! Options for response rules.
//!
//! `server::rules` owns their syntax.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;

use super::values::parse_with;
use crate::cli::{ParsedArgs, quote};
use crate::files::{MediaTypes, NAME_LEN_MAX, add_charset};
use crate::http::is_media_type;
use crate::server::rules::Origin;

/// Most rules of a kind: a request may be compared with all of them.
const RULES_MAX: usize = 1000;

pub(super) fn read_media_types(parsed: &mut ParsedArgs) -> Result<MediaTypes, String> {
    let mut types = MediaTypes::default();
    types.default = parsed.read("--default-type", |text| parse_with("--default-type", text, parse_type))?;
    for (extension, media_type) in read_all(parsed, "--mime", parse_media_type)? {
        types.insert(&extension, &media_type).map_err(|earlier| {
            let extension = quote(&extension);
            format!("--mime is given twice for {extension}, which is {earlier} already; leave one out")
        })?;
    }
    Ok(types)
}

pub(super) fn read_all<T, E: Display>(
    parsed: &mut ParsedArgs,
    name: &'static str,
    parse: impl Fn(&[u8]) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    let values = parsed.all(name);
    if values.len() > RULES_MAX {
        return Err(format!("{name} is given more than {RULES_MAX} times; leave some out"));
    }
    let parse = |text: &OsString| {
        parse(text.as_bytes()).map_err(|error| format!("{name}: {} is invalid: {error}", quote(text)))
    };
    values.iter().map(parse).collect()
}

pub(super) fn parse_origin(text: &OsStr) -> Result<Origin, String> {
    parse_with("--cors", if text.is_empty() { OsStr::new("*") } else { text }, Origin::parse)
}

fn parse_media_type(text: &[u8]) -> Result<(String, String), &'static str> {
    let pair = std::str::from_utf8(text).ok().and_then(|text| text.split_once('='));
    let (extension, media_type) =
        pair.ok_or("it is not an extension and a media type, such as foo=text/plain")?;
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.trim() == part
            && !part.contains(|c: char| "/*".contains(c) || c.is_control())
    };
    let mut parts = extension.strip_prefix('.').unwrap_or(extension).split('.');
    if extension.len() > NAME_LEN_MAX || !parts.all(is_plain) {
        return Err("the part before the equals sign is no extension or file name, such as foo or README");
    }
    let media_type = parse_type(media_type)
        .map_err(|_| "the part after the equals sign is not a media type, such as text/plain")?;
    Ok((extension.to_owned(), media_type))
}

fn parse_type(text: &str) -> Result<String, &'static str> {
    let is_valid = is_media_type(text.trim().as_bytes()) && text.is_ascii();
    is_valid.then(|| add_charset(text.trim())).ok_or("it is not a media type, such as text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command;
    use crate::server::config::args::tests::parse;
    use crate::server::rules::Glob;
    use crate::server::{Redirect, ServerConfig};

    fn config(line: &[&str]) -> Result<ServerConfig, String> {
        match parse(line.iter().map(OsString::from).collect(), false) {
            Ok(Command::Run(config)) => Ok(*config),
            Ok(other) => panic!("{line:?} gave {other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn each_rule_option_sets_its_rules() {
        let types = config(&["--mime", "foo=text/x-foo", "--default-type=a/b"]).unwrap().media_types;
        assert_eq!(types.get(b"a.foo"), Some("text/x-foo; charset=utf-8"));
        assert_eq!((types.get(b"a.no-such-type"), types.get(b"a.txt")), (Some("a/b"), None));
        let types = config(&["--mime=.Tar.GZ=image/png"]).unwrap().media_types;
        assert_eq!(types.get(b"a.tar.gz"), Some("image/png"));
        assert!(config(&["--clean-urls"]).unwrap().clean_urls);
        let headers = config(&["-H", "X-A: b", "--header=X-A: c", "-HServer:x"]).unwrap().headers;
        let headers: Vec<_> = headers.iter().map(|header| (header.name.as_str(), &*header.value)).collect();
        assert_eq!(headers, [("X-A", &b"b"[..]), ("X-A", b"c"), ("Server", b"x")]);
        let rules = config(&["--cache-control", "*.html=no-cache", "--cache-control=**=max-age=5"]).unwrap();
        let rules: Vec<_> = rules.cache_control.iter().map(|rule| (&rule.glob, &*rule.value)).collect();
        let globs = ["*.html", "**"].map(|pattern| Glob::parse(pattern).unwrap());
        assert_eq!(rules, [(&globs[0], &b"no-cache"[..]), (&globs[1], b"max-age=5")]);
        let origin = |line: &[&str]| config(line).unwrap().cors;
        let any = Origin::parse("*").ok();
        assert_eq!(origin(&[]), None);
        assert_eq!(origin(&["--cors"]), any);
        assert_eq!(origin(&["--cors", "site"]), any, "site is the directory");
        assert_eq!(origin(&["--cors=http://a:1"]), Origin::parse("http://a:1").ok());
        let redirects = config(&["--redirect", "/a=/b", "--redirect=/c/*=https://d/*"]).unwrap().redirects;
        assert_eq!(
            redirects,
            ["/a=/b", "/c/*=https://d/*"].map(|text| Redirect::parse(text.as_bytes()).unwrap())
        );
    }

    fn check(cases: &[(&[&str], &str)]) {
        for (line, expected) in cases {
            assert_eq!(config(line), Err(format!("{expected}; see reactor-server --help")), "{line:?}");
        }
    }

    #[test]
    fn each_rule_mistake_gets_one_line_error() {
        let no_type = "the part after the equals sign is not a media type, such as text/plain";
        let cases: &[(&[&str], &str)] = &[
            (
                &["--mime", "foo"],
                "--mime: 'foo' is invalid: it is not an extension and a media type, such as foo=text/plain",
            ),
            (
                &["--mime", "a/b=text/plain"],
                "--mime: 'a/b=text/plain' is invalid: the part before the equals sign is no extension or file \
                 name, such as foo or README",
            ),
            (
                &["--mime=.=text/plain"],
                "--mime: '.=text/plain' is invalid: the part before the equals sign is no extension or file \
                 name, such as foo or README",
            ),
            (
                &["--mime=.Tar.GZ = image/png"],
                "--mime: '.Tar.GZ = image/png' is invalid: the part before the equals sign is no extension or file \
                 name, such as foo or README",
            ),
            (&["--mime", "foo=text"], &format!("--mime: 'foo=text' is invalid: {no_type}")),
            (&["--mime", "foo=a/b\r\nX: y"], &format!("--mime: 'foo=a/b\\r\\nX: y' is invalid: {no_type}")),
            (
                &["--mime", "foo=text/plain", "--mime", ".FOO=text/html"],
                "--mime is given twice for '.FOO', which is text/plain; charset=utf-8 already; leave one out",
            ),
            (&["--clean-urls", "--clean-urls"], "'--clean-urls' is given twice; once is enough"),
            (
                &["-H", "X-A"],
                "--header: 'X-A' is invalid: it has no colon; write it like 'X-Frame-Options: DENY'",
            ),
            (
                &["-H", "Content-Type: text/plain"],
                "--header: 'Content-Type: text/plain' is invalid: Content-Type cannot be set; use --mime \
                 EXT=TYPE",
            ),
            (
                &["-H", "Cache-Control: no-store"],
                "--header: 'Cache-Control: no-store' is invalid: Cache-Control cannot be set; use \
                 --cache-control '**=VALUE'",
            ),
            (&["-HServer: a", "-HServer: b"], "--header: Server is given twice; leave one out"),
            (
                &["--cors", "-H", "Access-Control-Allow-Origin: *"],
                "--header: Access-Control-Allow-Origin is set by --cors; leave one of them out",
            ),
            (
                &["--cache-control", "a/=no-cache"],
                "--cache-control: 'a/=no-cache' is invalid: as a pattern, it ends in a slash; write a/** \
                 for all files in the directory",
            ),
        ];
        check(cases);
    }

    #[test]
    fn cors_redirect_and_too_many_rules_get_errors() {
        let cases: &[(&[&str], &str)] = &[
            (&["--cors=x", "--cors"], "--cors is given twice, 'x' and ''; leave one out"),
            (
                &["--cors=example.com"],
                "--cors: 'example.com' is invalid: it is not one origin; write it like \
                 https://example.com, with no path after it, or *",
            ),
            (
                &["--redirect", "/a"],
                "--redirect: '/a' is invalid: it is not a path and its target, such as /old=/new",
            ),
            (&["--redirect", "/a=/a"], "--redirect: '/a=/a' is part of a loop; leave one of its rules out"),
        ];
        check(cases);
        for (option, value) in [("--redirect=/", "=/x"), ("--mime=x", "=a/b")] {
            let many: Vec<String> =
                (0..=RULES_MAX).map(|number| format!("{option}{number}{value}")).collect();
            let many: Vec<&str> = many.iter().map(String::as_str).collect();
            assert!(config(&many).unwrap_err().contains("more than 1000 times"), "{option}");
            assert!(config(&many[1..]).is_ok(), "{option}");
        }
    }
}
