//! TLS for tests: certificates that live as long as the test program, and client streams.
//!
//! Inside [`over_tls`], servers speak TLS; a client that connects to such a server speaks it, too, in any thread.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// The client's end of a connection.
pub(crate) enum ClientStream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

impl ClientStream {
    /// The TCP socket.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Ends the output: over TLS, by `close_notify`, too.
    pub(crate) fn close_write(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }
}

impl Read for ClientStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for ClientStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.flush(),
        }
    }
}

#[cfg(not(feature = "tls"))]
mod setup {
    use super::*;

    pub(crate) fn server_options() -> Vec<String> {
        Vec::new()
    }

    pub(crate) fn is_over_tls() -> bool {
        false
    }

    pub(crate) fn set_server(_: SocketAddr, _: bool) {}

    pub(crate) fn client_stream(_: SocketAddr, stream: TcpStream) -> ClientStream {
        ClientStream::Plain(stream)
    }
}

#[cfg(feature = "tls")]
mod setup {
    use std::cell::Cell;
    use std::collections::HashSet;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, LazyLock, Mutex};

    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
    use tempfile::TempDir;

    use super::*;

    thread_local! {
        static IS_ON: Cell<bool> = const { Cell::new(false) };
    }

    static SERVERS: LazyLock<Mutex<HashSet<SocketAddr>>> = LazyLock::new(Mutex::default);
    pub(crate) static CERTIFICATE: LazyLock<Certificate> =
        LazyLock::new(|| Certificate::new(&["localhost", "127.0.0.1"]));
    pub(crate) static CLIENT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        client_config(&CERTIFICATE.chain, &[&rustls::version::TLS13, &rustls::version::TLS12])
    });

    /// A self-signed certificate and its key, as PEM files in a directory of their own.
    pub(crate) struct Certificate {
        directory: TempDir,
        pub(crate) chain: PathBuf,
        pub(crate) key: PathBuf,
    }

    impl Certificate {
        /// For these names.
        pub(crate) fn new(names: &[&str]) -> Self {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
            Self::of(&made.cert.pem(), &made.signing_key.serialize_pem())
        }

        /// Writes these PEM texts.
        pub(crate) fn of(chain: &str, key: &str) -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let path = |name| directory.path().join(name);
            let certificate = Self { chain: path("chain.pem"), key: path("key.pem"), directory };
            certificate.write(chain, key);
            certificate
        }

        /// Replaces both files.
        pub(crate) fn write(&self, chain: &str, key: &str) {
            use std::os::unix::fs::PermissionsExt;
            for (path, text) in [(&self.chain, chain), (&self.key, key)] {
                let temporary = self.directory.path().join("new");
                fs::write(&temporary, text).expect("a file");
                fs::set_permissions(&temporary, fs::Permissions::from_mode(0o600)).expect("its mode");
                fs::rename(&temporary, path).expect("its name");
            }
        }

        /// Options of a server that uses it.
        pub(crate) fn options(&self) -> [String; 4] {
            let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
            ["--tls-cert".to_owned(), text(&self.chain), "--tls-key".to_owned(), text(&self.key)]
        }
    }

    /// Trusts the certificates in this file.
    pub(crate) fn client_config(
        authorities: &Path,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(authorities).expect("a PEM file") {
            roots.add(certificate.expect("a certificate")).expect("an authority");
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_protocol_versions(versions).expect("versions");
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }

    /// Runs a test with servers that speak TLS.
    pub(crate) fn over_tls(test: fn()) {
        IS_ON.set(true);
        test();
        IS_ON.set(false);
    }

    pub(crate) fn is_over_tls() -> bool {
        IS_ON.get()
    }

    pub(crate) fn server_options() -> Vec<String> {
        if is_over_tls() { CERTIFICATE.options().into() } else { Vec::new() }
    }

    /// The kernel gives the port of a server that has ended to another.
    pub(crate) fn set_server(address: SocketAddr, is_tls: bool) {
        let mut servers = SERVERS.lock().expect("no panic");
        if is_tls {
            servers.insert(address)
        } else {
            servers.remove(&address)
        };
    }

    pub(crate) fn client_stream(address: SocketAddr, stream: TcpStream) -> ClientStream {
        if SERVERS.lock().expect("no panic").contains(&address) {
            return secured(&CLIENT, "localhost", stream);
        }
        ClientStream::Plain(stream)
    }

    /// TLS over a connected socket.
    pub(crate) fn secured(config: &Arc<ClientConfig>, name: &'static str, stream: TcpStream) -> ClientStream {
        let name = name.try_into().expect("a name");
        let session = ClientConnection::new(Arc::clone(config), name).expect("a session");
        ClientStream::Tls(Box::new(StreamOwned::new(session, stream)))
    }
}

pub(crate) use setup::*;
