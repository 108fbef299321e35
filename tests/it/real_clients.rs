//! Clients that other people wrote and everybody has: curl and Python's `http.client`.
//!
//! They are not part of the project, so where one is not installed its tests say that they were
//! skipped, and pass.

use std::io::ErrorKind;
use std::process::Output;

use crate::harness::{PATIENCE, Server, pattern};

const FILES: &[(&str, &[u8])] = &[("a.txt", b"the first"), ("b.txt", b"the second one")];

/// Runs a program that may not be there.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    let ran = assert_cmd::Command::new(program).args(arguments).timeout(PATIENCE).output();
    match ran {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// What curl says on standard output, without the machine's own settings and proxies.
fn curl(arguments: &[&str]) -> Option<String> {
    let mut all = vec!["-q", "-sS", "--noproxy", "*"];
    all.extend(arguments);
    let output = run("curl", &all)?;
    assert!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text"))
}

fn python(script: &str, server: &Server) -> Option<String> {
    let (host, port) = (server.address().ip().to_string(), server.address().port().to_string());
    let output = run("python3", &["-I", "-c", script, &host, &port])?;
    assert!(output.status.success(), "python3: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn curl_gets_a_file() {
    let server = Server::serving(FILES);
    let url = format!("http://{}/a.txt", server.address());
    let Some(body) = curl(&[&url]) else { return };
    assert_eq!(body, "the first");
    let stopped = server.stop();
    assert!(stopped.log.contains("\"GET /a.txt HTTP/1.1\" 200 9 \"-\" \"curl/"), "{}", stopped.log);
}

#[test]
fn curl_gets_a_head_without_waiting_for_a_body() {
    let server = Server::serving(FILES);
    let url = format!("http://{}/b.txt", server.address());
    let Some(head) = curl(&["-I", &url]) else { return };
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 14\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn curl_fetches_two_urls_over_one_connection() {
    let server = Server::serving(FILES);
    let urls = ["a", "b"].map(|name| format!("http://{}/{name}.txt", server.address()));
    let report = "|%{http_code} %{num_connects}|";
    let Some(text) = curl(&["--write-out", report, &urls[0], &urls[1]]) else { return };
    assert_eq!(text, "the first|200 1|the second one|200 0|");
}

#[test]
fn curl_is_refused_an_upload_with_403_and_can_go_on() {
    let server = Server::serving(FILES);
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Small ones are sent at once; for large ones curl waits to be asked.
    for len in [10, 3 << 20] {
        let upload = folder.path().join("upload");
        std::fs::write(&upload, vec![b'x'; len]).expect("a file");
        let url = format!("http://{}/a.txt", server.address());
        let upload = upload.to_string_lossy();
        let report = ["-o", "/dev/null", "--write-out", "%{http_code}"];
        let arguments = [&["-T", &upload], &report[..], &[&url]].concat();
        let Some(status) = curl(&arguments) else { return };
        assert_eq!(status, "403", "{len} bytes");
        assert_eq!(server.get("/a.txt").text(), "the first", "the file is what it was");
    }
}

#[test]
fn curl_uploads_with_and_without_being_asked_in_chunks_and_not_and_under_its_own_name() {
    let server = Server::with(FILES, &["--upload", "--max-upload", "8M"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let report = ["-o", "/dev/null", "--write-out", "%{http_code} %{num_connects}"];
    for len in [0, 10, 3 << 20] {
        let upload = folder.path().join("up load");
        let bytes = pattern(len);
        std::fs::write(&upload, &bytes).expect("a file");
        let url = format!("http://{}/", server.address());
        let upload = upload.to_string_lossy();
        for fields in [
            &["-H", "Expect:"][..],
            &["-H", "Expect: 100-continue"],
            &[],
            &["-H", "Transfer-Encoding: chunked"],
        ] {
            // This curl never sends the last chunk of what it knows to be empty.
            if len == 0 && fields.contains(&"Transfer-Encoding: chunked") {
                continue;
            }
            let _ = std::fs::remove_file(server.root().join("up load"));
            let arguments = [&["-T", &upload], &report[..], fields, &[&url]].concat();
            for status in ["201", "204"] {
                let Some(text) = curl(&arguments) else { return };
                assert_eq!(text, format!("{status} 1"), "{len} bytes, {fields:?}");
                assert!(server.get("/up%20load").body == bytes, "{len} bytes, {fields:?}");
            }
        }
    }
    let large = folder.path().join("large");
    std::fs::File::create(&large).and_then(|file| file.set_len(64 << 20)).expect("a large file");
    for fields in ["Expect:", "Expect: 100-continue"] {
        let url = format!("http://{}/large", server.address());
        let arguments = ["-T", &large.to_string_lossy(), "-H", fields, &url];
        let Some(text) = curl(&arguments) else { return };
        assert!(text.contains("413 Content Too Large\n") && text.contains("--max-upload"), "{text}");
    }
}

#[test]
fn curl_of_the_last_century_gets_its_file_and_the_end_of_the_connection() {
    let server = Server::serving(FILES);
    let url = format!("http://{}/a.txt", server.address());
    let report = "|%{num_connects}|";
    let Some(text) = curl(&["--http1.0", "--write-out", report, &url, &url]) else { return };
    assert_eq!(text, "the first|1|the first|1|");
}

#[test]
fn python_sends_several_requests_over_one_connection() {
    let server = Server::serving(FILES);
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
    let Some(text) = python(script, &server) else { return };
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
fn python_posts_in_chunks_is_answered_405_and_uses_the_connection_again() {
    let server = Server::serving(FILES);
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
    let Some(text) = python(script, &server) else { return };
    let expected = ["405 GET, HEAD, OPTIONS None", "the first"].repeat(3);
    assert_eq!(text.lines().collect::<Vec<_>>(), [&expected[..], &["connections: 1"]].concat());
}
