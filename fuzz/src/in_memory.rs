//! A server connection over the transport in `tests/it/in_memory`, and its client.

#![allow(dead_code, unexpected_cfgs, reason = "the tests use more of it")]

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use reactor_http::reactor::Now;
use reactor_http::server::{CacheMode, HttpServerProtocol, ServerConfig};
use rustls::ClientConnection;

pub(crate) use self::secure::Layer;

use self::pair::{ServedDirectory, Side};
use self::wire::{Pace, Pipe, Port};

#[path = "../../tests/it/in_memory/pair.rs"]
mod pair;
#[path = "stand_ins.rs"]
mod secure;
#[path = "../../tests/it/in_memory/wire.rs"]
mod wire;

/// A directory of one input.
pub(crate) struct Directory(ServedDirectory);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(ServedDirectory::with(&[("a.txt", b"0123456789"), ("dir/b.txt", b"b")]))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Ticks that one input may take: far beyond what one needs.
const TICKS_MAX: usize = 100_000;

static DIRECTORY: LazyLock<ServedDirectory> = LazyLock::new(|| {
    ServedDirectory::with(&[
        ("index.html", b"<p>hello"),
        ("a.txt", b"0123456789"),
        ("dir/b.txt", &[b'b'; 5000]),
    ])
});

pub(crate) struct Server {
    side: Side<HttpServerProtocol>,
    client: Option<ClientConnection>,
    up: Pipe,
    down: Pipe,
    now: Now,
}

impl Server {
    /// For the one directory of all inputs.
    pub(crate) fn read_only(layer: Layer, now: Now) -> Self {
        Self::of(&DIRECTORY, None, layer, now)
    }

    /// Takes uploads anywhere below `directory`.
    pub(crate) fn with_uploads(directory: &Directory, now: Now) -> Self {
        Self::of(&directory.0, Some(PathBuf::new()), Layer::Plain, now)
    }

    fn of(directory: &ServedDirectory, upload: Option<PathBuf>, layer: Layer, now: Now) -> Self {
        let config = ServerConfig { upload, cache: CacheMode::Stat, ..ServerConfig::default() };
        layer.choose();
        let side = directory.server_with(config, now);
        let (up, down) = (Pipe::new(usize::MAX), Pipe::new(usize::MAX));
        let mut server = Self { side, client: layer.client(), up, down, now };
        while server.client.as_ref().is_some_and(|client| client.is_handshaking()) {
            assert!(server.send(&[]).is_empty(), "data within the handshake");
        }
        server
    }

    /// Bytes that the server sends when it has got these.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        match &mut self.client {
            Some(client) => client.writer().write_all(bytes).expect("room"),
            None => self.up.put(bytes),
        }
        self.settle()
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        if let Some(client) = &mut self.client {
            client.send_close_notify();
        }
        self.flush();
        self.up.end();
        self.settle()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.side.ended.is_some()
    }

    fn flush(&mut self) {
        if let Some(client) = &mut self.client {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).expect("a vector");
            }
            self.up.put(&bytes);
        }
    }

    /// Drives the connection until it waits, and returns what it sent.
    fn settle(&mut self) -> Vec<u8> {
        let mut received = Vec::new();
        for _ in 0..TICKS_MAX {
            self.flush();
            let pace = &mut Pace::Whole;
            let mut port = Port { incoming: &mut self.up, outgoing: &mut self.down, pace };
            let again = self.side.turn(&mut port, self.now);
            let bytes = self.down.take(usize::MAX);
            match &mut self.client {
                Some(client) => decrypt(client, &bytes, &mut received),
                None => received.extend_from_slice(&bytes),
            }
            if !again && bytes.is_empty() {
                return received;
            }
        }
        panic!("the connection never waits");
    }
}

fn decrypt(client: &mut ClientConnection, mut bytes: &[u8], received: &mut Vec<u8>) {
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).expect("a slice");
        client.process_new_packets().expect("valid records");
        if let Err(error) = client.reader().read_to_end(received) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
    }
}
