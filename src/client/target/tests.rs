//! Tests of request targets: operands, overrides and references.
//!
//! Nothing is resolved or connected.

use super::*;

type Parsed = Result<(Option<String>, ClientTarget), String>;

fn parse_with(line: &str, host: Option<&str>, port: Option<u16>) -> Parsed {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let host = host.map(str::to_owned);
    parse_operands(&words, &Overrides { host, port, keeps_braces: false })
}

fn parse(line: &str) -> Parsed {
    parse_with(line, None, None)
}

fn target(host: &str, port: u16, path: &str) -> ClientTarget {
    let (host, path) = (host.to_owned(), path.to_owned());
    ClientTarget { host, port, is_tls: false, path }
}

#[test]
fn every_operand_form_parses_to_its_target() {
    let rows = [
        ("", None, "127.0.0.1", 8080, "/"),
        // A method first.
        ("GET", Some("GET"), "127.0.0.1", 8080, "/"),
        ("GET /", Some("GET"), "127.0.0.1", 8080, "/"),
        ("HEAD /x?y", Some("HEAD"), "127.0.0.1", 8080, "/x?y"),
        ("PURGE :81/x", Some("PURGE"), "127.0.0.1", 81, "/x"),
        ("GET h:81/x", Some("GET"), "h", 81, "/x"),
        ("GET http://h/x", Some("GET"), "h", 80, "/x"),
        ("GET index.html", Some("GET"), "index.html", 8080, "/"),
        ("OPTIONS *", Some("OPTIONS"), "127.0.0.1", 8080, "*"),
        // Host and port.
        ("127.0.0.1 8080", None, "127.0.0.1", 8080, "/"),
        ("::1 81", None, "::1", 81, "/"),
        ("[::1] 81 x", None, "::1", 81, "/x"),
        ("localhost 8080 GET /index.html", Some("GET"), "localhost", 8080, "/index.html"),
        ("localhost 6789 HelloWorld.html", None, "localhost", 6789, "/HelloWorld.html"),
        ("h 81 HEAD", Some("HEAD"), "h", 81, "/"),
        ("h 81 LICENSE", None, "h", 81, "/LICENSE"),
        ("h 81 PURGE x", Some("PURGE"), "h", 81, "/x"),
        // A URL, a path, a port.
        ("http://localhost:8080/a%20b?x=1", None, "localhost", 8080, "/a%20b?x=1"),
        ("HTTP://h", None, "h", 80, "/"),
        ("http://sum/x", None, "sum", 80, "/x"),
        ("sum:81/x", None, "sum", 81, "/x"),
        ("/sum", None, "127.0.0.1", 8080, "/sum"),
        ("http://h?x", None, "h", 80, "/?x"),
        ("http://h:/x", None, "h", 80, "/x"),
        ("http://[::1]/x", None, "::1", 80, "/x"),
        ("/x", None, "127.0.0.1", 8080, "/x"),
        ("?x", None, "127.0.0.1", 8080, "/?x"),
        (":8080/x", None, "127.0.0.1", 8080, "/x"),
        (":81", None, "127.0.0.1", 81, "/"),
        // host[:port][/path].
        ("localhost:8080/x", None, "localhost", 8080, "/x"),
        ("localhost", None, "localhost", 8080, "/"),
        ("localhost/x", None, "localhost", 8080, "/x"),
        ("localhost:/x", None, "localhost", 8080, "/x"),
        ("localhost#x", None, "localhost", 8080, "/"),
        ("[::1]:81/x", None, "::1", 81, "/x"),
        ("[::1]", None, "::1", 8080, "/"),
        ("::1", None, "::1", 8080, "/"),
        ("h/http://x", None, "h", 8080, "/http://x"),
    ];
    for (line, method, host, port, path) in rows {
        let wanted = (method.map(str::to_owned), target(host, port, path));
        assert_eq!(parse(line), Ok(wanted), "{line}");
    }
}

#[test]
fn host_and_port_options_override_operands() {
    let rows = [
        ("", Some("h"), Some(81), "h", 81, "/"),
        ("GET /x", Some("h"), Some(81), "h", 81, "/x"),
        ("http://a:82/x", None, Some(81), "a", 81, "/x"),
        ("http://a/x", None, Some(81), "a", 81, "/x"),
        ("http://a/x", Some("h"), None, "h", 80, "/x"),
        ("a 82 x", Some("h"), Some(81), "h", 81, "/x"),
        ("localhost", None, Some(81), "localhost", 81, "/"),
        ("x.html", Some("h"), None, "h", 8080, "/x.html"),
        (":82/x", Some("h"), None, "h", 82, "/x"),
    ];
    for (line, host, port, wanted_host, wanted_port, path) in rows {
        let (_, found) = parse_with(line, host, port).unwrap();
        assert_eq!(found, target(wanted_host, wanted_port, path), "{line}");
    }
}

#[test]
fn braces_are_kept_in_url_templates() {
    let overrides = Overrides { keeps_braces: true, ..Overrides::default() };
    for (word, path) in [
        ("/a b{SEQ}", "/a%20b{SEQ}"),
        ("http://h/{RAND:1:2}#x", "/{RAND:1:2}"),
        (":81/{SEQ}?n={SEQ}", "/{SEQ}?n={SEQ}"),
        ("h:81", "/"),
    ] {
        let (_, target) = parse_operands(&[word.to_owned()], &overrides).unwrap();
        assert_eq!(target.path, path, "{word}");
    }
}

#[test]
fn every_target_error_names_its_cause() {
    let rows = [
        ("/a /b", "unexpected word '/b'"),
        ("GET h 8080", "unexpected word '8080'"),
        ("h x.html", "unexpected word 'x.html'"),
        ("h 81 x y", "unexpected word 'y'"),
        ("h 81 GET /x y", "unexpected word 'y'"),
        ("h 81 get /x", "'get' is not a method"),
        ("h 99999", "'99999' is not a port"),
        ("h 0", "'0' is not a port"),
        ("h:x", "'x' is not a port"),
        ("h:+80", "'+80' is not a port"),
        ("http://h:70000/", "'70000' is not a port"),
        ("https:///", "the host is empty"),
        ("sum", "'sum' is a command and comes first"),
        ("sum 9042 /x", "a host of this name is written http://sum/"),
        ("ftp://h/", "'ftp://' is not supported"),
        ("u:secret@h", "the host has a user name"),
        ("http:///x", "the host is empty"),
        ("http://:81/x", "'http://:81/x' has no host"),
        ("[::1/x", "is not a"),
        ("[x]:81", "'[x]' is not an IPv6 address"),
        ("[::1]x", "is not a host name or address"),
        ("h%41", "'h%41' is not a host name or address"),
        ("bücher.example", "'bücher.example' is not a host name"),
        ("h\u{1}", "'h\\u{1}' is not a host name"),
    ];
    for (line, part) in rows {
        let error = parse(line).unwrap_err();
        assert!(error.contains(part) && !error.contains("secret"), "{line}: {error}");
    }
    let empty = parse_operands(&[String::new()], &Overrides::default());
    assert_eq!(empty.unwrap_err(), "the host is empty");
}

#[test]
fn references_resolve_as_in_rfc_3986() {
    let base = ClientTarget { is_tls: true, ..target("a", 443, "/b/c/d;p?q") };
    // Section 5.4, without the fragments, which are not sent.
    let rows = [
        ("g", "https://a/b/c/g"),
        ("./g", "https://a/b/c/g"),
        ("g/", "https://a/b/c/g/"),
        ("/g", "https://a/g"),
        ("//g", "https://g/"),
        ("?y", "https://a/b/c/d;p?y"),
        ("g?y", "https://a/b/c/g?y"),
        ("#s", "https://a/b/c/d;p?q"),
        ("g?y#s", "https://a/b/c/g?y"),
        (";x", "https://a/b/c/;x"),
        ("", "https://a/b/c/d;p?q"),
        (".", "https://a/b/c/"),
        ("./", "https://a/b/c/"),
        ("..", "https://a/b/"),
        ("../g", "https://a/b/g"),
        ("../..", "https://a/"),
        ("../../../g", "https://a/g"),
        ("/./g", "https://a/g"),
        ("/../g", "https://a/g"),
        ("g.", "https://a/b/c/g."),
        ("..g", "https://a/b/c/..g"),
        ("./g/.", "https://a/b/c/g/"),
        ("g/../h", "https://a/b/c/h"),
        ("g?y/../x", "https://a/b/c/g?y/../x"),
        ("/a b\u{e9}", "https://a/a%20b%C3%A9"),
        ("http://u:p@h:81/x#y", "http://h:81/x"),
        ("HTTPS://h", "https://h/"),
        ("http://h/a/../b/./c?d/../e", "http://h/b/c?d/../e"),
        ("//h/a/..", "https://h/"),
    ];
    for (reference, url) in rows {
        assert_eq!(base.resolve(reference).expect(reference).url(), url, "{reference}");
    }
    for reference in ["mailto:a@b", "ftp://h/", "file:///etc/passwd", "http:g", "http:///x", "//h:x/"] {
        assert!(base.resolve(reference).is_err(), "{reference}");
    }
}

#[test]
fn authority_brackets_ipv6_and_omits_port_80() {
    let rows = [("h", 80, "h"), ("h", 8080, "h:8080"), ("::1", 80, "[::1]"), ("::1", 8080, "[::1]:8080")];
    for (host, port, authority) in rows {
        assert_eq!(target(host, port, "/").authority(), authority);
    }
}

#[test]
fn request_path_is_percent_encoded_without_fragment() {
    let rows = [
        ("/a b", "/a%20b"),
        ("/a%20b%2F%c3", "/a%20b%2F%c3"),
        ("/100%", "/100%25"),
        ("/%zz%4", "/%25zz%254"),
        ("/%€", "/%25%E2%82%AC"),
        ("/é", "/%C3%A9"),
        ("/a\r\nB: c\t\0\x7f", "/a%0D%0AB:%20c%09%00%7F"),
        ("/a?b c#d?e", "/a?b%20c"),
        ("#", "/"),
        ("/../a/./b", "/../a/./b"),
        ("/[a]'(b)*;=&,+@!$~", "/[a]'(b)*;=&,+@!$~"),
        ("/\"<>\\^`{|}", "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
    ];
    for (text, path) in rows {
        assert_eq!(request_path(text, PATH_ENCODE_SET), path, "{text:?}");
    }
}
