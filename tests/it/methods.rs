//! Which methods there are, resource by resource, and what becomes of other protocols.
//!
//! `Allow` is held against what the server then does: a method that it names is never 405.

use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::{Raw, Reply, Server};

const FETCH: &str = "GET, HEAD, OPTIONS";
const STORE: &str = "GET, HEAD, OPTIONS, PUT";
const FORMS: &str = "GET, HEAD, OPTIONS, POST";

fn ask(client: &mut Raw, line: &str) -> Reply {
    client.ask(line, "Content-Length: 0")
}

/// Asserts what OPTIONS and 405 say of a target, and that PUT keeps to it.
fn check(client: &mut Raw, target: &str, allow: &str) {
    let options = ask(client, &format!("OPTIONS {target}"));
    assert_eq!((options.status, options.field("Allow")), (204, Some(allow)), "OPTIONS {target}");
    for method in ["POST", "PATCH", "TRACE"] {
        let reply = ask(client, &format!("{method} {target}"));
        if allow.contains(method) {
            assert_eq!(reply.status, 415, "{method} {target} is no form");
            continue;
        }
        assert_eq!((reply.status, reply.field("Allow")), (405, Some(allow)), "{method} {target}");
    }
    for method in ["DELETE", "MKCOL"] {
        assert_ne!(ask(client, &format!("{method} {target}")).status / 100, 2, "{method} {target}");
    }
    let put = ask(client, &format!("PUT {target}"));
    assert_eq!(matches!(put.status, 201 | 204), allow == STORE, "PUT {target}: {}", put.head);
}

#[test]
fn allow_matches_methods_of_each_resource_with_upload() {
    let files: &[(&str, &[u8])] = &[("a.txt", b"a"), ("d/index.html", b"d"), ("e/x", b"")];
    let server = Server::with(files, &["--upload"]);
    symlink("a.txt", server.root().join("link")).expect("a link");
    let mut client = server.connect();
    for (target, allow) in [
        ("/a.txt", STORE),
        ("/a.txt?query", STORE),
        ("http://test/a.txt", STORE),
        ("/new", STORE),
        ("/d/new", STORE),
        ("/", FORMS),
        ("/d", FETCH),
        ("/d/", FORMS),
        ("/e/", FORMS),
        ("/none/new", FETCH),
        ("/a.txt/x", FETCH),
        ("/link", FETCH),
        ("/.hidden", FETCH),
        ("/a%2Fb", FETCH),
    ] {
        check(&mut client, target, allow);
    }
}

#[test]
fn allow_has_put_only_below_upload_directory() {
    let files: &[(&str, &[u8])] = &[("a.txt", b"a"), ("in/b.txt", b"b"), ("in/sub/c", b"")];
    let server = Server::with(files, &["--upload=in"]);
    let mut client = server.connect();
    for (target, allow) in [
        ("/in/b.txt", STORE),
        ("/in/new", STORE),
        ("/in/sub/new", STORE),
        ("/a.txt", FETCH),
        ("/new", FETCH),
        ("/in", FETCH),
        ("/in/", FORMS),
        ("/in/sub", FETCH),
        ("/in/sub/", FORMS),
        ("/inner", FETCH),
    ] {
        check(&mut client, target, allow);
    }
    assert_eq!(
        ask(&mut client, "OPTIONS *").field("Allow"),
        Some("GET, HEAD, OPTIONS, PUT, POST"),
        "of the server as a whole"
    );
}

#[test]
fn allow_matches_methods_with_every_upload_option() {
    const DELETE: &str = "GET, HEAD, OPTIONS, DELETE";
    const STORE_OR_DELETE: &str = "GET, HEAD, OPTIONS, PUT, DELETE";
    const CREATE: &str = "GET, HEAD, OPTIONS, PUT, MKCOL";
    const MAKE: &str = "GET, HEAD, OPTIONS, MKCOL";
    let files: &[(&str, &[u8])] = &[("in/a.txt", b"a"), ("in/d/x", b"d"), ("in/b", b"b"), ("c", b"")];
    let server = Server::with(files, &["--upload=in", "--allow-delete", "--allow-mkdir"]);
    fs::create_dir(server.root().join("in/empty")).expect("a directory");
    symlink("a.txt", server.root().join("in/link")).expect("a link");
    symlink("none", server.root().join("in/dangling")).expect("a link");
    let mut client = server.connect();
    for (target, allow) in [
        ("/in/new", CREATE),
        ("/in/made/", MAKE),
        ("/in/some/new", STORE),
        ("/in/b", STORE_OR_DELETE),
        ("/in/a.txt/", FETCH),
        ("/in/a.txt/x", FETCH),
        ("/in/dangling/x", FETCH),
        ("/in/link", DELETE),
        ("/in/empty", DELETE),
        ("/in/d", FETCH),
        ("/in/", FORMS),
        ("/in/.hidden", FETCH),
        ("/c", FETCH),
        ("/new", FETCH),
    ] {
        let options = ask(&mut client, &format!("OPTIONS {target}"));
        assert_eq!(options.field("Allow"), Some(allow), "{target}");
        for method in ["MKCOL", "DELETE"] {
            let is_allowed = allow.contains(method);
            // What was made by MKCOL can be deleted; a DELETE makes room for a PUT.
            let reply = ask(&mut client, &format!("{method} {target}"));
            let is_done = matches!(reply.status, 201 | 204);
            assert_eq!(is_done, is_allowed || allow.contains("MKCOL"), "{method} {target}: {}", reply.head);
            if method == "MKCOL" && reply.status == 405 {
                assert_eq!(reply.field("Allow"), Some(allow), "{target}");
            }
        }
        let put = ask(&mut client, &format!("PUT {target}")).status;
        let is_free = allow.contains("PUT") || allow == DELETE;
        assert_eq!(matches!(put, 201 | 204), is_free, "PUT {target}: {put}");
    }
    let all = Some("GET, HEAD, OPTIONS, PUT, POST, DELETE, MKCOL");
    assert_eq!(ask(&mut client, "OPTIONS *").field("Allow"), all);
    let kept = Server::with(&[("a", b"")], &["--upload", "--no-overwrite"]);
    assert_eq!(kept.connect().ask("OPTIONS /a", "").field("Allow"), Some(FETCH));
    assert_eq!(kept.connect().ask("OPTIONS /b", "").field("Allow"), Some(STORE));
}

#[test]
fn put_over_embedded_page_is_not_allowed() {
    let page = [("content/index.html", &b"home"[..])];
    let server = Server::in_folder(&page, &["--upload"]);
    let mut client = server.connect();
    for (target, allow) in [("/server-code.html", FETCH), ("/index.html", STORE)] {
        check(&mut client, target, allow);
    }
    assert_eq!(fs::read_dir(server.root().join("content")).expect("the folder").count(), 1);
}

#[test]
fn without_upload_allow_has_no_put() {
    let server = Server::serving(&[("a.txt", b"a"), ("d/x", b"")]);
    let mut client = server.connect();
    for target in ["/a.txt", "/new", "/", "/d", "/d/", "/.hidden", "http://test/a.txt"] {
        check(&mut client, target, FETCH);
    }
    assert_eq!(ask(&mut client, "OPTIONS *").field("Allow"), Some(FETCH));
    assert_eq!(client.get("/a.txt").text(), "a", "and the connection goes on");
}

#[test]
fn options_of_invalid_path_gets_400() {
    let server = Server::with(&[], &["--upload"]);
    let mut client = server.connect();
    for target in ["/%", "/a%00", "/.."] {
        assert_eq!(ask(&mut client, &format!("OPTIONS {target}")).status, 400, "{target}");
        let refused = ask(&mut client, &format!("PATCH {target}"));
        assert_eq!((refused.status, refused.field("Allow")), (405, Some(FETCH)), "{target}");
    }
}

#[test]
fn trace_and_connect_get_405_unknown_methods_501() {
    let server = Server::serving(&[("a.txt", b"a")]);
    let mut client = server.connect();
    for (line, status, allow) in [
        ("TRACE /a.txt", 405, Some(FETCH)),
        ("TRACE /", 405, Some(FETCH)),
        ("CONNECT test:443", 405, Some(FETCH)),
        ("BREW /a.txt", 501, None),
        ("get /a.txt", 501, None),
        ("PRI /a.txt", 501, None),
    ] {
        let reply = ask(&mut client, line);
        assert_eq!((reply.status, reply.field("Allow")), (status, allow), "{line}");
        // TRACE would send back what came, secrets of proxies among it.
        assert!(!reply.text().contains("Host:"), "{line}");
        assert_eq!(client.get("/a.txt").text(), "a", "{line}");
    }
}

#[test]
fn pipeline_with_options_and_405_keeps_order() {
    let server = Server::with(&[("a.txt", b"a")], &["--upload"]);
    let mut client = server.connect();
    let lines =
        ["OPTIONS *", "GET /a.txt", "PATCH /a.txt", "OPTIONS /a.txt", "TRACE /", "HEAD /a.txt", "GET /a.txt"];
    let request = |line: &&str| format!("{line} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(lines.iter().map(request).collect::<String>());
    for (line, status) in lines.iter().zip([204, 200, 405, 204, 405, 200, 200]) {
        let reply = if line.starts_with("HEAD") { client.reply_to_head() } else { client.reply() };
        assert_eq!(reply.status, status, "{line}");
    }
}

#[test]
fn http1_2_request_gets_1_1_response_and_keep_alive() {
    let server = Server::with(&[("a.txt", b"a")], &["--upload"]);
    let mut client = server.connect();
    for line in ["GET /a.txt HTTP/1.2", "OPTIONS /a.txt HTTP/1.3", "GET /missing HTTP/1.9"] {
        let reply = client.send(format!("{line}\r\nHost: test\r\n\r\n")).reply();
        assert!(reply.head.starts_with("HTTP/1.1 "), "{line}: {}", reply.head);
        assert_eq!(reply.field("Connection"), None, "{line}");
    }
    assert_eq!(client.get("/a.txt").text(), "a");
}

#[test]
fn http2_preface_gets_505_in_http1_1() {
    let server = Server::serving(&[("a.txt", b"a")]);
    // The preface and an empty SETTINGS frame, whole, and byte by byte.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for step in [preface.len(), 1] {
        let mut client = server.connect();
        for piece in preface.chunks(step) {
            // It is refused as soon as its first line is there.
            let _ = client.try_send(piece);
        }
        let reply = client.reply();
        assert!(reply.head.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\n"), "{}", reply.head);
        assert_eq!(reply.field("Connection"), Some("close"));
        let expected = "505 HTTP Version Not Supported\nThis server supports HTTP/1.1, not HTTP/2: use \
                        HTTP/1.1, as curl --http1.1 does.\n";
        assert_eq!(reply.text(), expected);
        client.expect_end();
    }
}

#[test]
fn upgrade_field_is_ignored() {
    let server = Server::serving(&[("a.txt", b"a")]);
    let mut client = server.connect();
    for offer in ["h2c", "websocket", "TLS/1.0, HTTP/2.0"] {
        let fields =
            format!("Upgrade: {offer}\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk");
        let reply = client.send(format!("GET /a.txt HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n")).reply();
        assert_eq!((reply.status, reply.text()), (200, "a"), "{offer}");
        assert_eq!((reply.field("Upgrade"), reply.field("Connection")), (None, None), "{offer}");
    }
}

#[test]
fn errors_and_redirects_have_vary_accept() {
    let server = Server::with(&[("a.txt", b"a"), ("d/x", b"")], &["--error-page=403=a.txt"]);
    let mut client = server.connect();
    for (line, status) in [
        ("GET /missing", 404),
        ("HEAD /missing", 404),
        ("GET /d", 301),
        ("DELETE /a.txt", 403),
        ("GET /%", 400),
    ] {
        let reply = ask(&mut client, line);
        assert_eq!((reply.status, reply.field("Vary")), (status, Some("Accept")), "{line}");
    }
    let own = client.get("/a.txt");
    assert!(
        own.field("Vary").is_none_or(|vary| !vary.split(", ").any(|name| name == "Accept")),
        "{}",
        own.head
    );
}
