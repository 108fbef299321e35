//! Names of all kinds: decoded exactly once, served under their media type, harmless in a head.
//!
//! A name on Linux is any bytes but `/` and NUL, so any of them must be servable when encoded.

use std::fs;

use super::{assert_kept, serve};

/// Every byte of a name, percent-encoded.
fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn percent_encoded_names_are_served() {
    let names = [
        "plain.txt",
        "a b",
        " ",
        "caf\u{e9} \u{1f980}",
        "100%",
        "%41",
        "a%20b",
        "a?b=c",
        "a#b",
        "a+b",
        "a'b\"c",
        "a&b;c=d,e",
        "<script>",
        "a\\b",
        "a:b",
        "[x]{y}|z^`~",
        "tab\there",
        "line\nbreak",
        "carriage\rreturn",
        "bell\u{7}",
        "-x",
        "~",
        "*",
    ];
    let server = serve(&[]);
    let mut client = server.connect();
    for name in names {
        fs::write(server.root().join(name), name).expect(name);
        fs::create_dir(server.root().join(format!("{name}.d"))).expect(name);
        fs::write(server.root().join(format!("{name}.d/x")), name).expect(name);
    }
    for name in names {
        for path in [format!("/{}", encoded(name)), format!("/{}.d/x", encoded(name).to_lowercase())] {
            let reply = client.get(&path);
            assert_eq!((reply.status, reply.text()), (200, name), "{path}");
        }
        // Where a redirect leads is where the directory is.
        let path = format!("/{}.d", encoded(name));
        let location = client.get(&path).location_from(&path);
        assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
        assert_eq!(client.get(&format!("{location}x")).text(), name, "{location}");
    }
}

#[test]
fn path_is_decoded_exactly_once() {
    let server = serve(&[("a b", b"space"), ("a%20b", b"percent"), ("a%2520b", b"twice"), ("a+b", b"plus")]);
    let mut client = server.connect();
    for (path, text) in [
        ("/a%20b", "space"),
        ("/%61%20%62", "space"),
        ("/a%2520b", "percent"),
        ("/a%252520b", "twice"),
        ("/a+b", "plus"),
        ("/a%2bb", "plus"),
        ("/a%2Bb?a%20b", "plus"),
    ] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.text()), (200, text), "{path}");
    }
    for path in ["/a%2", "/a%", "/a%zz", "/a%2gb", "/%%20"] {
        assert_kept(&client.get(path), 400, path);
    }
}

#[test]
fn query_begins_at_first_question_mark() {
    let server = serve(&[("a", b"a"), ("a?b", b"question mark")]);
    let mut client = server.connect();
    for (path, text) in [
        ("/a?b", "a"),
        ("/a?b?c", "a"),
        ("/a?/../../secret", "a"),
        ("/a?%zz%00", "a"),
        ("/a%3Fb", "question mark"),
    ] {
        assert_eq!(client.get(path).text(), text, "{path}");
    }
}

#[test]
fn line_break_in_name_cannot_split_response() {
    let name = "x\r\nSet-Cookie: a=b\r\n\r\n<p>";
    let server = serve(&[(name, b"content")]);
    fs::create_dir(server.root().join("d\r\nSet-Cookie: a=b")).expect("a directory");
    let mut client = server.connect();
    let directory = "/d%0d%0aSet-Cookie:%20a=b";
    for (path, status) in [
        (format!("/{}", encoded(name)), 200),
        (format!("/{}", encoded("y\r\nSet-Cookie: a=b\r\n\r\n")), 404),
        (directory.to_owned(), 301),
        (format!("{directory}?q=%0d%0aSet-Cookie:%20a=b"), 301),
        (format!("{directory}/"), 200),
    ] {
        for method in ["GET", "HEAD"] {
            client.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
            let reply = if method == "GET" { client.reply() } else { client.reply_to_head() };
            assert_eq!((reply.status, reply.field("Set-Cookie")), (status, None), "{method} {path}");
        }
    }
    assert_eq!(client.get(&format!("/{}", encoded(name))).text(), "content", "still in step");
}

#[test]
fn trailing_slash_status_depends_on_file_type() {
    let server = serve(&[
        ("hello.txt", b"hello"),
        ("page.html/index.html", b"index"),
        ("odd/index.html/x", b"x"),
        ("noext", b"noext"),
    ]);
    let mut client = server.connect();
    for (path, status) in [
        ("/hello.txt", 200),
        ("/hello.txt/", 404),
        ("/hello.txt//", 404),
        ("/hello.txt/.", 404),
        ("/hello.txt/x", 404),
        ("/noext/", 404),
        ("/page.html", 301),
        ("/page.html/", 200),
        ("/page.html/index.html/", 404),
        ("/odd/", 200),
        ("/odd/index.html", 301),
        ("/missing/", 404),
        ("//hello.txt", 200),
        ("/page.html/../hello.txt", 200),
    ] {
        assert_kept(&client.get(path), status, path);
    }
}

#[test]
fn too_long_name_gets_404() {
    let longest = "n".repeat(255);
    let server = serve(&[(&longest, b"long")]);
    let mut client = server.connect();
    assert_eq!(client.get(&format!("/{longest}")).text(), "long");
    assert_eq!(client.get(&format!("/{}", encoded(&longest))).text(), "long");
    assert_kept(&client.get(&format!("/{longest}n")), 404, "256 bytes");
    assert_kept(&client.get(&format!("/{}", "d/".repeat(3000))), 404, "3,000 directories");
    assert_kept(&client.get(&format!("/{}", "../".repeat(2000))), 400, "2,000 steps up");
}

#[test]
fn content_type_follows_extension() {
    let types = [
        ("a.html", "text/html; charset=utf-8"),
        ("a.htm", "text/html; charset=utf-8"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.xml", "text/xml; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.wasm", "application/wasm"),
        ("a.pdf", "application/pdf"),
        ("a.zip", "application/zip"),
        ("a.tar.gz", "application/gzip"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.gif", "image/gif"),
        ("a.webp", "image/webp"),
        ("a.ico", "image/x-icon"),
        ("a.woff2", "font/woff2"),
        ("a.mp3", "audio/mpeg"),
        ("a.mp4", "video/mp4"),
        ("a.webm", "video/webm"),
        ("README", "text/plain; charset=utf-8"),
        ("nothing", "application/octet-stream"),
        ("a.nosuchtype", "application/octet-stream"),
    ];
    let files: Vec<(&str, &[u8])> = types.iter().map(|(name, _)| (*name, &b"x"[..])).collect();
    let server = serve(&files);
    let mut client = server.connect();
    for (name, media_type) in types {
        assert_eq!(client.get(&format!("/{name}")).field("Content-Type"), Some(media_type), "{name}");
    }
}
