//! What a path names: decoded once, never outside the root, never hidden, never a device.
//!
//! A secret lies beside the root in every test here; whatever is asked for, it never comes out.

mod names;
mod special;
mod traversal;

use std::fs;

use crate::harness::{Reply, Server};

/// What lies beside the root, in the file `secret`, and in hidden files beneath it.
const SECRET: &str = "top secret";

/// A server of these files with a secret beside its root.
fn serve(files: &[(&str, &[u8])]) -> Server {
    let server = Server::serving(files);
    fs::write(server.root().with_file_name("secret"), SECRET).expect("the secret");
    server
}

/// Asserts a status, and that nothing of the secret is in the answer.
fn assert_kept(reply: &Reply, status: u16, about: &str) {
    assert_eq!(reply.status, status, "{about}: {}", reply.head);
    let body = String::from_utf8_lossy(&reply.body);
    assert!(!body.contains(SECRET) && !body.contains("root:"), "{about}: {body}");
}
