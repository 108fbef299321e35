//! Ways out of the root that have worked on other servers, and names that are nobody's business.
//!
//! Dots, slashes and backslashes in every encoding; links; what begins with a dot.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::harness::Server;

use super::{SECRET, assert_kept, serve};

#[test]
fn no_path_encoding_leaves_the_root() {
    let server = serve(&[("index.html", b"home"), ("a/b/c.txt", b"c")]);
    let outside = fs::canonicalize(server.root().with_file_name("secret")).expect("its path");
    let outside = outside.to_str().expect("UTF-8");
    let mut client = server.connect();
    for (path, status) in [
        ("/../secret", 400),
        ("/..", 400),
        ("/../", 400),
        ("/../root/index.html", 400),
        ("/./../secret", 400),
        ("//../secret", 400),
        ("/../../../../../../../../etc/passwd", 400),
        ("/a/../../secret", 400),
        ("/a/b/../../../secret", 400),
        ("/a/b/c.txt/../../../../secret", 400),
        ("/missing/../../secret", 400),
        ("/%2e%2e/secret", 400),
        ("/%2E%2E/secret", 400),
        ("/.%2e/secret", 400),
        ("/%2e./secret", 400),
        ("/a/%2e%2e/%2e%2e/secret", 400),
        ("/..%2fsecret", 404),
        ("/..%2Fsecret", 404),
        ("/%2e%2e%2fsecret", 404),
        ("/a%2f..%2f..%2fsecret", 404),
        ("/..%5csecret", 404),
        ("/..\\secret", 404),
        ("/..\\..\\secret", 404),
        ("/%2e%2e%5csecret", 404),
        ("/a\\..\\..\\secret", 404),
        ("/%252e%252e/secret", 404),
        ("/%252e%252e%252fsecret", 404),
        ("/..%252fsecret", 404),
        ("/%25252e%25252e/secret", 404),
        ("/..;/secret", 404),
        ("/..;x=y/secret", 404),
        ("/.../secret", 404),
        ("/....//secret", 404),
        ("/%c0%ae%c0%ae/secret", 404),
        ("/%c0%ae%c0%ae%c0%afsecret", 404),
        ("/..%c0%afsecret", 404),
        ("/%e0%80%ae%e0%80%ae/secret", 404),
        ("/%f0%80%80%ae%f0%80%80%ae/secret", 404),
        ("/%uff0e%uff0e/secret", 400),
        ("/%ef%bc%8e%ef%bc%8e/secret", 404),
        ("/%2e%2e%00/secret", 400),
        ("//etc/passwd", 404),
        ("/%2fetc%2fpasswd", 404),
        ("/%2f/etc/passwd", 404),
        ("/C:/secret", 404),
        ("/file:///etc/passwd", 404),
        ("/~root/", 404),
        ("http://test/../secret", 400),
        ("http://test/%2e%2e/secret", 400),
        ("http://test//etc/passwd", 404),
        ("http://test/a/../../secret", 400),
    ] {
        assert_kept(&client.get(path), status, path);
    }
    assert_kept(&client.get(outside), 404, "the path on the disk");
    assert_kept(&client.get(&format!("/{outside}")), 404, "the path on the disk");
    assert_eq!(client.get("/a/../index.html").text(), "home", "and what stays inside is served");
}

#[test]
fn nul_in_path_gets_400() {
    let server = serve(&[("a.txt", b"a")]);
    let mut client = server.connect();
    for path in ["/a.txt%00", "/a.txt%00.html", "/%00", "/%00/a.txt", "/a.txt/%00/..", "/../secret%00"] {
        assert_kept(&client.get(path), 400, path);
    }
}

#[test]
fn well_known_files_are_served_without_hidden() {
    let files: &[(&str, &[u8])] = &[
        (".well-known/security.txt", b"Contact"),
        (".well-known/.env", b"secret"),
        ("a/.well-known/x", b"secret"),
        ("index.html", b"home"),
    ];
    let server = Server::with(files, &["--upload", "--fallback=index.html", "--listing=auto"]);
    let mut client = server.connect();
    for path in
        ["/.well-known/security.txt", "/%2ewell-known/security.txt", "/a/../.well-known//security.txt"]
    {
        assert_eq!(client.get(path).text(), "Contact", "{path}");
    }
    for path in [
        "/.well-known/.env",
        "/a/.well-known/x",
        "/.well-knownx",
        "/.well-known/missing",
        "/.well-known/../.env",
    ] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    let put = "PUT /.well-known/new HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(client.send(put).reply().status, 403);
    assert_eq!(client.ask("OPTIONS /.well-known/new", "").field("Allow"), Some("GET, HEAD, OPTIONS"));
    assert!(!client.get("/a/?format=json").text().contains("well-known"));
}

#[test]
fn hidden_option_serves_lists_and_stores_dot_names() {
    let files: &[(&str, &[u8])] =
        &[(".env", b"env"), ("a/.git/config", b"config"), (".well-known/x", b"x"), ("b", b"b")];
    let server = Server::with(files, &["--hidden", "--upload"]);
    let mut client = server.connect();
    for (path, text) in [("/.env", "env"), ("/a/.git/config", "config"), ("/%2eenv", "env"), ("/b", "b")] {
        assert_eq!(client.get(path).text(), text, "{path}");
    }
    assert_eq!(client.get("/?format=plain").text(), ".well-known/\na/\n.env\nb\n");
    let archive = client.get("/a/?archive=tar").body;
    assert!(String::from_utf8_lossy(&archive).contains("a/.git/config\0"), "it is in the archive");
    for (path, status) in [("/.well-known/new", 201), ("/.new", 201), ("/..", 400), ("/.", 409)] {
        let put = format!("PUT {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx");
        assert_eq!(client.send(put).reply().status, status, "{path}");
    }
    assert_eq!(client.get("/.new").text(), "x");
    assert_eq!(client.get("/.missing").status, 404);
}

#[test]
fn dot_names_get_404() {
    let hidden = SECRET.as_bytes();
    let server = serve(&[
        (".git/config", hidden),
        (".env", hidden),
        ("a/.env", hidden),
        ("a/.hidden/x.txt", hidden),
        (".hidden/index.html", hidden),
        ("...", hidden),
        ("..a", hidden),
        ("a.b", b"shown"),
        ("a/x.", b"shown"),
    ]);
    let mut client = server.connect();
    for path in [
        "/.git/config",
        "/.git/",
        "/.git",
        "/.env",
        "/.env/",
        "/a/.env",
        "/a//.env",
        "/a/.hidden/x.txt",
        "/.hidden/",
        "/.hidden",
        "/...",
        "/..a",
        "/%2egit/config",
        "/%2Egit/config",
        "/%2e%67it/config",
        "/a/%2eenv",
        "/./.env",
        "/a/../.env",
        "/.absent",
        "http://test/.env",
    ] {
        assert_kept(&client.get(path), 404, path);
    }
    assert_eq!(client.get("/.git/../a.b").text(), "shown", "only what is named in the end counts");
    assert_eq!(client.get("/a/x.").text(), "shown");
    // That it is there is not told either.
    assert_eq!(client.get("/.git").text(), client.get("/.absent").text());
}

#[test]
fn symlinks_are_followed_only_inside_root() {
    let server = serve(&[("a.txt", b"inside"), ("docs/b.txt", b"deeper"), ("docs/index.html", b"index")]);
    let root = server.root();
    let absolute = root.join("a.txt");
    let secret = root.with_file_name("secret");
    let mut client = server.connect();
    for (name, target, path, expected) in [
        ("file", Path::new("a.txt"), "/file", Ok("inside")),
        ("chain", Path::new("file"), "/chain", Ok("inside")),
        ("up", Path::new("docs/../a.txt"), "/up", Ok("inside")),
        ("docs/back", Path::new("../a.txt"), "/docs/back", Ok("inside")),
        ("dir", Path::new("docs"), "/dir/b.txt", Ok("deeper")),
        ("dir2", Path::new("docs/"), "/dir2/", Ok("index")),
        ("dir3", Path::new("docs"), "/dir3", Err(301)),
        ("self", Path::new("."), "/self/self/docs/b.txt", Ok("deeper")),
        ("out", Path::new("../secret"), "/out", Err(404)),
        ("docs/out", Path::new("../../secret"), "/docs/out", Err(404)),
        ("parent", Path::new(".."), "/parent/secret", Err(404)),
        ("parent2", Path::new(".."), "/parent2/root/a.txt", Err(404)),
        ("around", Path::new("../root/a.txt"), "/around", Err(404)),
        ("absolute", &absolute, "/absolute", Err(404)),
        ("absolute-secret", &secret, "/absolute-secret", Err(404)),
        ("slash", Path::new("/"), "/slash/etc/passwd", Err(404)),
        ("device", Path::new("/dev/zero"), "/device", Err(404)),
        ("magic", Path::new("/proc/self/environ"), "/magic", Err(404)),
        ("loop", Path::new("loop"), "/loop", Err(404)),
        ("dangling", Path::new("missing"), "/dangling", Err(404)),
    ] {
        symlink(target, root.join(name)).expect(name);
        let reply = client.get(path);
        match expected {
            Ok(text) => assert_eq!((reply.status, reply.text()), (200, text), "{path}"),
            Err(status) => assert_kept(&reply, status, path),
        }
    }
}

#[test]
fn cached_symlink_retargeted_outside_gets_404() {
    let server = serve(&[("a.txt", SECRET.as_bytes())]);
    let link = server.root().join("link");
    let mut client = server.connect();
    symlink("a.txt", &link).expect("a link");
    for _ in 0..3 {
        assert_eq!(client.get("/link").status, 200);
    }
    fs::remove_file(&link).expect("removed");
    symlink("../secret", &link).expect("another link");
    assert_kept(&client.get("/link"), 404, "/link");
}
