//! TLS over the wire: the transport of a side, the peer of a server alone, and the suites that run over both.
//!
//! Inside `over_tls`, they encrypt; else they pass bytes on.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use mio::net::TcpStream;
use reactor_http::net::{Handshake, HandshakeError, Transport};

use super::wire::{Pipe, Wire};

#[cfg(feature = "tls")]
pub(super) use tls::Peer;

/// The transport of a side: the wire, or TLS over it.
pub(super) struct Line(Box<dyn Transport>);

impl Line {
    pub(super) fn new(wire: Wire, is_client: bool) -> Self {
        #[cfg(feature = "tls")]
        if crate::harness::secure::is_over_tls() {
            return Self(tls::layer(wire, is_client));
        }
        let _ = is_client;
        Self(Box::new(wire))
    }
}

impl Transport for Line {
    fn needs_handshake(&self) -> bool {
        self.0.needs_handshake()
    }

    fn drive_handshake(&mut self) -> Result<Handshake, HandshakeError> {
        self.0.drive_handshake()
    }

    fn is_drained(&self, len: usize, buffer_len: usize) -> bool {
        self.0.is_drained(len, buffer_len)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        self.0.write(slices, more)
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize> {
        self.0.send_file(file, offset, len)
    }

    fn notify_close(&mut self) {
        self.0.notify_close();
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.0.close_write()
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        self.0.reset_on_close()
    }

    fn has_pending_output(&self) -> bool {
        self.0.has_pending_output()
    }

    fn file_len_per_byte(&mut self) -> usize {
        self.0.file_len_per_byte()
    }

    fn acked_total(&mut self) -> Option<u64> {
        self.0.acked_total()
    }

    fn socket(&mut self) -> &mut TcpStream {
        self.0.socket()
    }
}

/// The other end of a server alone. Without TLS it passes bytes on.
#[cfg(not(feature = "tls"))]
#[derive(Default)]
pub(super) struct Peer {
    pub(super) received: Vec<u8>,
}

#[cfg(not(feature = "tls"))]
impl Peer {
    pub(super) fn new(_: usize) -> Self {
        Self::default()
    }

    pub(super) fn is_handshaking(&self) -> bool {
        false
    }

    pub(super) fn has_tls(&self) -> bool {
        false
    }

    pub(super) fn send(&mut self, bytes: &[u8], up: &mut Pipe) {
        up.put(bytes);
    }

    pub(super) fn notify_close(&mut self, _: &mut Pipe) {}

    pub(super) fn receive(&mut self, bytes: &[u8], _: &mut Pipe) {
        self.received.extend_from_slice(bytes);
    }
}

#[cfg(feature = "tls")]
mod tls {
    use std::fs;
    use std::io::{Read, Write};
    use std::sync::{Arc, LazyLock};

    use reactor_http::net::tls::{TlsAcceptor, TlsAcceptorConfig, TlsConnector, TlsConnectorConfig};
    use reactor_http::net::{CloseReason, Transport};
    use rustls::ClientConnection;

    use super::{Pipe, Wire};
    use crate::harness::secure::{CERTIFICATE, CLIENT, is_over_tls, over_tls};
    use crate::in_memory::pair::{Alone, ServedDirectory};
    use crate::in_memory::wire::Pace;
    use crate::in_memory::{self, arbitrary, faults, time, upload};

    static ACCEPTOR: LazyLock<TlsAcceptor> = LazyLock::new(|| {
        let pair =
            (fs::read(&CERTIFICATE.chain).expect("a chain"), fs::read(&CERTIFICATE.key).expect("a key"));
        TlsAcceptor::new(&TlsAcceptorConfig { pairs: vec![pair], client_ca: None }, b"").expect("a pair")
    });
    static CONNECTOR: LazyLock<TlsConnector> = LazyLock::new(|| {
        let authorities = Some(fs::read(&CERTIFICATE.chain).expect("a chain"));
        let config = TlsConnectorConfig { authorities, resumes: true, ..TlsConnectorConfig::default() };
        TlsConnector::new(&config).expect("an authority")
    });

    pub(super) fn layer(wire: Wire, is_client: bool) -> Box<dyn Transport> {
        match is_client {
            true => Box::new(CONNECTOR.connect(wire, "localhost").expect("a session")),
            false => Box::new(ACCEPTOR.accept(wire).expect("a session")),
        }
    }

    /// Bytes of each message that leave in records of their own.
    const TINY_RECORDS: usize = 32;

    /// The other end of a server alone. It sends tiny records, and new keys with each message.
    pub(in crate::in_memory) struct Peer {
        session: Option<ClientConnection>,
        pub(in crate::in_memory) received: Vec<u8>,
        /// Bytes that it will still send.
        left: usize,
    }

    impl Peer {
        pub(in crate::in_memory) fn new(left: usize) -> Self {
            let session = is_over_tls().then(|| {
                let name = "localhost".try_into().expect("a name");
                let mut session = ClientConnection::new(Arc::clone(&CLIENT), name).expect("a session");
                session.set_buffer_limit(None);
                session
            });
            Self { session, received: Vec::new(), left }
        }

        pub(in crate::in_memory) fn is_handshaking(&self) -> bool {
            self.left > 0 && self.session.as_ref().is_some_and(|session| session.is_handshaking())
        }

        pub(in crate::in_memory) fn has_tls(&self) -> bool {
            self.session.is_some()
        }

        pub(in crate::in_memory) fn send(&mut self, bytes: &[u8], up: &mut Pipe) {
            let Some(session) = &mut self.session else { return up.put(bytes) };
            let (tiny, rest) = bytes.split_at(bytes.len().min(TINY_RECORDS));
            tiny.iter().for_each(|&byte| session.writer().write_all(&[byte]).expect("room"));
            if !tiny.is_empty() && !session.is_handshaking() {
                session.refresh_traffic_keys().expect("new keys");
            }
            session.writer().write_all(rest).expect("room");
            self.flush(up);
        }

        pub(in crate::in_memory) fn notify_close(&mut self, up: &mut Pipe) {
            if let Some(session) = &mut self.session {
                session.send_close_notify();
                self.flush(up);
            }
        }

        pub(in crate::in_memory) fn receive(&mut self, bytes: &[u8], up: &mut Pipe) {
            let Some(session) = &mut self.session else { return self.received.extend_from_slice(bytes) };
            for mut piece in bytes.chunks(4096) {
                while !piece.is_empty() {
                    session.read_tls(&mut piece).expect("it takes them");
                    session.process_new_packets().expect("they are right");
                    // It blocks at the end of what has come.
                    let _ = session.reader().read_to_end(&mut self.received);
                }
            }
            self.flush(up);
        }

        fn flush(&mut self, up: &mut Pipe) {
            let Some(session) = &mut self.session else { return };
            let mut out = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut out).expect("room");
            }
            out.truncate(self.left);
            self.left -= out.len();
            up.put(&out);
        }
    }

    #[test]
    fn conversations_over_tls_in_any_pieces() {
        for test in [
            in_memory::fetch_any_chunking_gets_exact_file_bytes,
            in_memory::pipelined_any_chunking_responses_in_order,
            in_memory::half_closed_client_gets_all_responses,
            in_memory::closing_response_ends_connection_on_both_sides,
        ] {
            over_tls(test);
        }
    }

    #[test]
    fn deadlines_over_tls_in_virtual_time() {
        for test in [
            time::idle_connection_closes_after_60_s_without_response,
            time::idle_timeout_restarts_after_each_response,
            time::dripped_head_gets_408_after_10_s_at_any_rate,
            time::stalled_body_gets_408_after_30_s,
            time::body_below_min_rate_gets_408_above_it_is_read,
            time::peer_reading_nothing_times_out_after_30_s,
            time::slow_peer_above_min_rate_is_served_for_an_hour,
            time::peer_below_min_rate_times_out_within_15_minutes,
            time::idle_connection_closes_at_once_on_shutdown,
            time::file_in_flight_at_shutdown_completes,
        ] {
            over_tls(test);
        }
    }

    #[test]
    fn uploads_over_tls_in_any_pieces() {
        for test in [
            upload::upload_stalled_30_s_gets_408_and_leaves_no_file,
            upload::upload_any_chunking_is_stored_byte_for_byte,
            upload::upload_truncated_anywhere_gets_400_and_keeps_old_file,
        ] {
            over_tls(test);
        }
    }

    #[test]
    fn arbitrary_input_over_tls_ends_by_a_deadline() {
        over_tls(arbitrary::arbitrary_input_connection_ends_by_a_deadline);
    }

    #[test]
    fn exchange_over_faulty_wire_with_tls_is_whole_or_ends() {
        over_tls(faults::exchange_over_faulty_wire_is_whole_or_ends);
    }

    /// A client that stops within the handshake, the request or its `close_notify`, and closes or is silent.
    #[test]
    fn client_stopping_at_any_byte_over_tls_is_dropped() {
        over_tls(|| {
            let directory = ServedDirectory::with(&[("index.html", b"<p>hello")]);
            for left in (0..).step_by(7) {
                let mut is_whole = false;
                for closes in [true, false] {
                    let mut server = Alone::limited(&directory, Pace::AtMost(1000), left);
                    let is_secured = !server.is_handshaking();
                    server.send(in_memory::request("/"));
                    if closes {
                        server.finish();
                    } else {
                        server.pass(arbitrary::AN_AGE);
                    }
                    is_whole |= !server.take_all().is_empty();
                    let ended = server.ended();
                    let is_timed_out = ended == Some(CloseReason::TimedOut("the TLS handshake"));
                    assert!(ended.is_some(), "after {left} bytes");
                    assert!(is_secured || closes || is_timed_out, "after {left} bytes: {ended:?}");
                }
                if is_whole {
                    return;
                }
            }
        });
    }
}
