//! `--fallback` answers for what is not there, `--error-page` gives errors a page of one's own; neither
//! reaches outside the root, and neither changes what else is promised of an answer.
//!
//! Files come and go while the server runs, and each answer tells of the moment of its request.

use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::{Raw, Server, pattern, reactor_server};

const FILES: &[(&str, &[u8])] = &[
    ("index.html", b"home"),
    ("app.html", b"the app"),
    ("lost.html", b"<p>lost"),
    ("docs/a.txt", b"a"),
    (".hidden", b"hidden"),
];

const FALLBACK: &[&str] = &["--fallback", "app.html"];
const LOST: &[&str] = &["--error-page", "404=lost.html"];

fn ask(client: &mut Raw, method: &str, path: &str) -> (u16, String) {
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"));
    let response = client.reply();
    (response.status, response.text().to_owned())
}

#[test]
fn fallback_is_sent_for_missing_paths_only() {
    let server = Server::with(FILES, FALLBACK);
    let mut client = server.connect();
    for path in ["/missing", "/missing/", "/a/b/c?d=e", "/index.html/", "/docs/", "/a%2Fb"] {
        let response = client.get(path);
        assert_eq!((response.status, response.text()), (200, "the app"), "{path}");
        assert_eq!(response.field("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(response.field("etag"), server.get("/app.html").field("etag"), "{path}");
    }
    for (path, status, text) in [("/", 200, "home"), ("/docs/a.txt", 200, "a")] {
        assert_eq!((client.get(path).status, client.get(path).text()), (status, text), "{path}");
    }
    assert_eq!(client.get("/docs").field("location"), Some("docs/"));
    for (path, status) in [("/.hidden", 404), ("/.missing", 404), ("/a%", 400), ("/..", 400), ("/a%00", 400)]
    {
        let response = server.get(path);
        assert!(response.status == status && response.text() != "the app", "{path}: {}", response.head);
    }
}

#[test]
fn fallback_is_not_sent_for_parts_of_a_page() {
    let server = Server::with(FILES, FALLBACK);
    let mut client = server.connect();
    for (fields, is_page) in [
        ("Accept: */*", true),
        ("Accept: text/html,application/xhtml+xml,*/*;q=0.8", true),
        ("Accept: text/css,*/*;q=0.1", false),
        ("Accept: image/avif,image/webp,*/*;q=0.8", false),
        ("Accept: application/json", false),
        ("Sec-Fetch-Dest: document\r\nAccept: text/html,*/*;q=0.8", true),
        ("Sec-Fetch-Dest: iframe", true),
        ("Sec-Fetch-Dest: empty\r\nAccept: */*", true),
        ("Sec-Fetch-Dest: script\r\nAccept: */*", false),
        ("Sec-Fetch-Dest: style\r\nAccept: text/css,*/*;q=0.1", false),
        ("Sec-Fetch-Dest: image\r\nAccept: */*", false),
        ("Sec-Fetch-Dest: font\r\nAccept: */*", false),
        ("Sec-Fetch-Dest: serviceworker\r\nAccept: */*", false),
    ] {
        for _ in 0..2 {
            let reply = client.ask("GET /missing.js", fields);
            assert_eq!(
                (reply.status, reply.text() == "the app"),
                if is_page { (200, true) } else { (404, false) },
                "{fields}"
            );
            // A cache gives it to no request of another kind.
            let expected = if is_page { "Accept, Sec-Fetch-Dest" } else { "Accept" };
            assert!(reply.head.contains(&format!("\r\nVary: {expected}\r\n")), "{fields}: {}", reply.head);
            assert_eq!(client.ask("GET /docs/a.txt", fields).status, 200, "{fields}");
        }
    }
}

#[test]
fn missing_path_without_fallback_gets_404() {
    let server = Server::with(FILES, &["--listing", "off"]);
    assert_eq!(server.get("/missing").status, 404);
    assert_eq!(server.get("/docs/").status, 404);
}

#[test]
fn error_page_keeps_status_and_has_no_validators() {
    let large = pattern(200_000);
    let files = [FILES, &[("large.bin", large.as_slice())]].concat();
    let options =
        [LOST, &["--error-page=405=app.html", "--error-page=403=large.bin", "--listing=off"]].concat();
    let server = Server::with(&files, &options);
    let mut client = server.connect();
    for path in ["/missing", "/docs/", "/.hidden"] {
        let response = client.get(path);
        assert_eq!((response.status, response.text()), (404, "<p>lost"), "{path}");
        assert_eq!(response.field("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!((response.field("etag"), response.field("last-modified")), (None, None));
    }
    client.send("PATCH /index.html HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
    let refused = client.reply();
    assert_eq!((refused.status, refused.text()), (405, "the app"));
    assert!(refused.field("allow").is_some_and(|allow| allow.contains("GET")));
    let fifo = server.root().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
    let forbidden = client.get("/fifo");
    assert!(forbidden.status == 403 && forbidden.body == large, "{}", forbidden.head);
    assert_eq!(client.get("/").text(), "home");
    drop(client);
    let log = server.stop().log;
    assert!(log.contains("\"GET /missing HTTP/1.1\" 404 7 "), "{log}");
}

#[test]
fn head_of_fallback_and_error_page_has_get_fields() {
    let server = Server::with(FILES, &[FALLBACK, &["--error-page=404=lost.html"]].concat());
    let mut client = server.connect();
    for path in ["/missing", "/.hidden"] {
        let response = client.get(path);
        let head = client.send(format!("HEAD {path} HTTP/1.1\r\nHost: test\r\n\r\n")).reply_to_head();
        let fields = |head: &str| -> Vec<String> {
            head.lines().filter(|line| !line.starts_with("Date:")).map(str::to_owned).collect()
        };
        assert_eq!(fields(&head.head), fields(&response.head), "{path}");
    }
}

#[test]
fn put_post_delete_get_no_fallback_or_error_page() {
    let server = Server::with(FILES, &[FALLBACK, LOST].concat());
    let mut client = server.connect();
    for method in ["PUT", "POST", "DELETE"] {
        let (status, text) = ask(&mut client, method, "/missing");
        assert!(status >= 400 && text != "the app" && text != "<p>lost", "{method}: {status} {text}");
    }
    assert_eq!(client.get("/missing").text(), "the app");
}

#[test]
fn pipelined_fallbacks_and_error_pages_arrive_in_order() {
    let server = Server::with(FILES, &[FALLBACK, LOST].concat());
    let mut client = server.connect();
    let paths = ["/", "/missing", "/.hidden", "/docs/a.txt", "/x", "/.y"];
    let request = |path: &&str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(paths.iter().map(request).collect::<String>());
    for text in ["home", "the app", "<p>lost", "a", "the app", "<p>lost"] {
        assert_eq!(client.reply().text(), text);
    }
}

#[test]
fn fallback_and_error_page_changes_apply_at_once() {
    let server = Server::with(&[("index.html", b"home")], &[FALLBACK, LOST].concat());
    let mut client = server.connect();
    let write = |name: &str, text: &str| fs::write(server.root().join(name), text).expect("writes");
    let built_in = client.get("/missing");
    assert!(built_in.status == 404 && built_in.text().starts_with("404 Not Found\n"), "{}", built_in.text());
    for text in ["first", "another", "third"] {
        write("lost.html", text);
        assert_eq!((client.get("/missing").status, client.get("/missing").text()), (404, text));
    }
    for text in ["first", "another", "third"] {
        write("app.html", text);
        assert_eq!((client.get("/missing").status, client.get("/missing").text()), (200, text));
    }
    fs::remove_file(server.root().join("app.html")).expect("removes");
    assert_eq!(client.get("/missing").text(), "third", "the error page is back");
    fs::remove_file(server.root().join("lost.html")).expect("removes");
    assert_eq!(client.get("/missing").body, built_in.body);
    drop(client);
    let stderr = server.stop().stderr;
    for option in ["--fallback: cannot serve app.html", "--error-page 404: cannot serve lost.html"] {
        assert_eq!(stderr.matches(option).count(), 1, "once, at the start: {stderr}");
    }
}

#[test]
fn existing_fallback_and_error_page_log_no_warning() {
    let server = Server::with(FILES, &[FALLBACK, LOST].concat());
    assert_eq!(server.get("/missing").text(), "the app");
    let stderr = server.stop().stderr;
    assert_eq!(stderr.lines().filter(|line| !line.contains("this host is ")).count(), 0, "{stderr}");
}

#[test]
fn fallback_and_error_page_outside_root_are_rejected() {
    let server = Server::with(FILES, &["--fallback", "out.html", "--error-page", "404=up/secret.html"]);
    let outside = server.root().with_file_name("secret.html");
    fs::write(&outside, "secret").expect("writes");
    symlink("..", server.root().join("up")).expect("a link");
    let link = server.root().join("out.html");
    for target in [outside.as_path(), "../secret.html".as_ref()] {
        symlink(target, &link).expect("a link");
        assert_eq!(fs::read_to_string(&link).expect("leads there"), "secret");
        let response = server.get("/missing");
        assert!(
            response.status == 404 && response.text().starts_with("404 Not Found"),
            "{}",
            response.text()
        );
        fs::remove_file(&link).expect("removes");
    }
    for name in ["../secret.html", ".hidden", "docs/"] {
        for option in [format!("--fallback={name}"), format!("--error-page=404={name}")] {
            let outcome = reactor_server().arg(&option).output().expect("runs");
            assert_eq!(outcome.status.code(), Some(2), "{option}");
        }
    }
}

#[test]
fn embedded_pages_serve_as_fallback_and_error_page() {
    let server =
        Server::in_folder(&[], &["--welcome", "--fallback=HelloWorld.html", "--error-page=404=/style.css"]);
    assert_eq!(server.get("/missing").body, server.get("/HelloWorld.html").body);
    let hidden = server.get("/.hidden");
    assert!(hidden.status == 404 && hidden.body == server.get("/style.css").body, "{}", hidden.head);
    assert_eq!(hidden.field("content-type"), Some("text/css; charset=utf-8"));
}

#[test]
fn error_page_replaces_error_of_prepared_listing() {
    let server = Server::with(&[("lost.html", b"it is lost")], LOST);
    let mut client = server.connect();
    for method in ["GET", "HEAD"] {
        let directory = server.root().join("listed");
        fs::create_dir(&directory).expect("a folder");
        // The listing is made when the body has come.
        let fields = "Host: test\r\nExpect: 100-continue\r\nContent-Length: 4";
        client.send(format!("{method} /listed/ HTTP/1.1\r\n{fields}\r\n\r\n"));
        assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n", "{method}");
        fs::remove_dir(&directory).expect("it is removed");
        client.send("body");
        let reply = if method == "GET" { client.reply() } else { client.reply_to_head() };
        let text = if method == "GET" { "it is lost" } else { "" };
        assert_eq!((reply.status, reply.text(), reply.field("Content-Length")), (404, text, Some("10")));
    }
}

#[test]
fn error_page_links_home_from_any_depth() {
    let server = Server::with(&[("a", b"a")], &["--upload"]);
    let html = "Accept: text/html";
    for (line, status, home) in [
        ("GET /none", 404, "./"),
        ("GET /b/none", 404, "../"),
        ("GET /b//c/none?x=/", 404, "../../../"),
        // Found by a job on a helper thread.
        ("PUT /b/c/d", 409, "../../"),
        ("DELETE /b/c", 403, "../"),
    ] {
        let fields = format!("{html}\r\nContent-Length: 0");
        let reply = server.connect().ask(line, if line.starts_with("PUT") { &fields } else { html });
        assert_eq!(reply.status, status, "{line}");
        let link = format!("<a href=\"{home}\">");
        assert_eq!(reply.text().matches(&link).count(), 1, "{line}: {}", reply.text());
    }
    let reply = server.connect().ask("OPTIONS *", html);
    assert!(!reply.text().contains("href"), "{}", reply.text());
}
