//! `--trusted-proxy`: the client's address in the log, and that nobody else can forge it.
//!
//! The test is the proxy, at 127.0.0.1.

use crate::harness::Server;

const FILES: &[(&str, &[u8])] = &[("a.txt", b"a")];
const FORMATS: [&str; 4] = ["combined", "common", "json", "headers"];
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// 192.0.2.7:4386 to 10.0.0.1:80.
const V4: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x11, 0x22, 0, 80];

fn header(version: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).expect("a length").to_be_bytes();
    [SIGNATURE, &[version, family], &len, rest].concat()
}

fn serve(options: &[&str]) -> Server {
    Server::with(FILES, options)
}

/// Client addresses of the log, in the form of the format.
fn logged(log: &str, format: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| format != "headers" || line.contains(" connection "));
    let address = |line: &str| match format {
        "json" => {
            let record: serde_json::Value = serde_json::from_str(line).expect(line);
            format!("{}:{}", record["peer"].as_str().expect("text"), record["port"])
        }
        "headers" => {
            line.split(' ').rev().skip_while(|word| *word != "connection").nth(1).expect(line).to_owned()
        }
        _ => line.split(' ').next().expect("a word").to_owned(),
    };
    lines.map(address).collect()
}

#[test]
fn forwarded_client_is_logged_in_every_format() {
    for format in FORMATS {
        let server = serve(&["--trusted-proxy=127.0.0.0/8", "--log-format", format, "--workers", "2"]);
        let mut client = server.connect();
        for fields in [
            "X-Forwarded-For: 6.6.6.6, 192.0.2.7",
            "X-Forwarded-For: 6.6.6.6, 192.0.2.7",
            "Forwarded: for=\"[2001:db8::7]:81\";proto=https",
            "X-Forwarded-For: 192.0.2.8\r\nForwarded: for=6.6.6.6",
            "X-Forwarded-For: 192.0.2.9",
            "X-Forwarded-For: nobody",
        ] {
            assert_eq!(client.ask("GET /a.txt", fields).status, 200);
        }
        // Pipelined requests may be of different clients.
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n".repeat(2));
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n");
        let _ = (client.reply(), client.reply(), client.reply());
        let own = client.socket().local_addr().expect("an address");
        drop(client);
        let has_port = matches!(format, "json" | "headers");
        let own = if has_port { own.to_string() } else { own.ip().to_string() };
        let port = if has_port { ":0" } else { "" };
        let v6 = match format {
            "json" => "2001:db8::7:81",
            "headers" => "[2001:db8::7]:81",
            _ => "2001:db8::7",
        };
        let expected = [
            format!("192.0.2.7{port}"),
            format!("192.0.2.7{port}"),
            v6.to_owned(),
            own.clone(),
            format!("192.0.2.9{port}"),
            own,
            format!("192.0.2.1{port}"),
            format!("192.0.2.1{port}"),
            format!("192.0.2.2{port}"),
        ];
        assert_eq!(logged(&server.stop().log, format), expected, "{format}");
    }
}

#[test]
fn forwarded_fields_of_others_are_not_believed() {
    for options in [&[][..], &["--trusted-proxy=10.0.0.0/8", "--trusted-proxy=::1"]] {
        let server = serve(options);
        let mut client = server.connect();
        for field in ["X-Forwarded-For: 10.0.0.1", "Forwarded: for=6.6.6.6"] {
            assert_eq!(client.ask("GET /a.txt", field).status, 200);
        }
        let reply =
            server.connect().send([&header(0x21, 0x11, V4)[..], b"GET / HTTP/1.1\r\n"].concat()).reply();
        assert_eq!((reply.status, reply.field("Connection")), (400, Some("close")));
        drop(client);
        assert_eq!(logged(&server.stop().log, "combined"), ["127.0.0.1"; 3], "{options:?}");
    }
}

#[test]
fn proxy_header_names_client_whole_or_byte_by_byte() {
    let v6 = [&[0x20, 1, 0xd, 0xb8], &[0; 11][..], &[7], &[0; 16], &[0x11, 0x22, 0, 80]].concat();
    let extended = [V4, &[4, 3, 0x84], &[0; 900]].concat();
    let headers = [
        (header(0x21, 0x11, V4), "192.0.2.7"),
        (header(0x21, 0x21, &v6), "2001:db8::7"),
        (header(0x21, 0x11, &extended), "192.0.2.7"),
        (header(0x20, 0x11, V4), "127.0.0.1"),
        (header(0x21, 0, &[0; 7]), "127.0.0.1"),
        (header(0x21, 0x31, &[0; 216]), "127.0.0.1"),
    ];
    for workers in ["1", "2"] {
        let server = serve(&["--trusted-proxy", "127.0.0.1", "--workers", workers]);
        let mut expected = Vec::new();
        for (header, address) in &headers {
            let mut client = server.connect();
            assert_eq!(client.send(header).get("/a.txt").status, 200);
            assert_eq!(client.get("/a.txt").status, 200);
            // The client of the header is no proxy.
            assert_eq!(client.ask("GET /a.txt", "X-Forwarded-For: 192.0.2.99").status, 200);
            let last = if *address == "127.0.0.1" { "192.0.2.99" } else { address };
            expected.extend([*address, *address, last]);
        }
        let mut client = server.connect();
        let request = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
        for byte in headers[0].0.iter().chain(request) {
            client.send([*byte]);
        }
        assert_eq!(client.reply().text(), "a");
        let both = [&headers[0].0[..], request, request].concat();
        let mut pipelined = server.connect();
        pipelined.send(both);
        assert_eq!((pipelined.reply().status, pipelined.reply().status), (200, 200));
        expected.extend(["192.0.2.7"; 3]);
        drop((client, pipelined));
        let mut logged = logged(&server.stop().log, "combined");
        // Two workers log in any order.
        logged.sort_unstable();
        expected.sort_unstable();
        assert_eq!(logged, expected, "{workers}");
    }
}

#[test]
fn malformed_proxy_header_closes_and_version_1_gets_400() {
    let server = serve(&["--trusted-proxy=127.0.0.1"]);
    for bytes in [
        header(0x11, 0x11, V4),
        header(0x21, 0x11, &V4[..11]),
        header(0x21, 0x13, V4),
        header(0x21, 0x11, &[0; 5000]),
    ] {
        let mut client = server.connect();
        // The server may close before it has all.
        let _ = client.try_send(bytes).and_then(|()| client.try_send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        let (rest, _) = client.rest_until_any_end();
        assert_eq!(rest, b"");
    }
    let mut client = server.connect();
    client.send("PROXY TCP4 192.0.2.7 10.0.0.1 4386 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().status, 400);
    // A proxy that speaks HTTP at once, after an empty line, too.
    let mut client = server.connect();
    assert_eq!(client.send("\r\n").get("/a.txt").status, 200);
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn incomplete_proxy_header_ends_after_header_timeout() {
    let server = serve(&["--trusted-proxy=127.0.0.1", "--header-timeout=100ms"]);
    let mut client = server.connect();
    client.send(&header(0x21, 0x11, V4)[..20]);
    let (rest, _) = client.rest_until_any_end();
    assert_eq!(rest, b"");
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn trusted_proxy_lifts_default_host_list_only() {
    for (options, status) in [
        (&["--trusted-proxy=10.0.0.1"][..], 200),
        (&["--trusted-proxy=10.0.0.1", "--host=files.example"], 421),
        (&[], 421),
    ] {
        let server = Server::spawn(FILES, options, |command| {
            command.env_remove("REACTOR_HOST");
        });
        let mut client = server.connect();
        for _ in 0..3 {
            assert_eq!(client.get("/a.txt").status, status, "{options:?}");
        }
    }
}

#[cfg(feature = "tls")]
#[test]
fn proxy_header_comes_before_tls() {
    use crate::harness::secure::{Certificate, ClientStream, client_config, secured};
    use std::io::{Read, Write};

    let certificate = Certificate::new(&["localhost"]);
    let pair = certificate.options();
    let options: Vec<&str> = pair.iter().map(String::as_str).chain(["--trusted-proxy=127.0.0.1"]).collect();
    let server = serve(&options);
    for header in [header(0x21, 0x11, V4), Vec::new()] {
        let mut stream = std::net::TcpStream::connect(server.address()).expect("a connection");
        stream.write_all(&header).expect("room");
        let config = client_config(&certificate.chain, &[&rustls::version::TLS13]);
        let mut stream: ClientStream = secured(&config, "localhost", stream);
        stream.write_all(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("room");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
    let log = server.stop().log;
    assert_eq!(logged(&log, "combined"), ["192.0.2.7", "127.0.0.1"]);
}
