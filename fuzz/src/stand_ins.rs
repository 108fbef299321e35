//! In place of `tests/it/in_memory/secure.rs`: the transport of a server, plain or over TLS.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use mio::net::TcpStream;
use reactor_http::net::tls::{TlsAcceptor, TlsAcceptorConfig};
use reactor_http::net::{Handshake, HandshakeError, Transport};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::wire::{Pipe, Wire};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    Plain,
    Tls,
}

/// The layer of the next server; one thread fuzzes.
static IS_OVER_TLS: AtomicBool = AtomicBool::new(false);
static TLS: LazyLock<(TlsAcceptor, Arc<ClientConfig>)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (chain, key) = (made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&chain).expect("a certificate")).expect("an authority");
    let config = TlsAcceptorConfig { pairs: vec![(chain, key)], client_ca: None };
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (TlsAcceptor::new(&config, b"").expect("a pair"), Arc::new(client))
});

impl Layer {
    pub(super) fn choose(self) {
        IS_OVER_TLS.store(self == Self::Tls, Ordering::Relaxed);
    }

    pub(super) fn client(self) -> Option<ClientConnection> {
        let session = |name| ClientConnection::new(Arc::clone(&TLS.1), name).expect("a session");
        (self == Self::Tls).then(|| session("localhost".try_into().expect("a name")))
    }
}

pub(super) struct Line(Box<dyn Transport>);

impl Line {
    pub(super) fn new(wire: Wire, _: bool) -> Self {
        match IS_OVER_TLS.load(Ordering::Relaxed) {
            true => Self(Box::new(TLS.0.accept(wire).expect("a session"))),
            false => Self(Box::new(wire)),
        }
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

#[derive(Default)]
pub(super) struct Peer {
    pub(super) received: Vec<u8>,
}

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
