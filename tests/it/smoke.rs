//! The harness itself: if this fails, nothing else means anything.
//!
//! One file, one line in the log, one orderly end.

use crate::harness::Server;

#[test]
fn get_file_is_served_logged_and_server_exits_0() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let reply = server.get("/hello.txt");
    assert_eq!((reply.status, reply.text()), (200, "hello"));
    let stopped = server.stop();
    assert_eq!(stopped.status.code(), Some(0));
    assert!(stopped.log.contains("\"GET /hello.txt HTTP/1.1\" 200 5"), "{}", stopped.log);
}
