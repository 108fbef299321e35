//! Tests of the TLS stream over pipes in memory that move few bytes at a time.
//!
//! The client is a rustls session of its own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use super::*;
use crate::net::tls::{TlsAcceptor, TlsAcceptorConfig};

/// One direction: bytes under way, and whether it has ended.
#[derive(Debug, Default)]
struct Direction {
    bytes: VecDeque<u8>,
    has_ended: bool,
}

/// The server's end of two pipes; each call moves at most `step` bytes, and a write needs room.
#[derive(Debug, Clone)]
struct Pipe {
    input: Rc<RefCell<Direction>>,
    output: Rc<RefCell<Direction>>,
    step: usize,
    room: usize,
}

impl Transport for Pipe {
    fn is_drained(&self, _: usize, _: usize) -> bool {
        self.input.borrow().bytes.is_empty()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut input = self.input.borrow_mut();
        let len = buffer.len().min(self.step).min(input.bytes.len());
        if len == 0 && !input.has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        buffer.iter_mut().zip(input.bytes.drain(..len)).for_each(|(to, byte)| *to = byte);
        Ok(len)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        let mut output = self.output.borrow_mut();
        let room = self.step.min(self.room.saturating_sub(output.bytes.len()));
        let before = output.bytes.len();
        output.bytes.extend(slices.iter().flat_map(|slice| slice.iter()).take(room));
        match output.bytes.len() - before {
            0 => Err(ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }

    fn send_file(&mut self, _: BorrowedFd<'_>, _: &mut u64, _: usize) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.output.borrow_mut().has_ended = true;
        Ok(())
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn socket(&mut self) -> &mut TcpStream {
        unreachable!("it is never registered")
    }
}

/// A server stream and its client.
struct Pair {
    server: TlsStream<Pipe>,
    client: ClientConnection,
    pipe: Pipe,
    /// Plaintext that has arrived at each end.
    at_server: Vec<u8>,
    at_client: Vec<u8>,
}

const PLAIN: &[u8] = b"plain response";

impl Pair {
    fn new(version: &'static SupportedProtocolVersion, step: usize, room: usize) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["test".to_owned()]).expect("a certificate");
        let pairs = vec![(made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes())];
        let acceptor =
            TlsAcceptor::new(&TlsAcceptorConfig { pairs, client_ca: None }, PLAIN).expect("a pair");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_protocol_versions(&[version]).expect("a version");
        let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        let client = ClientConnection::new(config, "test".try_into().expect("a name")).expect("a session");
        let pipe = Pipe { input: Rc::default(), output: Rc::default(), step, room };
        let server = acceptor.accept(pipe.clone()).expect("a session");
        Self { server, client, pipe, at_server: Vec::new(), at_client: Vec::new() }
    }

    /// Moves what the client has to send, and what has come for it.
    fn run_client(&mut self) {
        let mut out = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut out).expect("room");
        }
        self.pipe.input.borrow_mut().bytes.extend(out);
        let bytes: Vec<u8> = self.pipe.output.borrow_mut().bytes.drain(..).collect();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).expect("it takes them");
            self.client.process_new_packets().expect("they are right");
            let mut plain = vec![0; 1 << 20];
            while let Ok(len @ 1..) = self.client.reader().read(&mut plain) {
                self.at_client.extend(&plain[..len]);
            }
        }
    }

    fn drive_handshake(&mut self) -> TlsSession {
        for _ in 0..100_000 {
            if let Handshake::Complete(session) = self.server.drive_handshake().expect("a handshake") {
                self.run_client();
                return session;
            }
            self.run_client();
        }
        panic!("the handshake never ends");
    }

    /// Reads until the stream blocks or ends; what it says then.
    fn read_all(&mut self) -> Result<(), ErrorKind> {
        let mut buffer = [0; 777];
        loop {
            match self.server.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(len) => self.at_server.extend(&buffer[..len]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.kind()),
            }
        }
    }

    fn send_all(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() || self.server.has_pending_output() {
            let slices = [IoSlice::new(bytes)];
            match self.server.write(if bytes.is_empty() { &[] } else { &slices }, false) {
                Ok(len) => bytes = &bytes[len..],
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            self.run_client();
        }
    }
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

#[test]
fn bytes_arrive_whole_in_any_steps_with_short_writes() {
    for version in VERSIONS {
        for (step, room) in [(1, 1), (3, 5), (100, 100), (5000, 20_000), (usize::MAX, usize::MAX)] {
            let mut pair = Pair::new(version, step, room);
            let session = pair.drive_handshake();
            assert!(session.version.starts_with("TLSv1.") && !session.is_resumed, "{session:?}");
            let len = if step < 100 { 2000 } else { 150_000 };
            let (up, down) = (pattern(len / 4), pattern(len));
            for piece in up.chunks(9999) {
                pair.client.writer().write_all(piece).expect("room");
                pair.run_client();
                assert_eq!(pair.read_all(), Err(ErrorKind::WouldBlock));
            }
            pair.send_all(&down);
            assert!(pair.at_server == up && pair.at_client == down, "step {step}");
        }
    }
}

#[test]
fn key_updates_and_tiny_records_lose_no_bytes() {
    let mut pair = Pair::new(&rustls::version::TLS13, 11, 50);
    pair.drive_handshake();
    let bytes = pattern(600);
    for (index, byte) in bytes.iter().enumerate() {
        pair.client.writer().write_all(&[*byte]).expect("room");
        if index % 100 == 0 {
            pair.client.refresh_traffic_keys().expect("new keys");
        }
        pair.run_client();
    }
    assert_eq!(pair.read_all(), Err(ErrorKind::WouldBlock));
    pair.send_all(&bytes);
    assert!(pair.at_server == bytes && pair.at_client == bytes);
}

#[test]
fn end_with_close_notify_is_clean_and_without_an_error() {
    for notifies in [true, false] {
        let mut pair = Pair::new(&rustls::version::TLS13, 100, 1000);
        pair.drive_handshake();
        pair.client.writer().write_all(b"last").expect("room");
        if notifies {
            pair.client.send_close_notify();
        }
        pair.run_client();
        pair.pipe.input.borrow_mut().has_ended = true;
        let end = if notifies { Ok(()) } else { Err(ErrorKind::UnexpectedEof) };
        assert_eq!(pair.read_all(), end);
        assert_eq!(pair.at_server, b"last");
        pair.server.notify_close();
        pair.run_client();
        assert!(pair.client.process_new_packets().expect("an alert").peer_has_closed());
    }
}

#[test]
fn handshake_cut_at_any_byte_waits_then_fails_at_the_end() {
    let mut whole = Pair::new(&rustls::version::TLS13, usize::MAX, usize::MAX);
    whole.run_client();
    let hello: Vec<u8> = whole.pipe.input.borrow().bytes.iter().copied().collect();
    for len in 0..hello.len() {
        let mut pair = Pair::new(&rustls::version::TLS13, 7, usize::MAX);
        pair.pipe.input.borrow_mut().bytes.extend(&hello[..len]);
        assert!(matches!(pair.server.drive_handshake(), Ok(Handshake::NeedsInput)), "{len} bytes");
        pair.pipe.input.borrow_mut().has_ended = true;
        let Err(HandshakeError::Io(error)) = pair.server.drive_handshake() else { panic!("{len} bytes") };
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn plain_http_gets_the_plain_response_and_garbage_an_alert() {
    for (bytes, is_plain) in [(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], true), (&[0; 40], false)] {
        let mut pair = Pair::new(&rustls::version::TLS13, usize::MAX, usize::MAX);
        pair.pipe.input.borrow_mut().bytes.extend(bytes);
        assert!(matches!(pair.server.drive_handshake(), Err(HandshakeError::Protocol(_))));
        let sent: Vec<u8> = pair.pipe.output.borrow().bytes.iter().copied().collect();
        assert!(if is_plain { sent == PLAIN } else { sent.first() == Some(&0x15) }, "{sent:?}");
        // Later input is raw bytes, which a lingering connection discards.
        pair.pipe.input.borrow_mut().bytes.extend(b"more");
        assert_eq!((pair.read_all(), &pair.at_server[..]), (Err(ErrorKind::WouldBlock), &b"more"[..]));
    }
}

#[test]
fn damaged_record_ends_the_stream_with_an_alert() {
    let mut pair = Pair::new(&rustls::version::TLS13, usize::MAX, usize::MAX);
    pair.drive_handshake();
    pair.client.writer().write_all(b"secret").expect("room");
    pair.run_client();
    *pair.pipe.input.borrow_mut().bytes.back_mut().expect("a record") ^= 1;
    assert_eq!(pair.read_all(), Err(ErrorKind::InvalidData));
    assert!(pair.at_server.is_empty() && !pair.pipe.output.borrow().bytes.is_empty());
}
