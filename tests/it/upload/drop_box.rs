//! A drop box: it takes files, and tells nobody what is in it.
//!
//! A name that is taken gets a number.

use std::fs;

use super::put;
use crate::harness::{Raw, Server, names_in};

const FILES: &[(&str, &[u8])] =
    &[("in/a.txt", b"secret"), ("in/d/x", b"secret"), ("in/index.html", b"secret"), ("site.txt", b"site")];

fn serve(options: &[&str]) -> Server {
    Server::with(FILES, &[&["--upload=in", "--upload-only", "--listing", "auto"], options].concat())
}

#[test]
fn drop_box_shows_nothing_by_any_door() {
    let server = serve(&["--hidden", "--clean-urls"]);
    let mut client = server.connect();
    let missing = client.get("/in/none");
    assert_eq!(missing.status, 404);
    for path in [
        "/in/a.txt",
        "/in/a",
        "/in/d",
        "/in/d/",
        "/in/d/x",
        "/in//a.txt",
        "/in/%61.txt",
        "/x/../in/a.txt",
        "/in/.a",
    ] {
        for fields in ["", "Range: bytes=0-0", "If-None-Match: *", "If-Match: \"x\"", "Accept-Encoding: gzip"]
        {
            let reply = client.ask(&format!("GET {path}"), fields);
            assert_eq!((reply.status, &reply.body), (404, &missing.body), "{path} {fields}");
            assert_eq!((reply.field("ETag"), reply.field("Last-Modified")), (None, None));
        }
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert!(client.head().starts_with("HTTP/1.1 404 "), "{path}");
        assert_ne!(client.get(&format!("{path}?archive=tar")).status, 200, "{path}");
    }
    for path in ["/in/", "/in/?format=json", "/in/?archive=tar", "/in/?filter=a"] {
        let page = client.ask(&format!("GET {path}"), "Accept: application/json");
        assert_eq!(
            (page.status, page.field("Content-Type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert!(page.text().contains("enctype=\"multipart/form-data\""));
        assert!(!page.text().contains("a.txt") && !page.text().contains("secret"), "{path}");
    }
    let archive = client.get("/?archive=tar");
    assert_eq!(archive.status, 200);
    let has = |name: &[u8]| archive.body.windows(name.len()).any(|bytes| bytes == name);
    assert!(has(b"site.txt") && !has(b"a.txt") && !has(b"secret"), "without the drop box");
    for path in ["/in?archive=tar", "/in?format=json"] {
        assert_eq!(client.get(path).status, 301, "{path}");
    }
    assert_eq!((client.get("/site.txt").text(), client.get("/in").status), ("site", 301));
    assert!(client.get("/").text().contains("in/"));
}

#[test]
fn drop_box_of_whole_root_shows_only_its_form() {
    let server = Server::with(FILES, &["--upload", "--upload-only", "--listing", "auto"]);
    let mut client = server.connect();
    for path in ["/site.txt", "/in/", "/in/a.txt", "/?x", "/"] {
        let reply = client.get(path);
        let is_page = reply.status == 200 && reply.text().contains("<form class=\"upload\"");
        assert_eq!(
            (reply.status, is_page),
            if path.starts_with("/?") || path == "/" { (200, true) } else { (404, false) },
            "{path}"
        );
        assert!(!reply.text().contains("site.txt"));
    }
    assert_eq!(put(&mut client, "/site.txt", b"new").field("Location"), Some("/site-2.txt"));
    assert_eq!(put(&mut client, "/in/new", b"new").status, 403);
}

#[test]
fn drop_box_taken_name_gets_number_in_location() {
    let server = serve(&[]);
    let mut client = server.connect();
    for (path, location) in [
        ("/in/a.txt", "/in/a-2.txt"),
        ("/in/a.txt", "/in/a-3.txt"),
        ("/in/new", "/in/new"),
        ("/in/new", "/in/new-2"),
        ("/in/d", "/in/d-2"),
        ("/in/b%20c.tar.gz", "/in/b%20c.tar.gz"),
        ("/in/b%20c.tar.gz", "/in/b%20c.tar-2.gz"),
    ] {
        let reply = put(&mut client, path, b"content");
        assert_eq!((reply.status, reply.field("Location")), (201, Some(location)), "{path}");
        let name = location[1..].replace("%20", " ");
        assert_eq!(fs::read(server.root().join(name)).expect("a file"), b"content");
    }
    // The longest name has no room for a number.
    let long = "n".repeat(251) + ".txt";
    let shorter = "/in/".to_owned() + &"n".repeat(249) + "-2.txt";
    for location in [format!("/in/{long}"), shorter] {
        let reply = put(&mut client, &format!("/in/{long}"), b"content");
        assert_eq!((reply.status, reply.field("Location")), (201, Some(&*location)));
    }
    assert_eq!(fs::read(server.root().join("in/a.txt")).expect("a file"), b"secret");
    for condition in [
        "If-None-Match: *",
        "If-Match: *",
        "If-Match: \"x\"",
        "If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT",
    ] {
        for path in ["/in/a.txt", "/in/free"] {
            let reply = client.ask(&format!("PUT {path}"), &format!("Content-Length: 0\r\n{condition}"));
            assert_eq!(reply.status, 201, "{path} {condition}");
        }
    }
    for path in ["/in/d/x", "/in/none/x"] {
        assert_eq!(put(&mut client, path, b"x").status, 403, "{path}");
    }
    let methods = ["/in/a.txt", "/in/unused", "/in/d"]
        .map(|path| client.ask(&format!("OPTIONS {path}"), "").field("Allow").map(str::to_owned));
    assert_eq!(methods[0].as_deref(), Some("GET, HEAD, OPTIONS, PUT"));
    assert!(methods.iter().all(|allow| *allow == methods[0]), "{methods:?}");
    for line in ["DELETE /in/a.txt", "DELETE /in/unused", "MKCOL /in/e", "POST /in/d/"] {
        assert!(matches!(client.ask(line, "").status, 403 | 405), "{line}");
    }
}

#[test]
fn drop_box_same_name_from_many_keeps_every_file() {
    let server = serve(&["--workers", "2", "--durability", "none"]);
    let count = names_in(&server.root().join("in")).len();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = server.connect();
                (0..30).for_each(|_| assert_eq!(put(&mut client, "/in/photo.jpg", b"x").status, 201));
            });
        }
    });
    assert_eq!(names_in(&server.root().join("in")).len(), count + 240);
}

#[test]
fn drop_box_form_says_that_files_are_stored() {
    let server = serve(&[]);
    let mut client = server.connect();
    let part = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nnew\r\n"
        .repeat(2)
        + "--B--";
    let head = "POST /in/ HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: ";
    let reply = client.send(format!("{head}{}\r\n\r\n{part}", part.len())).reply();
    assert_eq!((reply.status, reply.field("Location")), (303, Some("./?stored")));
    assert!(client.get("/in/?stored").text().contains("The files are stored."));
    for name in ["in/a-2.txt", "in/a-3.txt"] {
        assert_eq!(fs::read(server.root().join(name)).expect("a file"), b"new");
    }
}

#[test]
fn drop_box_resumable_upload_gets_number() {
    let server = serve(&[]);
    let mut client = server.connect();
    let create = |client: &mut Raw, path: &str| {
        let fields = "Upload-Complete: ?0\r\nIf-None-Match: *\r\nContent-Length: 0";
        client.ask(&format!("PUT {path}"), fields)
    };
    assert_eq!(create(&mut client, "/in/d/x").status, 403);
    let created = create(&mut client, "/in/a.txt");
    let upload = created.field("Location").expect("an upload").to_owned();
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nHost: test\r\nContent-Type: application/partial-upload\r\n\
         Upload-Offset: 0\r\nUpload-Complete: ?1\r\nContent-Length: 3\r\n\r\nnew"
    );
    let reply = client.send(head).reply();
    assert_eq!((reply.status, reply.field("Location")), (201, Some("/in/a-2.txt")), "{}", reply.text());
    assert_eq!(fs::read(server.root().join("in/a-2.txt")).expect("a file"), b"new");
}
