//! What a file is said to be: by the table, or by `--mime`, on every way to it.
//!
//! And that no browser may think otherwise: `X-Content-Type-Options: nosniff` stands in every answer.

use std::fs;

use crate::harness::{Server, reactor_server};

#[test]
fn mime_option_overrides_table_for_get_and_head() {
    let files: &[(&str, &[u8])] = &[
        ("a.foo", b"a"),
        ("b.FOO", b"b"),
        ("c.tar.gz", b"c"),
        ("d.gz", b"d"),
        ("e.html", b"e"),
        ("f.txt", b"f"),
        ("index.htm", b"home"),
        ("foo", b""),
        ("xfoo", b""),
        ("Makefile", b""),
        ("gz", b""),
        ("go.mod", b""),
    ];
    let options = [
        "--mime=foo=text/x-foo",
        "--mime",
        ".Tar.GZ=application/x-tgz",
        "--mime=makefile=text/x-makefile",
        "--mime=go.mod= application/x-go-mod",
        "--mime=.gz=application/gzip",
        "--mime=html=text/html; charset=iso-8859-1",
        "--mime=htm=application/xhtml+xml",
        "--index=index.htm",
    ];
    let server = Server::with(files, &options);
    let mut client = server.connect();
    for (path, media_type) in [
        ("/a.foo", "text/x-foo; charset=utf-8"),
        ("/b.FOO?x", "text/x-foo; charset=utf-8"),
        ("/c.tar.gz", "application/x-tgz"),
        ("/d.gz", "application/gzip"),
        ("/e.html", "text/html; charset=iso-8859-1"),
        ("/f.txt", "text/plain; charset=utf-8"),
        ("/", "application/xhtml+xml; charset=utf-8"),
        ("/foo", "text/x-foo; charset=utf-8"),
        ("/xfoo", "application/octet-stream"),
        ("/Makefile", "text/x-makefile; charset=utf-8"),
        ("/gz", "application/octet-stream"),
        ("/go.mod", "application/x-go-mod"),
    ] {
        for method in ["GET", "HEAD", "GET"] {
            let reply = client.ask(&format!("{method} {path}"), "");
            assert_eq!(
                (reply.status, reply.field("Content-Type")),
                (200, Some(media_type)),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn known_names_and_default_type_decide_without_extension() {
    let names = ["README", "LICENSE", "Makefile", "go.mod", "a.sha256", "a.bin", "unknown", "a.no-such-type"];
    let files = names.map(|name| (name, &b"x"[..]));
    let (plain, octets) = ("text/plain; charset=utf-8", "application/octet-stream");
    for (options, unknown) in
        [(&[][..], octets), (&["--default-type", "text/html"], "text/html; charset=utf-8")]
    {
        let server = Server::with(&files, options);
        let mut client = server.connect();
        for (at, name) in names.iter().enumerate() {
            let expected = if at < 5 {
                plain
            } else if at == 5 {
                octets
            } else {
                unknown
            };
            assert_eq!(
                client.get(&format!("/{name}")).field("Content-Type"),
                Some(expected),
                "{name} {options:?}"
            );
        }
    }
}

#[test]
fn svgz_is_sent_as_encoded_svg() {
    let server = Server::serving(&[("a.svgz", b"gzip"), ("large.SVGZ", &[b'x'; 100_000])]);
    let mut client = server.connect();
    for path in ["/a.svgz", "/large.SVGZ"] {
        for accepted in ["identity", "gzip, br"] {
            let reply = client.ask(&format!("GET {path}"), &format!("Accept-Encoding: {accepted}"));
            let fields = ["Content-Type", "Content-Encoding", "Vary"].map(|name| reply.field(name));
            assert_eq!(fields, [Some("image/svg+xml; charset=utf-8"), Some("gzip"), None], "{path}");
        }
        let part = client.ask(&format!("GET {path}"), "Range: bytes=1-2");
        assert_eq!((part.status, part.field("Content-Encoding")), (206, Some("gzip")));
    }
}

#[test]
fn mime_option_that_never_matches_is_refused() {
    for text in [
        "*.foo=a/b",
        "a/b.foo=a/b",
        "=a/b",
        "foo.=a/b",
        "foo =a/b",
        " foo=a/b",
        "*=a/b",
        &format!("{}=a/b", "x".repeat(256)),
    ] {
        let outcome = reactor_server().args(["--check", "--mime", text]).output().expect("runs");
        assert_eq!(outcome.status.code(), Some(2), "{text}");
    }
    let outcome = reactor_server().args(["--check", "--default-type", "text"]).output().expect("runs");
    assert_eq!(outcome.status.code(), Some(2));
}

#[test]
fn mime_option_applies_to_documents_and_changed_files() {
    let files: &[(&str, &[u8])] = &[("app.foo", b"app"), ("lost.foo", b"lost")];
    let options = ["--mime=foo=text/x-foo", "--fallback=app.foo", "--error-page=404=lost.foo"];
    let server = Server::with(files, &options);
    let mut client = server.connect();
    let expected = Some("text/x-foo; charset=utf-8");
    let fallback = client.get("/missing");
    assert_eq!((fallback.status, fallback.text(), fallback.field("Content-Type")), (200, "app", expected));
    let lost = client.get("/.hidden");
    assert_eq!((lost.status, lost.text(), lost.field("Content-Type")), (404, "lost", expected));
    for text in ["first", "second"] {
        fs::write(server.root().join("app.foo"), text).expect("writes");
        let reply = client.get("/app.foo");
        assert_eq!((reply.text(), reply.field("Content-Type")), (text, expected));
    }
}

#[test]
fn mime_option_applies_to_embedded_pages() {
    let server = Server::in_folder(&[], &["--welcome", "--mime=svg=image/x-test"]);
    assert_eq!(server.get("/favicon.svg").field("Content-Type"), Some("image/x-test"));
    assert_eq!(server.get("/style.css").field("Content-Type"), Some("text/css; charset=utf-8"));
}

#[test]
fn every_response_has_nosniff() {
    let server = Server::with(&[("a.txt", b"a"), ("d/x", b"")], &["--upload"]);
    let mut client = server.connect();
    for (line, status) in [
        ("GET /a.txt", 200),
        ("HEAD /a.txt", 200),
        ("GET /d", 301),
        ("GET /missing", 404),
        ("DELETE /a.txt", 403),
        ("OPTIONS /a.txt", 204),
        ("BREW /a.txt", 501),
    ] {
        let reply = client.ask(line, "");
        let content_type_options = reply.field("X-Content-Type-Options");
        assert_eq!((reply.status, content_type_options), (status, Some("nosniff")), "{line}");
    }
    let stored = client.send("PUT /new HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx").reply();
    assert_eq!((stored.status, stored.field("X-Content-Type-Options")), (201, Some("nosniff")));
    let refused = client.send("GET / HTTP/3.0\r\n\r\n").reply();
    assert_eq!((refused.status, refused.field("X-Content-Type-Options")), (505, Some("nosniff")));
}
