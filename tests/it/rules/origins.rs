//! `--cors`: pages of another origin may read every answer, and their preflights are answered.
//!
//! No browser is asked here: what one would need to see is read off the answers.

use crate::harness::Server;

const FILES: &[(&str, &[u8])] = &[("a.txt", b"a"), ("d/x", b"")];
const PREFLIGHT: &str = "Origin: https://app.example\r\nAccess-Control-Request-Method: GET";

#[test]
fn cors_origin_in_every_response() {
    for (option, origin) in
        [("--cors", "*"), ("--cors=https://App.example:443", "https://app.example"), ("--cors=null", "null")]
    {
        let server = Server::with(FILES, &[option, "--upload", "--redirect=/old=/a.txt"]);
        for (line, fields, status) in [
            ("GET /a.txt", "", 200),
            ("GET /a.txt", "Origin: https://other.example", 200),
            ("HEAD /a.txt", "Origin: https://app.example", 200),
            ("GET /d", "", 301),
            ("GET /old", "", 301),
            ("GET /missing", "", 404),
            ("DELETE /a.txt", "", 403),
            ("OPTIONS /a.txt", "", 204),
            ("OPTIONS /a.txt", PREFLIGHT, 204),
            ("PUT /new", "Content-Length: 0", 201),
            ("PUT /new", "Content-Length: 0", 204),
            ("GET /a.txt", "Expect: tea", 417),
        ] {
            let reply = server.connect().ask(line, fields);
            let said = reply.values("Access-Control-Allow-Origin");
            assert_eq!((reply.status, said), (status, vec![origin]), "{option} {line} {fields}");
            let exposed = reply.field("Access-Control-Expose-Headers").expect("what scripts may read");
            for name in [
                "Accept-Ranges",
                "Content-Encoding",
                "Content-Range",
                "ETag",
                "Location",
                "Repr-Digest",
                "Upload-Offset",
            ] {
                assert!(exposed.split(", ").any(|exposed| exposed == name), "{name} in {exposed}");
            }
        }
    }
}

#[test]
fn preflight_gets_methods_and_requested_headers() {
    let server = Server::with(FILES, &["--cors", "--upload=d", "--allow-delete", "--allow-mkdir"]);
    let mut client = server.connect();
    for (target, methods) in [
        ("/a.txt", "GET, HEAD, OPTIONS"),
        ("/d/x", "GET, HEAD, OPTIONS, PUT, DELETE"),
        ("/d/new", "GET, HEAD, OPTIONS, PUT, MKCOL"),
        ("/d/", "GET, HEAD, OPTIONS, POST"),
    ] {
        let reply = client.ask(&format!("OPTIONS {target}"), PREFLIGHT);
        assert_eq!(reply.status, 204, "{target}");
        assert_eq!(reply.field("Access-Control-Allow-Methods"), Some(methods), "{target}");
        assert_eq!(reply.field("Allow"), Some(methods), "{target}");
        assert_eq!(reply.field("Access-Control-Max-Age"), Some("7200"));
        let allowed = reply.field("Access-Control-Allow-Headers").expect("a list");
        for name in ["Content-Type", "If-Match", "Range"] {
            assert!(allowed.split(", ").any(|allowed| allowed == name), "{name} in {allowed}");
        }
    }
    let asked = format!("{PREFLIGHT}\r\nAccess-Control-Request-Headers: range,x-own, if-match");
    let reply = client.ask("OPTIONS /a.txt", &asked);
    assert_eq!(reply.field("Access-Control-Allow-Headers"), Some("range,x-own, if-match"));
    assert_eq!(client.get("/a.txt").text(), "a", "and the connection goes on");
}

#[test]
fn preflight_invalid_header_list_not_echoed() {
    let server = Server::with(FILES, &["--cors"]);
    let mut client = server.connect();
    for asked in ["<mark>", "mark mark", "mark: x", ",mark", &"mark,".repeat(500)] {
        let fields = format!("{PREFLIGHT}\r\nAccess-Control-Request-Headers: {asked}");
        let reply = client.ask("OPTIONS /a.txt", &fields);
        assert_eq!(reply.status, 204);
        assert!(!reply.head.contains("mark"), "{asked}: {}", reply.head);
    }
}

#[test]
fn without_cors_no_access_control_fields() {
    let server = Server::with(FILES, &["--upload"]);
    let mut client = server.connect();
    for (line, fields) in [("GET /a.txt", "Origin: https://app.example"), ("OPTIONS /a.txt", PREFLIGHT)] {
        let reply = client.ask(line, fields);
        assert!(!reply.head.contains("Access-Control"), "{line}: {}", reply.head);
    }
}

#[test]
fn options_without_preflight_fields_gets_plain_204() {
    let server = Server::with(FILES, &["--cors"]);
    let mut client = server.connect();
    for fields in ["", "Origin: https://app.example", "Access-Control-Request-Method: GET"] {
        let reply = client.ask("OPTIONS /a.txt", fields);
        assert_eq!((reply.status, reply.field("Allow")), (204, Some("GET, HEAD, OPTIONS")), "{fields}");
        assert_eq!(reply.field("Access-Control-Allow-Methods"), None, "{fields}");
    }
}
