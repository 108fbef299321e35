//! The log formats that keep every header, as programs and people read them.
//!
//! JSON lines are read back by a parser that is not ours. Whatever clients send, there is one record
//! for each answer, whole, and what was sent can be had back from it.

use std::io::Read;

use serde_json::{Value, json};

use crate::harness::{Raw, Server, lines, random};

const FILES: &[(&str, &[u8])] = &[("hello.txt", b"hello")];
const SECRETS: &str = "Authorization: Basic c2VjcmV0\r\nproxy-authorization: secret\r\nCookie: a=secret\r\n";

fn json_server(options: &[&str]) -> Server {
    Server::with(FILES, &[&["--log-format", "json"], options].concat())
}

/// Every line of a log, read by a JSON parser.
fn objects(log: &str) -> Vec<Value> {
    assert!(log.is_empty() || log.ends_with('\n'), "the last line is whole");
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

/// The bytes that a value stands for: a string's UTF-8, or one byte for each character.
fn bytes(value: &Value) -> Vec<u8> {
    match (value.as_str(), value["latin1"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(text)) => {
            text.chars().map(|letter| u8::try_from(u32::from(letter)).expect("a byte")).collect()
        }
        _ => panic!("{value} stands for no bytes"),
    }
}

/// The head of an answer as name and value pairs, as the log should have it.
fn pairs(head: &str) -> Value {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| json!([name, value]))
        .collect()
}

fn provoke(server: &Server, sent: &[u8]) -> Raw {
    let mut client = server.connect();
    client.try_send(sent).expect("they fit into the socket buffer");
    client.finish();
    client
}

#[test]
fn json_record_has_all_headers_in_wire_order_with_repeats() {
    let server = json_server(&[]);
    let mut client = server.connect();
    client
        .send("GET /hello.txt?q=%20 HTTP/1.1\r\nHost: test\r\nX-B: 1\r\nx-a:2\r\nX-B:  3 \r\nEmpty:\r\n\r\n");
    let first = client.reply();
    client.send("HEAD /none HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let second = client.reply_to_head();
    client.expect_end();
    let port = client.socket().local_addr().expect("its address").port();
    server.get("/hello.txt");
    let log = objects(&server.stop().log);
    let [one, two, three] = &log[..] else { panic!("three records: {log:?}") };
    let keys: Vec<_> = one.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys.len(), 15, "{keys:?}");
    assert_eq!(
        (&one["connection"], &two["connection"], &three["connection"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert_eq!((&one["peer"], &one["port"]), (&json!("127.0.0.1"), &json!(port)));
    let line =
        |record: &Value| ["method", "target", "version", "request_line"].map(|key| record[key].clone());
    assert_eq!(line(one), [json!("GET"), json!("/hello.txt?q=%20"), json!("HTTP/1.1"), Value::Null]);
    let sent = json!([["Host", "test"], ["X-B", "1"], ["x-a", "2"], ["X-B", "3"], ["Empty", ""]]);
    assert_eq!(one["request_headers"], sent);
    assert_eq!((&one["status"], &one["response_headers"]), (&json!(200), &pairs(&first.head)));
    assert_eq!((&two["status"], &two["response_headers"]), (&json!(404), &pairs(&second.head)));
    assert_eq!((&one["body_bytes"], &two["body_bytes"]), (&json!(5), &json!(0)));
    assert!(one["duration_us"].as_u64().is_some_and(|micros| (1..60_000_000).contains(&micros)), "{one}");
    assert_eq!((&one["close_reason"], &two["close_reason"]), (&Value::Null, &json!("finished")));
    assert_eq!(one["protocol"], "HTTP/1.1");
}

#[test]
fn times_are_rfc_3339_local_with_offset_and_microseconds() {
    for format in ["json", "headers"] {
        // POSIX counts westwards: three and a half hours behind.
        let server = Server::spawn(FILES, &["--log-format", format], |command| {
            command.env("TZ", "XYZ3:30");
        });
        server.get("/hello.txt");
        let log = server.stop().log;
        let time = match format {
            "json" => objects(&log)[0]["time"].as_str().expect("a time").to_owned(),
            _ => log.split(' ').next().expect("a time").to_owned(),
        };
        let shape: String =
            time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000-00:00", "{time}");
        assert!(time.ends_with("-03:30"), "{time}");
    }
}

#[test]
fn pipelined_responses_have_one_record_each_with_own_heads() {
    let server = json_server(&[]);
    let requests: String =
        (0..40).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: test\r\nNumber: {n}\r\n\r\n")).collect();
    let mut client = server.connect();
    client.send(requests);
    let heads: Vec<Value> = (0..40).map(|_| pairs(&client.reply().head)).collect();
    drop(client);
    let log = objects(&server.stop().log);
    assert_eq!(log.len(), 40);
    for (n, record) in log.iter().enumerate() {
        assert_eq!(record["target"], format!("/{n}"));
        assert_eq!(record["request_headers"][1], json!(["Number", n.to_string()]));
        assert_eq!(record["response_headers"], heads[n]);
        assert_eq!(record["close_reason"], Value::Null);
    }
}

#[test]
fn json_log_escapes_every_deceptive_character() {
    let server = json_server(&[]);
    // Soft hyphen, Mongolian vowel separator, Hangul fillers, interlinear annotation, tag characters.
    let deceptive = "\u{ad}\u{61c}\u{115f}\u{1160}\u{180e}\u{200b}\u{202e}\u{2060}\u{3164}\u{feff}\u{ffa0}\
                     \u{fff9}\u{fffb}\u{e0001}\u{e0041}\u{e007f}";
    let request = format!("GET /{deceptive} HTTP/1.1\r\nHost: t\r\nX: {deceptive}\r\n\r\n");
    provoke(&server, request.as_bytes()).rest();
    let log = server.stop().log;
    assert!(log.trim_end().bytes().all(|byte| matches!(byte, b' '..=b'~')), "{log}");
    let record = &objects(&log)[0];
    assert_eq!(bytes(&record["target"]), format!("/{deceptive}").as_bytes());
    assert_eq!(record["request_headers"][1], json!(["X", deceptive]));
}

#[test]
fn bytes_that_are_not_utf8_survive_in_json() {
    let server = json_server(&[]);
    let value: Vec<u8> = (0x20..=0xff).filter(|byte| *byte != 0x7f).collect();
    let utf8 = "na\u{ef}ve \u{202e}\u{9b}31m \u{1f980}";
    let sent = [
        &b"GET /caf\xe9 HTTP/1.1\r\nHost: t\r\nX: "[..],
        b"a",
        &value,
        b"\r\nY: ",
        utf8.as_bytes(),
        b"\r\n\r\n",
    ];
    provoke(&server, &sent.concat()).rest();
    let log = server.stop().log;
    assert!(!log.trim_end().chars().any(char::is_control) && !log.contains('\u{202e}'), "{log}");
    let record = &objects(&log)[0];
    assert_eq!(bytes(&record["target"]), b"/caf\xe9");
    assert_eq!(bytes(&record["request_headers"][1][1]), [b"a", &value[..]].concat());
    assert_eq!(record["request_headers"][2], json!(["Y", utf8]));
}

#[test]
fn malformed_request_is_logged_as_received() {
    let server = json_server(&[]);
    let table: [(&[u8], u16, &[u8]); 5] = [
        (b"nonsense\r\nHost: t\r\n\r\n", 400, b"nonsense"),
        (b"\x16\x03\x01\x02\0\x01\xfc\r\n\r\n", 400, b"\x16\x03\x01\x02\0\x01\xfc"),
        (b"GET / HTTP/1.1\r\nbad line\r\nHost: t\r\n\r\n", 400, b"GET / HTTP/1.1"),
        (b"GET / HTTP/3.0\r\nHost: t\r\n\r\n", 505, b"GET / HTTP/3.0"),
        (b"GET / HTTP/1.1\r\nHo", 400, b"GET / HTTP/1.1"),
    ];
    for (sent, _, _) in table {
        provoke(&server, sent).rest();
    }
    let log = objects(&server.stop().log);
    assert_eq!(log.len(), table.len());
    for ((_, status, line), record) in table.iter().zip(&log) {
        let told = match &record["request_line"] {
            Value::Null => ["method", "target", "version"].map(|key| bytes(&record[key])).join(&b' '),
            whole => bytes(whole),
        };
        assert_eq!((&record["status"], &told[..]), (&json!(status), *line));
        assert!(record["close_reason"].as_str().expect("it closes").starts_with("refused: "), "{record}");
    }
    assert_eq!(log[2]["request_headers"], json!([["bad line", null], ["Host", "t"]]));
    assert_eq!(log[4]["request_headers"], json!([["Ho", null]]));
}

#[test]
fn aborted_download_is_logged_with_close_reason() {
    let server = json_server(&[]);
    let large = std::fs::File::create(server.root().join("large")).expect("a file");
    large.set_len(1 << 30).expect("a sparse file");
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").head();
    client.bytes(100_000);
    drop(client);
    let record = &objects(&server.stop().log)[0];
    let reason = record["close_reason"].as_str().expect("a reason");
    assert!(reason.starts_with("failed: ") || reason == "shutting down", "{reason}");
    assert!(record["body_bytes"].as_u64().is_some_and(|len| (100_000..1 << 30).contains(&len)), "{record}");
}

#[test]
fn headers_format_is_one_block_per_exchange() {
    let server = Server::with(FILES, &["--log-format", "headers"]);
    let mut client = server.connect();
    client.send("GET /hello.txt HTTP/1.1\r\nHost: test\r\nX: \u{e9}\\\r\n\r\n");
    let first = client.reply();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let second = client.reply();
    client.expect_end();
    let peer = client.socket().local_addr().expect("its address");
    let log = server.stop().log;
    let blocks: Vec<&str> = log.strip_suffix("\n\n").expect("the end of a block").split("\n\n").collect();
    let [one, two] = blocks[..] else { panic!("two blocks: {log}") };
    let (title, rest) = one.split_once('\n').expect("lines");
    assert!(title.contains(&format!(" {peer} connection 1: 200, 5 bytes in ")), "{title}");
    let response_lines =
        |head: &str| head.trim_end().lines().map(|line| format!("< {line}\n")).collect::<String>();
    let expected = format!(
        "> GET /hello.txt HTTP/1.1\n> Host: test\n> X: \\xC3\\xA9\\\\\n{}",
        response_lines(&first.head).trim_end()
    );
    assert_eq!(rest, expected);
    let (_, rest) = two.split_once('\n').expect("lines");
    assert_eq!(rest, format!("> GET / HTTP/1.0\n{}* closed: finished", response_lines(&second.head)));
}

#[test]
fn secrets_are_redacted_in_every_format_by_default() {
    for format in ["combined", "common", "json", "headers"] {
        for (option, shown) in [(None, false), (Some("--log-secrets"), true)] {
            let options: Vec<&str> = ["--log-format", format].into_iter().chain(option).collect();
            let server = Server::with(FILES, &options);
            let mut client = server.connect();
            client.send(format!("GET /hello.txt HTTP/1.1\r\nHost: t\r\n{SECRETS}\r\n")).reply();
            drop(client);
            // A head that is refused, and one that was cut in two, tell no more.
            provoke(
                &server,
                format!("GET / HTTP/1.1\r\n{SECRETS}Set-Cookie : secret\r\n secret\r\n\r\n").as_bytes(),
            )
            .rest();
            provoke(&server, b"Cookie: secret\r\n\r\n").rest();
            // A bare CR ends no line, but others may have meant one.
            for bytes in [
                "GET / HTTP/1.1\rAuthorization: secret\r\n\r\n",
                "GET / HTTP/1.1\r\nX: y\rCookie: secret\rsecret\r\n\r\n",
                "GET / HTTP/1.1\r\nX: y\r\n Cookie: secret\r\n\r\n",
            ] {
                provoke(&server, bytes.as_bytes()).rest();
            }
            let log = server.stop().log;
            let has_heads = matches!(format, "json" | "headers");
            let told = log.contains("secret") || log.contains("c2VjcmV0");
            assert_eq!(told, shown && has_heads || log.contains("\"Cookie: secret\""), "{format}: {log}");
            assert_eq!(told, shown, "{format}: {log}");
            let names = ["Authorization", "proxy-authorization", "Cookie"];
            assert!(!has_heads || names.iter().all(|name| log.contains(name)), "the names are kept: {log}");
        }
    }
}

#[test]
fn log_headers_selects_logged_fields() {
    let logged_headers = |names: &str| {
        let server = json_server(&["--log-headers", names]);
        let mut client = server.connect();
        client.send("GET /hello.txt HTTP/1.1\r\nHost: t\r\nX: 1\r\nCookie: secret\r\nx: 2\r\n\r\n").reply();
        drop(client);
        let record = objects(&server.stop().log).remove(0);
        (record["request_headers"].clone(), record["response_headers"].clone())
    };
    assert_eq!(logged_headers("none"), (json!([]), json!([])));
    assert_eq!(
        logged_headers("x,CONTENT-length, cookie"),
        (json!([["X", "1"], ["Cookie", "(redacted)"], ["x", "2"]]), json!([["Content-Length", "5"]]))
    );
    assert_eq!(logged_headers("all").0.as_array().map(Vec::len), Some(4));
}

#[test]
fn common_is_combined_without_referer_and_user_agent() {
    let server = Server::with(FILES, &["--log-format", "common"]);
    let mut client = server.connect();
    client.send("GET /hello.txt HTTP/1.1\r\nHost: t\r\nUser-Agent: x\r\n\r\n").reply();
    drop(client);
    let log = server.stop().log;
    assert!(
        log.starts_with("127.0.0.1 - - [") && log.ends_with("] \"GET /hello.txt HTTP/1.1\" 200 5\n"),
        "{log}"
    );
}

#[test]
fn random_bytes_log_one_record_per_response_in_every_format() {
    let mut random = random(0x2545_f491_4f6c_dd1d);
    let pieces: [&[u8]; 12] = [
        b"GET / HTTP/1.1\r\nHost: t\r\n",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"X: ",
        b"\"}\n{\"time\":\"",
        b"\n\n2026-11-20T00:00:00.000000+00:00 forged",
        b"\n> GET",
        b"\\u000a\\x0A",
        b"\xe2\x80\xa8",
        b"\x1b[2J",
        b"GET / HTTP/1.1\r\nHost: t\r\n\r\n",
    ];
    let conversations: Vec<Vec<u8>> = (0..150)
        .map(|_| {
            let piece = |_| match random(4) {
                0 => vec![random(256) as u8],
                _ => pieces[random(pieces.len())].to_vec(),
            };
            (0..12).flat_map(piece).collect()
        })
        .collect();
    for format in ["common", "json", "headers"] {
        let server = Server::with(FILES, &["--log-format", format]);
        let mut response_count = 0;
        for sent in &conversations {
            let rest = provoke(&server, sent).rest();
            response_count += rest.windows(9).filter(|window| window == b"HTTP/1.1 ").count();
        }
        let log = server.stop().log;
        let records = match format {
            "json" => objects(&log).len(),
            "headers" => {
                let blocks: Vec<&str> =
                    log.strip_suffix("\n\n").expect("a whole block").split("\n\n").collect();
                let fits =
                    |line: &str| ["> ", "< ", "* closed: "].iter().any(|prefix| line.starts_with(prefix));
                let is_block = |block: &&str| block.starts_with("20") && block.lines().skip(1).all(fits);
                assert!(blocks.iter().all(is_block), "{log}");
                blocks.len()
            }
            _ => log.lines().count(),
        };
        assert_eq!(records, response_count, "{format}");
        assert!(!log.chars().any(|letter| letter.is_control() && letter != '\n'), "{format}");
    }
}

#[test]
fn startup_prints_host_to_stderr_and_only_address_to_stdout() {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // The harness has read the first line, and would not have come so far if it were anything else.
    let (server, mut stdout) = Server::spawn_apart(FILES, &[], |_| ());
    server.get("/hello.txt");
    let root = server.root();
    let stopped = server.stop();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("its output");
    assert_eq!(
        (rest.as_str(), stopped.stderr.split("; ").next(), stopped.stderr.lines().count()),
        (
            "",
            Some(format!("reactor-server: this host is {name} and serves '{}'", root.display()).as_str()),
            1
        )
    );
}

#[test]
fn verbose_connection_numbers_match_the_log() {
    let (server, log) = {
        let (server, stdout) =
            Server::spawn_apart(FILES, &["-v", "--access-log", "-", "--log-format", "json"], |_| ());
        (server, lines(stdout))
    };
    let mut peers = Vec::new();
    for number in 1..=3 {
        let mut client = server.connect();
        client.get("/hello.txt");
        let line = log.recv_timeout(crate::harness::WAIT_MAX).expect("its record");
        let record: Value = serde_json::from_str(&line).expect("an object");
        assert_eq!(record["connection"], number);
        peers.push(client.socket().local_addr().expect("its address"));
    }
    let stderr = server.stop().stderr;
    for (index, peer) in peers.iter().enumerate() {
        let told = format!("{peer} connected (connection {})", index + 1);
        assert!(stderr.contains(&told), "no {told}: {stderr}");
    }
}
