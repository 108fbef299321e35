//! `--redirect` and `--clean-urls`: where an address leads, and that none leads to another host.
//!
//! Files go before clean addresses and after redirects, and each answer tells of its moment.

use std::fs;

use crate::harness::{Server, pattern};

/// Whether a location is a path here, to every reader of URLs: browsers take `\` for `/`.
fn stays_here(location: &str) -> bool {
    match location.as_bytes() {
        [b'/', rest @ ..] => !rest.starts_with(b"/") && !rest.starts_with(b"\\"),
        // A relative one has no scheme.
        bytes => !bytes.starts_with(b"\\") && !location.split('/').next().unwrap_or("").contains(':'),
    }
}

#[test]
fn redirect_rule_wins_over_file_with_301() {
    let files: &[(&str, &[u8])] = &[("old", b"still here"), ("new", b"new"), ("a/b.txt", b"b")];
    let options = [
        "--redirect",
        "/old=/new",
        "--redirect=/docs/*=/manual/*",
        "--redirect=/docs/x=/never",
        "--redirect=/out/*=https://example.com/in/*?from=here",
        "--redirect=/=/start#top",
        "--redirect=/.well-known/change-password=/account",
    ];
    let server = Server::with(files, &options);
    let mut client = server.connect();
    for (path, location) in [
        ("/old", "/new"),
        ("/old?a=b&c", "/new?a=b&c"),
        ("/%6fld", "/new"),
        ("//a/../old", "/new"),
        ("http://evil.example/old", "/new"),
        ("/docs/x", "/manual/x"),
        ("/docs/a%20b/%C3%A9?q", "/manual/a%20b/%C3%A9?q"),
        ("/docs/", "/manual/"),
        ("/out/x?y", "https://example.com/in/x?from=here"),
        ("/?q", "/start?q#top"),
        ("/.well-known/change-password", "/account"),
    ] {
        for method in ["GET", "HEAD"] {
            let reply = client.ask(&format!("{method} {path}"), "");
            assert_eq!((reply.status, reply.field("Location")), (301, Some(location)), "{method} {path}");
            assert_eq!(reply.field("ETag"), None);
        }
    }
    assert_eq!((client.get("/new").text(), client.get("/a/b.txt").text()), ("new", "b"));
    for path in ["/docs", "/older", "/old/"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    let page = client.ask("GET /old", "Accept: text/html");
    assert!(page.text().starts_with("<!doctype html>"), "{}", page.text());
    assert!(client.get("/old").text().contains("another address"), "a sentence for who reads it");
}

#[test]
fn redirect_of_unsafe_method_gets_308() {
    let server = Server::with(&[("a.txt", b"a")], &["--upload", "--redirect=/old=/new"]);
    let mut client = server.connect();
    for method in ["PUT", "POST", "DELETE", "PATCH", "MKCOL"] {
        let reply = client
            .send(format!("{method} /old HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody"))
            .reply();
        assert_eq!((reply.status, reply.field("Location")), (308, Some("/new")), "{method}");
        assert_eq!(client.get("/a.txt").text(), "a", "the body is out of the way");
    }
    assert_eq!(client.ask("OPTIONS /old", "").status, 204);
    assert_eq!(client.ask("TRACE /old", "").status, 405);
    assert_eq!(client.ask("BREW /old", "").status, 501);
    assert!(!server.root().join("old").exists());
    // Whoever waits before sending is sent on at once; so is who sends more than would be dropped.
    let head = "PUT /old HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let reply = server.connect().send(head).reply();
    assert_eq!((reply.status, reply.field("Connection")), (308, Some("close")));
    let mut client = server.connect();
    let len = 2_000_000;
    client.send(format!("PUT /old HTTP/1.1\r\nHost: test\r\nContent-Length: {len}\r\n\r\n"));
    let _ = client.try_send(pattern(len));
    assert_eq!(client.reply().status, 308);
}

#[test]
fn redirect_hostile_target_stays_on_host() {
    let files: &[(&str, &[u8])] = &[("evil.example/x/y", b""), ("\\evil.example/x", b""), ("docs/x", b"")];
    let options = ["--redirect=/old*=/*", "--redirect=/o/*=/*", "--redirect=/p*=/q/*", "--clean-urls"];
    let server = Server::with(files, &options);
    let mut client = server.connect();
    let mut redirects = 0;
    let tails = [
        "/evil.example",
        "//evil.example",
        "///evil.example/x",
        "/\\evil.example",
        "\\evil.example",
        "/%5Cevil.example",
        "/%2fevil.example",
        "%2f%2fevil.example",
        "/%2f%2fevil.example",
        "/..//evil.example",
        "/x/..//evil.example",
        "/.//evil.example",
        "/%09/evil.example",
        "/%0d%0aSet-Cookie:x",
        "/@evil.example",
        ":evil.example",
    ];
    for prefix in ["", "/", "/docs/..", "/old", "/o", "/p", "//old", "/x/../o"] {
        for tail in tails {
            let path = format!("{prefix}{tail}");
            if !path.starts_with('/') {
                continue;
            }
            let reply = client.get(&path);
            if let Some(location) = reply.field("Location") {
                assert!(stays_here(location), "{path} leads to {location}");
                redirects += 1;
            }
        }
    }
    assert!(redirects > 40, "{redirects} of them redirect");
}

#[test]
fn clean_url_serves_html_file() {
    let files: &[(&str, &[u8])] = &[
        ("index.html", b"home"),
        ("about.html", b"about"),
        ("both", b"exact"),
        ("both.html", b"page"),
        ("dir/x", b""),
        ("dir.html", b"beside the directory"),
        ("docs/index.html", b"docs"),
        ("docs/api.html", b"api"),
    ];
    let server = Server::with(files, &["--clean-urls", "--listing=off"]);
    let mut client = server.connect();
    for (path, text) in [
        ("/about", "about"),
        ("/about?q", "about"),
        ("/%61bout", "about"),
        ("/about.html", "about"),
        ("/both", "exact"),
        ("/both.html", "page"),
        ("/dir", "beside the directory"),
        ("/docs/api", "api"),
        ("/docs/", "docs"),
        ("/index", "home"),
        ("/", "home"),
    ] {
        for method in ["GET", "HEAD", "GET"] {
            let reply = client.ask(&format!("{method} {path}"), "");
            assert_eq!(reply.status, 200, "{method} {path}");
            assert!(method == "HEAD" || reply.text() == text, "{path}: {}", reply.text());
        }
    }
    assert_eq!(client.get("/about").field("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(client.get("/about").field("ETag"), client.get("/about.html").field("ETag"));
    for path in ["/about/", "/missing", "/about.html/", "/dir/", "/.about", "/both.html.html"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    assert_eq!(client.get("/docs?q").field("Location"), Some("docs/?q"));
}

#[test]
fn clean_url_follows_file_changes() {
    let server = Server::with(&[("a.html", b"page")], &["--clean-urls", "--fallback=a.html"]);
    let mut client = server.connect();
    let root = server.root();
    assert_eq!((client.get("/a").text(), client.get("/b").text()), ("page", "page"));
    fs::write(root.join("a"), "exact").expect("writes");
    assert_eq!(client.get("/a").text(), "exact", "the file goes before");
    fs::remove_file(root.join("a")).expect("removes");
    assert_eq!(client.get("/a").text(), "page");
    fs::write(root.join("b.html"), "b").expect("writes");
    assert_eq!(client.get("/b").text(), "b", "the page goes before the fallback");
    fs::remove_file(root.join("a.html")).expect("removes");
    assert_eq!(client.get("/a").status, 404);
}

#[test]
fn without_clean_urls_missing_extension_gets_404() {
    let server = Server::serving(&[("about.html", b"about")]);
    assert_eq!(server.get("/about").status, 404);
}
