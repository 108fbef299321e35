//! Python's `http.client`, which is what `urllib`, `requests` and `pip` stand on.
//!
//! It leaves every field to the script, and so asks for what other clients never do.

use std::path::Path;

use super::{home, succeed};
use crate::harness::Server;

const FILES: &[(&str, &[u8])] = &[("a.txt", b"the first"), ("b.txt", b"the second one")];

/// What a script says that is given the server's host and port.
#[track_caller]
fn python(home: &Path, script: &str, server: &Server) -> Option<String> {
    let (host, port) = (server.address().ip().to_string(), server.address().port().to_string());
    succeed("python3", home, &["-I", "-c", script, &host, &port])
}

#[test]
fn python_sends_several_requests_over_one_connection() {
    let (home, server) = (home(), Server::serving(FILES));
    let script = r#"
import http.client, sys
conn = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=30)
ports = set()
for method, path in [("GET", "/a.txt"), ("HEAD", "/b.txt"), ("GET", "/none"), ("GET", "/b.txt")]:
    conn.request(method, path)
    ports.add(conn.sock.getsockname()[1])
    answer = conn.getresponse()
    body = answer.read().decode()
    print(method, path, answer.status, body if answer.status == 200 else "-")
print("connections:", len(ports))
"#;
    let Some(text) = python(home.path(), script, &server) else { return };
    let expected = [
        "GET /a.txt 200 the first",
        "HEAD /b.txt 200 ",
        "GET /none 404 -",
        "GET /b.txt 200 the second one",
        "connections: 1",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn python_chunked_post_gets_405_and_reuses_connection() {
    let (home, server) = (home(), Server::serving(FILES));
    let script = r#"
import http.client, sys
conn = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=30)
ports = set()
for i in range(3):
    conn.request("POST", "/a.txt", body=iter([b"one", b"two" * 10000, b"three"]), encode_chunked=True,
                 headers={"Transfer-Encoding": "chunked"})
    ports.add(conn.sock.getsockname()[1])
    answer = conn.getresponse()
    answer.read()
    print(answer.status, answer.getheader("Allow"), answer.getheader("Connection"))
    conn.request("GET", "/a.txt")
    ports.add(conn.sock.getsockname()[1])
    print(conn.getresponse().read().decode())
print("connections:", len(ports))
"#;
    let Some(text) = python(home.path(), script, &server) else { return };
    let expected = ["405 GET, HEAD, OPTIONS None", "the first"].repeat(3);
    assert_eq!(text.lines().collect::<Vec<_>>(), [&expected[..], &["connections: 1"]].concat());
}

#[test]
fn python_ranges_and_conditions_over_one_connection() {
    let (home, server) = (home(), Server::serving(FILES));
    let script = r#"
import http.client, sys
conn = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=30)
ports = set()
def ask(method, path, **fields):
    conn.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
    ports.add(conn.sock.getsockname()[1])
    answer = conn.getresponse()
    return answer, answer.read().decode()
answer, body = ask("GET", "/b.txt")
tag, date = answer.getheader("ETag"), answer.getheader("Last-Modified")
for fields in [
    {"If_None_Match": tag}, {"If_None_Match": '"other", W/' + tag}, {"If_None_Match": '"other"'},
    {"If_Modified_Since": date}, {"If_Match": '"other"'}, {"If_Unmodified_Since": date},
    {"Range": "bytes=4-9"}, {"Range": "bytes=-3"}, {"Range": "bytes=14-"}, {"Range": "bites=1-2"},
    {"Range": "bytes=4-9", "If_Range": tag}, {"Range": "bytes=4-9", "If_Range": '"other"'},
]:
    answer, body = ask("GET", "/b.txt", **fields)
    same = answer.getheader("ETag") in (tag, None if answer.status >= 400 else tag)
    print(answer.status, body if answer.status < 400 else "-", answer.getheader("Content-Range"), same)
print("connections:", len(ports))
"#;
    let Some(text) = python(home.path(), script, &server) else { return };
    let expected = [
        "304  None True",
        "304  None True",
        "200 the second one None True",
        "304  None True",
        "412 - None True",
        "200 the second one None True",
        "206 second bytes 4-9/14 True",
        "206 one bytes 11-13/14 True",
        "416 - bytes */14 True",
        "200 the second one None True",
        "206 second bytes 4-9/14 True",
        "200 the second one None True",
        "connections: 1",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}
