//! Forms: files that a browser sends by POST, without scripts.
//!
//! They are stored all together or not at all.

use std::fs;

use crate::harness::{Raw, Reply, Server, names_in, pattern};

const DISPOSITION: &str = "Content-Disposition: form-data; name=\"file\"; filename";

fn serve(options: &[&str]) -> Server {
    Server::with(&[("old", b"old"), ("d/x", b"x")], &[&["--upload"], options].concat())
}

fn post(path: &str, fields: &str, body_len: usize) -> String {
    let kind = "Content-Type: multipart/form-data; boundary=B";
    format!("POST {path} HTTP/1.1\r\nHost: test\r\n{kind}\r\nContent-Length: {body_len}{fields}\r\n\r\n")
}

fn part(name: &str, content: &str) -> String {
    format!("--B\r\n{DISPOSITION}=\"{name}\"\r\nContent-Type: text/plain\r\n\r\n{content}\r\n")
}

fn submit(client: &mut Raw, path: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    client.send([post(path, "", body.len()).as_bytes(), body].concat()).reply()
}

#[test]
fn form_post_stores_files_and_shows_directory() {
    let server = serve(&[]);
    let mut client = server.connect();
    let big = String::from_utf8(pattern(300_000).iter().map(|byte| byte % 128).collect()).expect("ASCII");
    let body = part("a b.txt", "--B\r\n\r\n--\r")
        + &part("", "")
        + &part("C:\\x\\c", &big)
        + &part("../../e", "")
        + "--B--\r\n";
    for (path, directory) in [("/?sort=size", ""), ("/d/", "d/"), ("/d/../d/", "d/")] {
        let reply = submit(&mut client, path, &body);
        assert_eq!((reply.status, reply.field("Location")), (303, Some("./")), "{}", reply.text());
        for (name, content) in [("a b.txt", "--B\r\n\r\n--\r"), ("c", &big), ("e", "")] {
            let path = server.root().join(format!("{directory}{name}"));
            assert!(fs::read(&path).expect("a file") == content.as_bytes(), "{directory}{name}");
            fs::remove_file(path).expect("removes");
        }
    }
    assert_eq!(
        (names_in(&server.root()), names_in(&server.root().join("d"))),
        (vec!["d".into(), "old".into()], vec!["x".into()])
    );
}

#[test]
fn form_post_in_single_bytes_and_chunks_stores_file() {
    let server = serve(&[]);
    let mut client = server.connect();
    let body = part("a", "\r\n--A\r\r\n--") + "--B--";
    client.send(post("/", "\r\nExpect: 100-continue", body.len()));
    assert!(client.head().starts_with("HTTP/1.1 100 "));
    for byte in body.bytes() {
        client.send([byte]);
    }
    assert_eq!(client.reply().status, 303);
    assert_eq!(client.get("/a").text(), "\r\n--A\r\r\n--");
    let head = "POST /d/ HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=B\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(head);
    for piece in body.as_bytes().chunks(3) {
        client.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    }
    assert_eq!(client.send("0\r\n\r\n").reply().status, 303);
    assert_eq!(client.get("/d/a").text(), "\r\n--A\r\r\n--");
}

#[test]
fn form_post_wrong_gets_error_and_stores_nothing() {
    let server = serve(&["--max-upload", "1000"]);
    let many = (0..33).map(|number| part(&number.to_string(), "")).collect::<String>();
    let a = part("a", "x");
    for (body, status, words) in [
        (a.clone(), 400, "before its last boundary"),
        (a.clone() + "--B", 400, "before its last boundary"),
        (a.clone() + "--C--", 400, "before its last boundary"),
        (String::new(), 400, "before its last boundary"),
        ("--B--".to_owned(), 400, "has no file"),
        (part("", "") + "--B--", 400, "has no file"),
        (a.clone() + "--B\r\nX: y\r\n\r\n--B--", 400, "not valid"),
        (a.clone() + &a + "--B--", 400, "same name"),
        (a.clone() + &part("..", "x") + "--B--", 400, "No file can have"),
        (a.clone() + &part("d/", "x") + "--B--", 400, "No file can have"),
        (a.clone() + &part(&"n".repeat(256), "x") + "--B--", 400, "No file can have"),
        (a.clone() + &part("b\0", "x") + "--B--", 400, "No file can have"),
        (a.clone() + &part(".b", "x") + "--B--", 403, "begin with a dot"),
        (a.clone() + &part("d", "x") + "--B--", 409, ""),
        (a.clone() + &part("old", "x") + "--B--", 409, "choose to replace"),
        (a.clone() + &part("big", &"x".repeat(1001)) + "--B--", 413, "--max-upload"),
        (many + "--B--", 413, "32 files"),
        (a.clone() + &format!("--B\r\nX: {}", "y".repeat(9000)), 400, "more than 8 KiB"),
    ] {
        let reply = submit(&mut server.connect(), "/", &body);
        assert_eq!(reply.status, status, "{body}");
        assert!(reply.text().contains(words), "{words}: {}", reply.text());
        assert_eq!(names_in(&server.root()), ["d", "old"], "{body}");
    }
    let body = a + "--B--";
    let mut client = server.connect();
    for (line, fields, status) in [
        ("POST /", "Content-Type: text/plain", 415),
        ("POST /", "Content-Type: multipart/form-data", 415),
        ("POST /old", "Content-Type: multipart/form-data; boundary=B", 405),
        ("POST /d", "Content-Type: multipart/form-data; boundary=B", 405),
        ("POST /none/", "Content-Type: multipart/form-data; boundary=B", 405),
        ("POST /", "Accept: text/html\r\nContent-Type: multipart/form-data; boundary=C", 400),
    ] {
        let head =
            format!("{line} HTTP/1.1\r\nHost: test\r\n{fields}\r\nContent-Length: {}\r\n\r\n", body.len());
        let reply = client.send(head + &body).reply();
        assert_eq!(reply.status, status, "{line} {fields}");
        assert_eq!(reply.text().contains("<h1>"), fields.starts_with("Accept"));
    }
    drop(client);
    server.connect().send(post("/", "", body.len())).send(&body[..body.len() - 1]).finish().rest();
    assert_eq!(names_in(&server.root()), ["d", "old"]);
    assert_eq!(fs::read(server.root().join("old")).expect("a file"), b"old");
}

#[test]
fn form_post_replaces_only_if_it_says_so() {
    let replace = "--B\r\nContent-Disposition: form-data; name=\"replace\"\r\n\r\non\r\n";
    let body = part("old", "new") + "--B--";
    for (options, body, status) in [
        (&[][..], body.clone(), 409),
        (&[], body.clone() + replace, 409),
        (&["--no-overwrite"], format!("{replace}{body}"), 409),
        (&["--require-conditions"], format!("{replace}{body}"), 428),
        (&[], format!("{replace}{body}"), 303),
    ] {
        let server = serve(options);
        assert_eq!(submit(&mut server.connect(), "/", body).status, status, "{options:?}");
        let content = fs::read(server.root().join("old")).expect("a file");
        assert_eq!(content, if status == 303 { b"new" } else { b"old" });
    }
}

#[test]
fn form_post_without_uploads_or_outside_directory_gets_405() {
    let server = Server::with(&[("in/d/x", b"x"), ("out/x", b"x")], &["--upload=in"]);
    let mut client = server.connect();
    let body = part("a", "x") + "--B--";
    for (path, status) in [("/", 405), ("/out/", 405), ("/in/", 303), ("/in/d/", 303), ("/inn/", 405)] {
        assert_eq!(submit(&mut client, path, &body).status, status, "{path}");
        let allows =
            client.ask(&format!("OPTIONS {path}"), "").field("Allow").expect("methods").contains("POST");
        assert_eq!(allows, status == 303, "{path}");
    }
    let server = Server::with(&[], &[]);
    assert_eq!(submit(&mut server.connect(), "/", &body).status, 405);
}
