//! Changes by pages of other sites: a browser would send them with its login, from within its network.
//!
//! `Sec-Fetch-Site` decides where it is sent, and else `Origin`.

use crate::harness::Server;

fn serve(options: &[&str]) -> Server {
    Server::with(&[("old", b"old")], &[&["--upload"], options].concat())
}

/// Whether the request is not refused for its origin.
fn may_change(server: &Server, method: &str, fields: &str) -> bool {
    let request = format!("{method} /x HTTP/1.1\r\nContent-Length: 0\r\n{fields}\r\n\r\n");
    let reply = server.connect().send(request).reply();
    reply.status != 403 || !reply.text().contains("--cors=ORIGIN")
}

#[test]
fn cross_site_change_gets_403() {
    let options = ["--allow-delete", "--allow-mkdir", "--host", "files.example", "--host", "*"];
    let server = serve(&options);
    for (fields, expected) in [
        ("Host: a", true),
        ("Host: a\r\nSec-Fetch-Site: same-origin\r\nOrigin: http://b", true),
        ("Host: a\r\nSec-Fetch-Site: none", true),
        ("Host: a\r\nSec-Fetch-Site: same-site\r\nOrigin: http://a", false),
        ("Host: a\r\nSec-Fetch-Site: cross-site\r\nOrigin: http://a", false),
        ("Host: a\r\nSec-Fetch-Site: new-value", false),
        ("Host: a\r\nOrigin: http://a", true),
        ("Host: a\r\nOrigin: https://A", true),
        ("Host: a:8080\r\nOrigin: http://a:8080", true),
        ("Host: a:8080\r\nOrigin: http://a:8081", false),
        ("Host: a:8080\r\nOrigin: http://a", false),
        ("Host: a\r\nOrigin: http://b", false),
        ("Host: a\r\nOrigin: http://a.evil.example", false),
        ("Host: a\r\nOrigin: null", false),
        ("Host: a\r\nOrigin: ", false),
        ("Host: a\r\nOrigin: a", false),
        ("Host: 127.0.0.1:80\r\nOrigin: https://files.example:444", true),
        ("Host: a\r\nOrigin: http://localhost", false),
    ] {
        for method in ["PUT", "POST", "PATCH", "MKCOL", "DELETE"] {
            assert_eq!(may_change(&server, method, fields), expected, "{method} {fields}");
        }
    }
    let cross = server.connect().ask("GET /old", "Origin: http://b\r\nSec-Fetch-Site: cross-site");
    assert_eq!(cross.status, 200);
}

#[test]
fn cross_site_change_allowed_by_cors_except_forms() {
    let fields = "Host: a\r\nSec-Fetch-Site: cross-site\r\nOrigin: http://b";
    for (option, put) in [("--cors=http://B", true), ("--cors=http://c", false), ("--cors", true)] {
        let server = serve(&[option]);
        assert_eq!(may_change(&server, "PUT", fields), put, "{option}");
        assert!(!may_change(&server, "POST", fields), "{option}: a form would come with the login");
    }
}
