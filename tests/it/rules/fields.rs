//! `--header` goes with every answer there is, `--cache-control` with the files that it is for.
//!
//! HEAD and pipelines are tried with all rules at once.

use std::fs;

use crate::harness::Server;

const FILES: &[(&str, &[u8])] = &[
    ("index.html", b"home"),
    ("a.txt", b"a"),
    ("about.html", b"about"),
    ("assets/app.3f.js", b"app"),
    ("assets/deep/style.css", b"style"),
    ("d/x", b""),
    ("d/index.html", b"d"),
    ("lost.html", b"lost"),
];

#[test]
fn header_option_in_every_response() {
    let options = [
        "-H",
        "X-Frame-Options: DENY",
        "--header=Link: <a>",
        "--header",
        "link: <b>",
        "--upload",
        "--redirect=/old=/a.txt",
    ];
    let server = Server::with(FILES, &options);
    for (line, fields, status) in [
        ("GET /a.txt", "", 200),
        ("HEAD /a.txt", "", 200),
        ("GET /d", "", 301),
        ("GET /old", "", 301),
        ("GET /missing", "", 404),
        ("HEAD /missing", "", 404),
        ("GET /%", "", 400),
        ("OPTIONS *", "", 204),
        ("DELETE /a.txt", "", 403),
        ("PUT /new", "Content-Length: 0", 201),
        ("PUT /new", "Content-Length: 0", 204),
        ("PUT /new", "", 411),
        ("BREW /", "", 501),
        ("GET /a.txt", "Expect: tea", 417),
        ("GET /a.txt", "Host: twice", 400),
    ] {
        let reply = server.connect().ask(line, fields);
        assert_eq!((reply.status, reply.field("X-Frame-Options")), (status, Some("DENY")), "{line} {fields}");
        assert_eq!(reply.values("Link"), ["<a>", "<b>"], "{line}");
    }
    let mut client = server.connect();
    let head = "PUT /other HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(client.send(head).head(), "HTTP/1.1 100 Continue\r\n", "it is no answer yet");
    assert_eq!(client.send("x").reply().field("X-Frame-Options"), Some("DENY"));
}

#[test]
fn header_option_replaces_servers_own_field() {
    let server = Server::with(FILES, &["-H", "server: mine", "-H", "X-Content-Type-Options: other"]);
    let mut client = server.connect();
    for path in ["/a.txt", "/missing", "/d"] {
        let reply = client.get(path);
        assert_eq!(reply.values("Server"), ["mine"], "{path}");
        assert_eq!(reply.values("X-Content-Type-Options"), ["other"], "{path}");
    }
}

#[test]
fn head_equals_get_and_pipeline_keeps_order() {
    let options =
        ["-HX-A: b", "--cache-control=**=no-cache", "--cors", "--clean-urls", "--redirect=/old=/a.txt"];
    let server = Server::with(FILES, &options);
    let mut client = server.connect();
    for path in ["/", "/a.txt", "/about", "/d", "/d/", "/old", "/missing", "/%"] {
        let get = client.ask(&format!("GET {path}"), "");
        let head = client.ask(&format!("HEAD {path}"), "");
        assert_eq!(head.dateless(), get.dateless(), "{path}");
    }
    let lines =
        ["GET /a.txt", "GET /old", "HEAD /missing", "OPTIONS /a.txt", "GET /about", "GET /d", "GET /a.txt"];
    let request = |line: &&str| format!("{line} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(lines.iter().map(request).collect::<String>());
    for (line, status) in lines.iter().zip([200, 301, 404, 204, 200, 301, 200]) {
        let reply = if line.starts_with("HEAD") { client.reply_to_head() } else { client.reply() };
        assert_eq!((reply.status, reply.field("X-A")), (status, Some("b")), "{line}");
    }
}

#[test]
fn cache_control_first_matching_rule_wins() {
    let options = [
        "--cache-control",
        "*.html=no-cache",
        "--cache-control=assets/*.js=public, max-age=31536000, immutable",
        "--cache-control=assets/**=max-age=60",
        "--cache-control=/a.txt=no-store",
        "--clean-urls",
    ];
    let server = Server::with(FILES, &options);
    let mut client = server.connect();
    for (path, expected) in [
        ("/", Some("no-cache")),
        ("/index.html?v=1", Some("no-cache")),
        ("/d/", Some("no-cache")),
        ("/about", Some("no-cache")),
        ("/assets/app.3f.js", Some("public, max-age=31536000, immutable")),
        ("/assets/deep/style.css", Some("max-age=60")),
        ("/x/../a%2Etxt", Some("no-store")),
        ("/d/x", None),
    ] {
        for method in ["GET", "HEAD", "GET"] {
            let reply = client.ask(&format!("{method} {path}"), "");
            assert_eq!((reply.status, reply.field("Cache-Control")), (200, expected), "{method} {path}");
        }
    }
    fs::write(server.root().join("a.txt"), "changed").expect("writes");
    assert_eq!(client.get("/a.txt").field("Cache-Control"), Some("no-store"));
}

#[test]
fn cache_control_absent_on_errors_and_redirects() {
    let options = [
        "--cache-control=**=max-age=31536000",
        "--error-page=404=lost.html",
        "--upload",
        "--redirect=/old=/a.txt",
    ];
    let server = Server::with(FILES, &options);
    let mut client = server.connect();
    for (line, fields, status) in [
        ("GET /missing", "", 404),
        ("HEAD /missing", "", 404),
        ("GET /d", "", 301),
        ("GET /old", "", 301),
        ("GET /%", "", 400),
        ("OPTIONS /a.txt", "", 204),
        ("DELETE /a.txt", "", 403),
        ("PUT /new", "Content-Length: 0", 201),
    ] {
        let reply = client.ask(line, fields);
        assert_eq!((reply.status, reply.field("Cache-Control")), (status, None), "{line}");
    }
    assert_eq!(client.get("/a.txt").field("Cache-Control"), Some("max-age=31536000"));
}

#[test]
fn fallback_gets_cache_control_of_its_own_file() {
    let options =
        ["--cache-control=about.html=no-cache", "--cache-control=**=max-age=60", "--fallback=about.html"];
    let server = Server::with(FILES, &options);
    let reply = server.get("/missing.js");
    assert_eq!((reply.text(), reply.field("Cache-Control")), ("about", Some("no-cache")));
}
