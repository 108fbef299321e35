//! `--host`: which names the server answers to, so that no page of another name can use it (DNS rebinding).
//!
//! The harness lifts the default list for all other tests.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::harness::{Raw, Reply, Server, names_in, reactor_server};

const FILES: &[(&str, &[u8])] = &[("a.txt", b"a")];

/// A server with its default list of names.
fn serve(options: &[&str]) -> Server {
    Server::spawn(FILES, options, |command| {
        command.env_remove("REACTOR_HOST");
    })
}

fn ask(client: &mut Raw, line: &str, fields: &str) -> Reply {
    client.send(format!("{line} HTTP/1.1\r\n{fields}\r\n\r\n"));
    if line.starts_with("HEAD ") { client.reply_to_head() } else { client.reply() }
}

/// Asks for the file three times, so that the last response may come from a cache.
fn statuses(client: &mut Raw, host: &str) -> [u16; 3] {
    [(); 3].map(|()| ask(client, "GET /a.txt", &format!("Host: {host}")).status)
}

/// An address of this host that is not loopback. No packet is sent.
fn other_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback())
}

fn check_default_list() {
    let own = rustix::system::uname().nodename().to_str().expect("UTF-8").to_owned();
    let label = own.split('.').next().expect("a label").to_owned();
    let server = serve(&["--workers", "2"]);
    for _ in 0..3 {
        let mut client = server.connect();
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "localhost.:1",
            "app.localhost:3000",
            "127.0.0.1",
            "127.0.0.1:9",
            "192.168.1.5:8080",
            "[::1]",
            "[::1]:8080",
            "[2001:db8::1]",
            "",
            ":8080",
            &own,
            &label,
            &format!("{}.:8080", own.to_uppercase()),
        ] {
            assert_eq!(statuses(&mut client, host), [200; 3], "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "2130706433",
            "0x7f.1",
            "localhost%00",
            "a",
        ] {
            assert_eq!(statuses(&mut client, host), [421; 3], "{host}");
        }
    }
}

#[test]
fn loopback_answers_to_local_names_and_addresses_only() {
    check_default_list();
}

#[cfg(feature = "tls")]
#[test]
fn loopback_over_tls_answers_to_local_names_only() {
    crate::harness::secure::over_tls(check_default_list);
}

#[test]
fn unknown_host_gets_421_for_every_request() {
    let options =
        ["--upload", "--cors", "--redirect=/old=/new", "--fallback=a.txt", "--error-page=404=a.txt"];
    let server = serve(&options);
    let mut client = server.connect();
    let preflight = "Origin: https://app.example\r\nAccess-Control-Request-Method: PUT";
    for (line, fields) in [
        ("GET /a.txt", ""),
        ("HEAD /a.txt", ""),
        ("GET /missing", ""),
        ("GET /old", ""),
        ("GET /%zz", ""),
        ("GET /a.txt", "Range: bytes=0-0"),
        ("GET /?archive=tar", ""),
        ("OPTIONS *", ""),
        ("OPTIONS /a.txt", preflight),
        ("PUT /new", "Content-Length: 0"),
        ("POST /a.txt", "Content-Length: 0"),
        ("DELETE /a.txt", ""),
        ("BREW /a.txt", ""),
    ] {
        let end = if fields.is_empty() { "" } else { "\r\n" };
        let reply = ask(&mut client, line, &format!("{fields}{end}Host: evil.example"));
        assert_eq!(reply.status, 421, "{line}");
        assert!(line.starts_with("HEAD") || reply.text().contains("--host NAME"), "{line}: {}", reply.text());
        assert_eq!(reply.field("Location"), None, "{line}");
    }
    client.send("PUT /new HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!(client.reply().status, 421);
    assert_eq!(ask(&mut client, "GET /a.txt", "Host: localhost").text(), "a", "the body is out of the way");
    let head = "PUT /new HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(server.connect().send(head).reply().status, 421, "before any 100");
    assert_eq!(names_in(&server.root()), ["a.txt"]);
    assert_eq!(ask(&mut client, "PUT /new", "Host: localhost\r\nContent-Length: 0").status, 201);
}

#[test]
fn absolute_form_goes_before_host_and_http10_needs_none() {
    let server = serve(&[]);
    let mut client = server.connect();
    for (target, host, status) in [
        ("http://localhost/a.txt", "evil.example", 200),
        ("http://[::1]:80/a.txt", "evil.example", 200),
        ("http://evil.example/a.txt", "localhost", 421),
        ("HTTPS://evil.example:80/a.txt", "localhost", 421),
    ] {
        let reply = ask(&mut client, &format!("GET {target}"), &format!("Host: {host}"));
        assert_eq!(reply.status, status, "{target} {host}");
    }
    for (fields, status) in [("", 200), ("Host: localhost\r\n", 200), ("Host: evil.example\r\n", 421)] {
        let reply = server.connect().send(format!("GET /a.txt HTTP/1.0\r\n{fields}\r\n")).reply();
        assert_eq!(reply.status, status, "{fields}");
    }
}

#[test]
fn host_option_adds_names_and_star_lifts_the_list() {
    for (options, rows) in [
        (
            &["--host", "Files.Example", "--host=*.test"][..],
            &[
                ("files.example:80", 200),
                ("a.test.", 200),
                ("test", 421),
                ("localhost", 200),
                ("evil.example", 421),
            ][..],
        ),
        (&["--host=*"], &[("evil.example", 200), ("localhost", 200)]),
    ] {
        let server = serve(options);
        for (host, status) in rows {
            assert_eq!(statuses(&mut server.connect(), host), [*status; 3], "{options:?} {host}");
        }
    }
}

#[test]
fn other_listener_answers_to_all_names_unless_host_is_given() {
    let Some(ip) = other_address() else {
        eprintln!("skipped: this machine has only loopback addresses");
        return;
    };
    for (options, elsewhere) in [(&[][..], 200), (&["--host=files.example"], 421)] {
        let server = serve(&[&["--bind", &ip.to_string()], options].concat());
        let mut other = Raw::connect(SocketAddr::new(ip, server.address().port()));
        let mut loopback = server.connect();
        for _ in 0..2 {
            assert_eq!(statuses(&mut other, "evil.example"), [elsewhere; 3], "{options:?}");
            assert_eq!(statuses(&mut loopback, "evil.example"), [421; 3], "{options:?}");
            assert_eq!(statuses(&mut other, "localhost"), [200; 3], "{options:?}");
        }
    }
}

#[cfg(feature = "tls")]
#[test]
fn unknown_host_is_not_redirected_to_https() {
    let certificate = crate::harness::secure::Certificate::new(&["localhost"]);
    let pair = certificate.options();
    let options = ["--tls-port", "0", "--redirect-to-https"];
    let options: Vec<&str> = pair.iter().map(String::as_str).chain(options).collect();
    let server = serve(&options);
    assert_eq!(statuses(&mut server.connect(), "localhost"), [308; 3]);
    assert_eq!(statuses(&mut server.connect(), "evil.example"), [421; 3]);
}

#[test]
fn invalid_host_and_network_get_one_line() {
    for (option, part) in [
        ("--host=a:80", "--host: 'a:80' is invalid: it is not a host name without port"),
        ("--host=http://a", "--host: 'http://a' is invalid"),
        ("--trusted-proxy=10.0.0.0/33", "--trusted-proxy: '10.0.0.0/33' is invalid: it is not an IP address"),
        ("--trusted-proxy=proxy.example", "such as 10.0.0.0/8 or ::1"),
    ] {
        let output = reactor_server().args(["--check", option]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
    let options = ["--check", "--host=a.example", "--host=*.b", "--trusted-proxy=10.0.0.0/8"];
    let output = reactor_server().args(options).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stdout = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(stdout.contains("host = [ \"a.example\", \"*.b\", ]"), "{stdout}");
    assert!(stdout.contains("trusted-proxy = [\"10.0.0.0/8\"]"), "{stdout}");
}
