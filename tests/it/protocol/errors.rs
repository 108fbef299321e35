//! Errors: the right status, a body that suits who asked, and a connection that goes on if it can.
//!
//! Nothing that a client sends comes back to it in a page.

use super::{BROWSER, ask, assert_usable};
use crate::harness::{Raw, Reply, Server};

/// What follows an error on its connection.
#[derive(Clone, Copy, PartialEq, Debug)]
enum After {
    GoesOn,
    Closes,
}
use After::{Closes, GoesOn};

/// Request lines and fields without their end, the status, the reason, and what follows.
fn cases() -> Vec<(String, u16, &'static str, After)> {
    let line = |line: &str| format!("{line}\r\nHost: test");
    let a = |len: usize| "a".repeat(len);
    let fields = |count: usize| "\r\nX: y".repeat(count);
    vec![
        (line("GET /missing HTTP/1.1"), 404, "Not Found", GoesOn),
        (line("HEAD /missing HTTP/1.1"), 404, "Not Found", GoesOn),
        (line("GET /% HTTP/1.1"), 400, "Bad Request", GoesOn),
        (line("POST /hello.txt HTTP/1.1"), 405, "Method Not Allowed", GoesOn),
        (line("PUT /new HTTP/1.1"), 403, "Forbidden", GoesOn),
        (line("DELETE /hello.txt HTTP/1.1"), 403, "Forbidden", GoesOn),
        (line("MKCOL /new HTTP/1.1"), 403, "Forbidden", GoesOn),
        (line("PATCH /hello.txt HTTP/1.1"), 405, "Method Not Allowed", GoesOn),
        (line("TRACE / HTTP/1.1"), 405, "Method Not Allowed", GoesOn),
        (line("CONNECT test:80 HTTP/1.1"), 405, "Method Not Allowed", GoesOn),
        (line("BREW / HTTP/1.1"), 501, "Not Implemented", GoesOn),
        (line("get / HTTP/1.1"), 501, "Not Implemented", GoesOn),
        (line("PROPFIND /hello.txt HTTP/1.1"), 501, "Not Implemented", GoesOn),
        (line(&format!("{} / HTTP/1.1", "M".repeat(33))), 501, "Not Implemented", GoesOn),
        (line(&format!("{} / HTTP/1.1", "M".repeat(7000))), 501, "Not Implemented", GoesOn),
        (line(&format!("{} / HTTP/1.1", "M".repeat(9000))), 414, "URI Too Long", Closes),
        (line("GET / HTTP/2.0"), 505, "HTTP Version Not Supported", Closes),
        (line("GET / HTTP/0.9"), 505, "HTTP Version Not Supported", Closes),
        ("PRI * HTTP/2.0".to_owned(), 505, "HTTP Version Not Supported", Closes),
        ("GET /".to_owned(), 400, "Bad Request", Closes),
        ("GET / HTTP/1.1".to_owned(), 400, "Bad Request", Closes),
        ("HEAD / HTTP/1.1".to_owned(), 400, "Bad Request", Closes),
        (line("GET * HTTP/1.1"), 400, "Bad Request", Closes),
        (line(&format!("GET /{} HTTP/1.1", a(8192))), 414, "URI Too Long", Closes),
        (line(&format!("GET /{}", a(20_000))), 414, "URI Too Long", Closes),
        (line("GET / HTTP/1.1") + &fields(100), 431, "Request Header Fields Too Large", Closes),
        (line("GET / HTTP/1.1") + "\r\nX: " + &a(16_384), 431, "Request Header Fields Too Large", Closes),
        (line("GET / HTTP/1.1") + "\r\nExpect: tea", 417, "Expectation Failed", Closes),
    ]
}

/// Asserts what holds for every error.
fn check(client: &mut Raw, reply: &Reply, request: &str, expected: (u16, &str, After)) {
    let (status, reason, after) = expected;
    let about: String = request.chars().take(60).collect();
    assert!(reply.head.starts_with(&format!("HTTP/1.1 {status} {reason}\r\n")), "{about}: {}", reply.head);
    for name in ["Date", "Server", "Content-Type", "Content-Length"] {
        assert!(reply.field(name).is_some(), "{about}: no {name}");
    }
    for name in ["ETag", "Last-Modified"] {
        assert_eq!(reply.field(name), None, "{about}: {name}");
    }
    let allow = (status == 405).then_some("GET, HEAD, OPTIONS");
    assert_eq!(reply.field("Allow"), allow, "{about}");
    assert_eq!(reply.field("Connection"), (after == Closes).then_some("close"), "{about}");
    match after {
        GoesOn => assert_usable(client, &about),
        Closes => client.expect_end(),
    }
}

#[test]
fn errors_have_status_text_body_and_fields() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    for (request, status, reason, after) in cases() {
        let mut client = server.connect();
        let reply = ask(&mut client, &request);
        assert_eq!(reply.field("Content-Type"), Some("text/plain; charset=utf-8"));
        if !request.starts_with("HEAD ") {
            let text = reply.text();
            assert!(text.starts_with(&format!("{status} {reason}\n")) && text.ends_with(".\n"), "{text}");
            assert_eq!(text.lines().count(), 2, "{text}");
        }
        check(&mut client, &reply, &request, (status, reason, after));
    }
}

#[test]
fn errors_for_browsers_have_small_html_body() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    for (request, status, reason, after) in cases() {
        let Some((line, fields)) = request.split_once("\r\n") else { continue };
        if line.len() > 8000 {
            // Refused before any field has been seen.
            continue;
        }
        let request = format!("{line}\r\nAccept: {BROWSER}\r\n{fields}");
        let mut client = server.connect();
        let reply = ask(&mut client, &request);
        assert_eq!(reply.field("Content-Type"), Some("text/html; charset=utf-8"), "{line}");
        if !request.starts_with("HEAD ") {
            let page = reply.text();
            assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
            assert!(page.contains(&format!("<title>{status} {reason}</title>")), "{page}");
            assert!(page.len() < 2048, "{} bytes are not small", page.len());
        }
        check(&mut client, &reply, &request, (status, reason, after));
    }
}

#[test]
fn program_gets_problem_json_for_errors_only() {
    let files: &[(&str, &[u8])] = &[("d/x", b""), ("lost.html", b"a page")];
    let server = Server::with(files, &["--error-page=404=lost.html", "--fallback=lost.html"]);
    let mut client = server.connect();
    for accept in ["application/problem+json", "application/json, text/plain, */*"] {
        for (line, status, body) in [
            (
                "GET /missing",
                404,
                "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"There is no such page \
                 here.\"}\n",
            ),
            (
                "PUT /x",
                403,
                "{\"type\":\"urn:reactor-http:uploads-off\",\"title\":\"Uploads off\",\"status\":403,\"detail\":\"Uploads \
                 are turned off on this server: starting it with --upload turns them on.\"}\n",
            ),
        ] {
            let reply = client.ask(line, &format!("Accept: {accept}"));
            assert_eq!((reply.status, reply.text()), (status, body), "{line} {accept}");
            assert_eq!(reply.field("Content-Type"), Some("application/problem+json"));
            assert_eq!(reply.field("Vary"), Some("Accept"));
        }
        let moved = client.ask("GET /d", &format!("Accept: {accept}"));
        assert_eq!(moved.field("Content-Type"), Some("text/plain; charset=utf-8"), "it is no error");
    }
    assert_eq!(client.ask("GET /d/x", "Accept: application/problem+json").status, 200);
    let rejected = server.connect().send("GET /\r\nAccept: application/json\r\n\r\n").reply();
    assert_eq!((rejected.status, rejected.field("Content-Type")), (400, Some("application/problem+json")));
}

#[test]
fn error_and_redirect_format_follows_accept() {
    let server = Server::serving(&[("d/x", b"")]);
    let mut client = server.connect();
    let (html, plain) = ("text/html; charset=utf-8", "text/plain; charset=utf-8");
    for (field, media_type) in [
        (format!("Accept: {BROWSER}"), html),
        ("Accept: text/html".to_owned(), html),
        ("accept:TEXT/HTML;q=0.5, */*;q=0.1".to_owned(), html),
        ("Accept: application/xhtml+xml".to_owned(), html),
        ("Accept: */*".to_owned(), plain),
        ("Accept: text/plain".to_owned(), plain),
        ("Accept: text/plain, text/html;q=0.5".to_owned(), plain),
        ("Accept: text/html;q=0".to_owned(), plain),
        ("Accept: image/avif,image/webp,*/*".to_owned(), plain),
        ("Accept:".to_owned(), plain),
        ("User-Agent: curl/8.0".to_owned(), plain),
    ] {
        for (line, status) in [("GET /missing", 404), ("PUT /x", 403), ("BREW /", 501), ("GET /d", 301)] {
            let reply = ask(&mut client, &format!("{line} HTTP/1.1\r\nHost: test\r\n{field}"));
            assert_eq!(reply.status, status);
            assert_eq!(reply.field("Content-Type"), Some(media_type), "{line} {field}");
            let is_page = reply.text().starts_with("<!doctype html>");
            assert_eq!(is_page, media_type == html, "{line} {field}");
        }
    }
}

#[test]
fn error_page_links_home_relative_to_request() {
    let server = Server::serving(&[("d/e/x", b"")]);
    let mut client = server.connect();
    for (path, home) in
        [("/x", "./"), ("/x?a/b", "./"), ("/x/", "../"), ("/d/e", "../"), ("/x//y/", "../../../")]
    {
        let reply = ask(&mut client, &format!("GET {path} HTTP/1.1\r\nHost: test\r\nAccept: text/html"));
        assert!(reply.text().contains(&format!("<a href=\"{home}\">")), "{path}: {}", reply.text());
    }
    // A bad request may have no path.
    let reply = ask(&mut client, "GET / HTTP/1.1\r\nAccept: text/html");
    assert!(!reply.text().contains("<a "), "{}", reply.text());
}

#[test]
fn error_format_ignores_bytes_after_rejected_head() {
    let server = Server::serving(&[]);
    let next = format!("GET / HTTP/1.1\r\nHost: test\r\nAccept: {BROWSER}\r\n\r\n");
    for head in ["GET /\r\n", "GET / HTTP/1.1\r\nBad Field: x\r\n", "\r\nGET * HTTP/1.1\r\nHost: test\r\n"] {
        let mut client = server.connect();
        let reply = client.send(format!("{head}\r\n{next}")).reply();
        assert_eq!((reply.status, reply.field("Content-Type")), (400, Some("text/plain; charset=utf-8")));
    }
}

#[test]
fn error_never_reflects_request_bytes() {
    let server = Server::with(&[], &["--listing", "off"]);
    let mut client = server.connect();
    for line in ["GET /<mark>", "GET /%3Cmark%3E", "GET /?<mark>", "MARK /", "GET http://mark/"] {
        for accept in [BROWSER, "*/*"] {
            let head = format!("{line} HTTP/1.1\r\nHost: mark\r\nReferer: mark\r\nAccept: {accept}");
            let reply = ask(&mut client, &head);
            assert!(reply.status >= 400);
            let answer = reply.head.clone() + reply.text();
            assert!(!answer.to_lowercase().contains("mark"), "{line}: {answer}");
        }
    }
}

#[test]
fn longest_allowed_target_and_head_get_200() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let mut client = server.connect();
    let target = format!("/hello.txt?{}", "q".repeat(8192 - "/hello.txt?".len()));
    assert_eq!(client.get(&target).status, 200, "a target of 8 KiB");
    let fields = "\r\nX: y".repeat(99);
    let reply = ask(&mut client, &format!("GET /hello.txt HTTP/1.1\r\nHost: test{fields}"));
    assert_eq!(reply.status, 200, "100 fields");
    let start = "GET /hello.txt HTTP/1.1\r\nHost: test\r\nX: ";
    let head = format!("{start}{}", "x".repeat(16_384 - start.len() - "\r\n\r\n".len()));
    assert_eq!(ask(&mut client, &head).status, 200, "a head of 16 KiB");
    assert_eq!(ask(&mut client, &(head + "x")).status, 431, "and one byte more");
    client.expect_end();
}
