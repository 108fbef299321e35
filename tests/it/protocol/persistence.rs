//! One connection, many requests: keep-alive, pipelining, HTTP/1.0, and who closes when.
//!
//! Answers come in the order of the requests, whatever the pieces in which these arrive.

use super::{ask, assert_usable};
use crate::harness::{Raw, Server};

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// A server of `/0` to `/99`, each of which says its number in a length of its own.
fn numbered() -> Server {
    let bodies: Vec<(String, String)> = (0..100).map(|n| (n.to_string(), body_of(n))).collect();
    let files: Vec<(&str, &[u8])> =
        bodies.iter().map(|(name, body)| (name.as_str(), body.as_bytes())).collect();
    Server::serving(&files)
}

fn body_of(n: usize) -> String {
    format!("{n},").repeat(1 + n * n)
}

fn assert_numbers(client: &mut Raw, count: usize) {
    for n in 0..count {
        let reply = client.reply();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.text(), body_of(n), "answer {n} of {count}");
    }
}

#[test]
fn connection_serves_many_sequential_requests() {
    let server = Server::serving(&[("hello.txt", b"hello"), ("d/x", b"")]);
    let mut client = server.connect();
    for round in 0..50 {
        for (path, status) in [("/hello.txt", 200), ("/missing", 404), ("/d", 301), ("/%", 400)] {
            let reply = client.get(path);
            assert_eq!((reply.status, reply.field("Connection")), (status, None), "{path}, round {round}");
        }
    }
    client.finish().expect_end();
}

#[test]
fn pipelined_responses_come_in_order() {
    let server = numbered();
    for count in [2, 16, 17, 100] {
        let mut client = server.connect();
        client.send((0..count).map(|n| get(&format!("/{n}"))).collect::<String>());
        assert_numbers(&mut client, count);
        client.finish().expect_end();
    }
}

#[test]
fn pipeline_then_half_close_gets_all_responses() {
    let server = numbered();
    let mut client = server.connect();
    client.send((0..100).map(|n| get(&format!("/{n}"))).collect::<String>()).finish();
    assert_numbers(&mut client, 100);
    client.expect_end();
}

#[test]
fn half_closed_client_gets_response() {
    let large = vec![b'x'; 5_000_000];
    let server = Server::serving(&[("hello.txt", b"hello"), ("large", &large)]);
    for (path, len) in [("/hello.txt", 5), ("/large", large.len()), ("/missing", 0)] {
        let mut client = server.connect();
        client.send(get(path)).finish();
        let reply = client.reply();
        assert!(reply.body.len() >= len, "{path}");
        client.expect_end();
    }
}

#[test]
fn pipeline_of_mixed_requests_keeps_order() {
    let large: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 253) as u8).collect();
    let server = Server::serving(&[("hello.txt", b"hello"), ("large", &large), ("d/x", b"")]);
    let mut client = server.connect();
    let head = get("/large").replace("GET", "HEAD");
    let brew = get("/").replace("GET", "BREW");
    let post = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc";
    let (hello, large_file, nothing, directory) =
        (get("/hello.txt"), get("/large"), get("/nothing"), get("/d"));
    client.send([&hello, &large_file, &head, &nothing, &brew, post, &large_file, &directory].concat());
    assert_eq!(client.reply().text(), "hello");
    assert!(client.reply().body == large);
    assert_eq!(client.reply_to_head().field("Content-Length"), Some("1000000"));
    let statuses = [client.reply().status, client.reply().status, client.reply().status];
    assert_eq!(statuses, [404, 501, 405]);
    assert!(client.reply().body == large);
    assert_eq!(client.reply().status, 301);
    assert_usable(&mut client, "after the pipeline");
}

#[test]
fn requests_byte_by_byte_are_served() {
    let server = numbered();
    let mut client = server.connect();
    let body =
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: v\r\n\r\n";
    let requests = get("/0") + &get("/1") + body + "\r\n" + &get("/3");
    for byte in requests.as_bytes() {
        client.send([*byte]);
    }
    assert_numbers(&mut client, 2);
    assert_eq!(client.reply().status, 405);
    assert_eq!(client.reply().text(), body_of(3));
    client.finish().expect_end();
}

#[test]
fn incomplete_request_does_not_delay_earlier_responses() {
    let server = numbered();
    let last = get("/2");
    for cut in 1..last.len() {
        let (start, rest) = last.split_at(cut);
        let mut client = server.connect();
        client.send(get("/0") + &get("/1") + start);
        assert_numbers(&mut client, 2);
        client.send(rest);
        assert_eq!(client.reply().text(), body_of(2), "cut after {start:?}");
    }
}

#[test]
fn incomplete_body_does_not_delay_earlier_responses() {
    let server = numbered();
    let mut client = server.connect();
    client.send(get("/0") + &get("/1") + "GET /2 HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nab");
    assert_numbers(&mut client, 2);
    client.send("c");
    assert_eq!(client.reply().text(), body_of(2));
}

#[test]
fn up_to_four_empty_lines_before_request_are_ignored() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let mut client = server.connect();
    for count in 0..=4 {
        client.send("\r\n".repeat(count));
        assert_usable(&mut client, "after empty lines");
    }
}

#[test]
fn connection_close_option_closes_after_response() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    for (fields, closes) in [
        ("Connection: close", true),
        ("connection:CLOSE", true),
        ("CONNECTION: \tClose ", true),
        ("Connection: keep-alive, close", true),
        ("Connection: x,cLoSe,y", true),
        ("Connection: x\r\nConnection: close", true),
        ("Connection: , close", true),
        ("Connection: keep-alive", false),
        ("Connection: closed", false),
        ("Connection: x-close", false),
        ("Connection: \"close\"", false),
        ("Connection:", false),
        ("X-Connection: close", false),
        ("Proxy-Connection: close", false),
    ] {
        for path in ["/hello.txt", "/missing"] {
            let mut client = server.connect();
            let reply = ask(&mut client, &format!("GET {path} HTTP/1.1\r\nHost: test\r\n{fields}"));
            assert_eq!(reply.field("Connection"), closes.then_some("close"), "{fields}");
            match closes {
                true => client.expect_end(),
                false => assert_usable(&mut client, fields),
            }
        }
    }
}

#[test]
fn requests_after_connection_close_get_no_response() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let close = "GET /hello.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let mut client = server.connect();
    client.send(get("/hello.txt") + close + &get("/missing").repeat(1000));
    assert_eq!(client.reply().field("Connection"), None);
    assert_eq!(client.reply().field("Connection"), Some("close"));
    client.expect_end();
}

#[test]
fn http10_closes_unless_keep_alive() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    for (fields, goes_on) in [
        ("", false),
        ("Host: test\r\n", false),
        ("Connection: close\r\n", false),
        ("Connection: keep-alive, close\r\n", false),
        ("Connection: keep-alive\r\n", true),
        ("connection: x, Keep-Alive\r\n", true),
    ] {
        for (path, status) in [("/hello.txt", 200), ("/missing", 404)] {
            let mut client = server.connect();
            client.send(format!("GET {path} HTTP/1.0\r\n{fields}\r\n"));
            let reply = client.reply();
            let option = if goes_on { "keep-alive" } else { "close" };
            assert_eq!((reply.status, reply.field("Connection")), (status, Some(option)), "{fields:?}");
            assert_eq!(reply.field("Transfer-Encoding"), None);
            match goes_on {
                true => assert_usable(&mut client, fields),
                false => client.expect_end(),
            }
        }
    }
}
