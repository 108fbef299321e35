//! `--redirect FROM=TO`: moved paths.
//!
//! Client input enters only the path: a client can never choose another host.

use std::collections::HashMap;

use crate::files::normal_form;
use crate::http::{append_query, has_host, percent_encode_path};

/// Redirect rule; its target is in parts, as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Decoded, without the first slash.
    from: Vec<u8>,
    is_prefix_match: bool,
    /// `https://host` or empty, then the path up to `*`.
    start: String,
    path_after_star: Option<String>,
    /// With its `?`.
    query: Option<String>,
    /// With its `#`, or empty.
    fragment: String,
    text: String,
}

impl Redirect {
    /// Parses `FROM=TO`; the first `=` ends `FROM`.
    ///
    /// # Errors
    /// Mistake and remedy.
    pub fn parse(text: &[u8]) -> Result<Redirect, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
        let form = "it is not a path and its target, such as /old=/new";
        let (from, to) = text.split_once('=').ok_or(form)?;
        let is_prefix_match = from.ends_with('*');
        if from.strip_suffix('*').unwrap_or(from).contains(['*', '?', '#']) {
            return Err("its path has a *, ? or # within; a * can only be its last character".to_owned());
        }
        let from = normal_form(from.as_bytes())
            .map_err(|_| "its first part is not a request path; write it like /old, percent-encoded")?;
        let from = from.strip_suffix(b"*").filter(|_| is_prefix_match).unwrap_or(&from).to_vec();
        if let Some(letter) = to.chars().find(|letter| !is_uri_char(*letter)) {
            return Err(format!("the target has {letter:?} in it, which must be percent-encoded"));
        }
        let (to, fragment) = to.split_at(to.find('#').unwrap_or(to.len()));
        let (to, query) = to.split_at(to.find('?').unwrap_or(to.len()));
        let (origin, path) = split_origin(to)?;
        let (path, after) = path.split_at(path.find('*').unwrap_or(path.len()));
        let path_after_star = after.strip_prefix('*').map(str::to_owned);
        let stars = [origin, path_after_star.as_deref().unwrap_or_default(), query, fragment].concat();
        if stars.contains('*') || (path_after_star.is_some() && !is_prefix_match) {
            let error = "the target has a * without a value: its path may have one, and then the first path \
                         must end in one";
            return Err(error.to_owned());
        }
        let (start, query) = ([origin, path].concat(), (!query.is_empty()).then(|| query.to_owned()));
        let (fragment, text) = (fragment.to_owned(), text.to_owned());
        Ok(Redirect { from, is_prefix_match, start, path_after_star, query, fragment, text })
    }

    /// A rule without query keeps the request's query.
    fn location(&self, path: &[u8], query: Option<&[u8]>) -> Option<Vec<u8>> {
        let rest =
            path.strip_prefix(self.from.as_slice()).filter(|rest| self.is_prefix_match || rest.is_empty())?;
        let mut location = self.start.clone().into_bytes();
        if let Some(path_after_star) = &self.path_after_star {
            // A path that begins with `//` would name a host.
            let is_extra = |byte: &&u8| **byte == b'/' && self.start.ends_with('/');
            let slashes = rest.iter().take_while(is_extra).count();
            percent_encode_path(&mut location, rest.get(slashes..).unwrap_or_default());
            // An empty rest can join two slashes, too.
            let joins_slashes = location.ends_with(b"/");
            let path_after_star =
                if joins_slashes { path_after_star.trim_start_matches('/') } else { path_after_star };
            location.extend_from_slice(path_after_star.as_bytes());
        }
        match &self.query {
            Some(own) => location.extend_from_slice(own.as_bytes()),
            None => append_query(&mut location, query),
        }
        location.extend_from_slice(self.fragment.as_bytes());
        Some(location)
    }
}

fn split_origin(text: &str) -> Result<(&str, &str), &'static str> {
    let form = "the target is not a path, such as /new, and not an http or https URL";
    if text.starts_with("//") {
        return Err("the target begins with two slashes, which name another host; write https:// in front");
    }
    if text.starts_with('/') {
        return Ok(("", text));
    }
    let (scheme, rest) = text.split_once("://").ok_or(form)?;
    let host = rest.split('/').next().unwrap_or_default();
    let is_http = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if !is_http || !has_host(host.as_bytes()) {
        return Err(form);
    }
    Ok(text.split_at(scheme.len() + "://".len() + host.len()))
}

/// RFC 3986 section 2, including `%`.
fn is_uri_char(letter: char) -> bool {
    letter.is_ascii_graphic() && !"\"<>\\^`{|}".contains(letter)
}

pub(crate) fn find_redirect(rules: &[Redirect], path: &[u8], query: Option<&[u8]>) -> Option<Vec<u8>> {
    let path = normal_form(path).ok()?;
    rules.iter().find_map(|rule| rule.location(&path, query))
}

pub(crate) fn check_loops(rules: &[Redirect]) -> Result<(), String> {
    // Paths, and the rule whose walk reached them last.
    let mut walked: HashMap<Vec<u8>, usize> = HashMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let mut path = b"/".to_vec();
        percent_encode_path(&mut path, &rule.from);
        path.extend(rule.is_prefix_match.then_some(b'x'));
        // Without a loop, each step takes another rule or shortens the path.
        let mut steps_left = rules.len() + 1;
        while let Some(location) = find_redirect(rules, &path, None) {
            match walked.insert(std::mem::replace(&mut path, location), index) {
                Some(walk) if walk != index => break,
                None if steps_left > 0 => steps_left -= 1,
                Some(_) | None => {
                    let text = &rule.text;
                    return Err(format!(
                        "--redirect: '{text}' is part of a loop; leave one of its rules out"
                    ));
                }
            }
            let end = path.iter().position(|byte| b"?#".contains(byte)).unwrap_or(path.len());
            path.truncate(end);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Vec<Redirect> {
        texts
            .iter()
            .map(|text| Redirect::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}")))
            .collect()
    }

    /// Location for a target.
    fn location_of(texts: &[&str], target: &str) -> Option<String> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.as_bytes())),
            None => (target, None),
        };
        find_redirect(&rules(texts), path.as_bytes(), query)
            .map(|location| String::from_utf8(location).unwrap())
    }

    #[test]
    fn redirect_location_follows_rule_and_query() {
        for (rule, target, expected) in [
            ("/old=/new", "/old", Some("/new")),
            ("/old=/new", "/old?a=b", Some("/new?a=b")),
            ("/old=/new", "/old?", Some("/new?")),
            ("/old=/new?x", "/old?a=b", Some("/new?x")),
            ("/old=/new#part", "/old?a", Some("/new?a#part")),
            ("/old=/new", "/old/", None),
            ("/old=/new", "/old/x", None),
            ("/old=/new", "/older", None),
            ("/old=/new", "/x/../%6fld", Some("/new")),
            ("/old/=/new/", "//old//", Some("/new/")),
            ("/%C3%A9 x=/new", "/\u{e9}%20x", Some("/new")),
            ("/=/home", "/", Some("/home")),
            ("/a=https://example.com", "/a?q", Some("https://example.com?q")),
            ("/a=HTTP://example.com:8080/b", "/a", Some("HTTP://example.com:8080/b")),
            ("/.well-known/change-password=/account", "/.well-known/change-password", Some("/account")),
            ("/old/*=/new/*", "/old/a/b.html?q", Some("/new/a/b.html?q")),
            ("/old/*=/new/*", "/old/", Some("/new/")),
            ("/old/*=/new/*", "/old", None),
            ("/old/*=/new/*.html", "/old/a", Some("/new/a.html")),
            ("/old/*=/new/*/info", "/old/a", Some("/new/a/info")),
            ("/old/*=/new/*/info", "/old/a/", Some("/new/a/info")),
            ("/old/*=/*/info", "/old/", Some("/info")),
            ("/old/*=/*//info", "/old/", Some("/info")),
            ("/old/*=/new", "/old/a/b", Some("/new")),
            ("/old*=/new*", "/older/x", Some("/newer/x")),
            ("/*=https://example.com/*", "/a%20b/%3Fc?d=e", Some("https://example.com/a%20b/%3Fc?d=e")),
            ("/*=https://example.com/*", "/", Some("https://example.com/")),
            ("/a%2A=/b", "/a*", Some("/b")),
            ("/a%2A=/b", "/ab", None),
            ("/old=/new", "/..", None),
            ("/old=/new", "*", None),
        ] {
            assert_eq!(location_of(&[rule], target).as_deref(), expected, "{rule} for {target}");
        }
        let first = ["/a/b=/first", "/a/*=/second/*"];
        assert_eq!(location_of(&first, "/a/b").as_deref(), Some("/first"));
        assert_eq!(location_of(&first, "/a/c").as_deref(), Some("/second/c"));
    }

    #[test]
    fn redirect_hostile_target_stays_on_host() {
        for rule in ["/old*=/*", "/old/*=/*", "/o*=/*x", "/*=/x/*", "/old/*=/*/x", "/old*=/*/x"] {
            for target in [
                "/old",
                "/old/",
                "/old//evil.example",
                "/old/evil.example",
                "/old%2f%2fevil.example",
                "/old/\\evil.example",
                "/old\\evil.example",
                "/old/%5cevil.example",
                "/old/%09/evil.example",
                "/old/.//evil.example",
                "/old/x/..//evil.example",
                "/old/@evil.example",
                "/old:evil.example",
                "/old%0d%0aLocation:%20x",
            ] {
                let Some(location) = location_of(&[rule], target) else { continue };
                let mut letters = location.chars();
                assert_eq!(letters.next(), Some('/'), "{rule} for {target}: {location}");
                assert!(!matches!(letters.next(), Some('/' | '\\')), "{rule} for {target}: {location}");
                assert!(location.is_ascii() && !location.contains(['\r', '\n', '\t', '\\']), "{location}");
            }
        }
    }

    #[test]
    fn redirect_invalid_rule_gets_error_with_remedy() {
        for (text, part) in [
            ("/old", "such as /old=/new"),
            ("=/new", "not a request path"),
            ("old=/new", "not a request path"),
            ("/..=/new", "not a request path"),
            ("/a%=/new", "not a request path"),
            ("/a*b=/new", "a * can only be its last character"),
            ("/a**=/new", "a * can only be its last character"),
            ("/a?b=/new", "a * can only be its last character"),
            ("/old=", "not a path, such as /new"),
            ("/old=new", "not a path, such as /new"),
            ("/old=ftp://example.com/", "not a path, such as /new"),
            ("/old=javascript:alert(1)", "not a path, such as /new"),
            ("/old=https://", "not a path, such as /new"),
            ("/old=https:///x", "not a path, such as /new"),
            ("/old=https://user@example.com/", "not a path, such as /new"),
            ("/old=//example.com/", "name another host"),
            ("/old=/\\example.com/", "percent-encoded"),
            ("/old=/a b", "' ' in it, which must be percent-encoded"),
            ("/old=/caf\u{e9}", "percent-encoded"),
            ("/old=/a\r\nX: y", "percent-encoded"),
            ("/old=/new/*", "a * without a value"),
            ("/old/*=/a/*/*", "a * without a value"),
            ("/old/*=/a?q=*", "a * without a value"),
            ("/old/*=https://*/", "a * without a value"),
            ("/old/*=https://example.com*", "a * without a value"),
        ] {
            let error = Redirect::parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn redirect_loops_rejected_chains_accepted() {
        for texts in [
            &["/a=/a"][..],
            &["/a=/a?x"],
            &["/a=/%61#b"],
            &["/a=/b/../a"],
            &["/a/*=/a/*"],
            &["/a/*=/a/b"],
            &["/*=/x"],
            &["/old/*=/old/new/*"],
            &["/a=/b", "/b=/a"],
            &["/a=/b", "/b=/c", "/c=/b"],
        ] {
            let error = check_loops(&rules(texts)).expect_err(texts[0]);
            assert!(error.starts_with("--redirect: '/") && error.contains("part of a loop"), "{error}");
        }
        for texts in [
            &["/a=/b"][..],
            &["/a=/b", "/b=/c", "/c=/d"],
            &["/a=https://example.com/a"],
            &["/*=https://example.com/*"],
            &["/a/*=/b/*", "/b/*=/c"],
            &["/a=/a/"],
        ] {
            assert_eq!(check_loops(&rules(texts)), Ok(()), "{texts:?}");
        }
    }

    #[test]
    fn redirect_chain_of_thousand_rules_is_checked_once() {
        let mut texts: Vec<String> = (0..1000).map(|number| format!("/a{number}=/a{}", number + 1)).collect();
        let as_rules = |texts: &[String]| rules(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(check_loops(&as_rules(&texts)), Ok(()));
        texts.reverse();
        assert_eq!(check_loops(&as_rules(&texts)), Ok(()));
        texts.push("/a1000=/a500".to_owned());
        check_loops(&as_rules(&texts)).expect_err("a loop");
    }
}
