//! TLS of the client: its options, and the files that they name.
//!
//! In a program without TLS, no [`ClientTls`] exists.

use std::path::PathBuf;

use mio::net::TcpStream;

use crate::net::Stream;

/// TLS options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file of trusted authorities; `None` trusts the system's.
    pub authorities: Option<PathBuf>,
    /// Whether any certificate is accepted.
    pub is_insecure: bool,
    /// PEM file of the client's certificate chain.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key; `None` is the file of the chain.
    pub key: Option<PathBuf>,
}

/// Error of TLS, with curl's exit codes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The handshake has failed: 35.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    /// The client's certificate or key is not usable: 58.
    #[error("{0}")]
    Identity(String),
    /// The server's certificate is not trusted: 60.
    #[error("{0}")]
    Certificate(String),
    /// The trusted authorities are not usable: 77.
    #[error("{0}")]
    Authorities(String),
}

impl TlsError {
    /// Exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Handshake(_) => 35,
            Self::Identity(_) => 58,
            Self::Certificate(_) => 60,
            Self::Authorities(_) => 77,
        }
    }
}

/// Makes TLS streams of sockets.
#[derive(Clone, Debug)]
pub struct ClientTls(Connector);

#[cfg(not(feature = "tls"))]
type Connector = std::convert::Infallible;

#[cfg(not(feature = "tls"))]
impl ClientTls {
    pub(crate) fn open(_: &TlsOptions, _: bool) -> Result<Self, TlsError> {
        Err(TlsError::Handshake("this program was built without TLS".to_owned()))
    }

    pub(crate) fn connect(&self, _: TcpStream, _: &str) -> Result<Stream, TlsError> {
        match self.0 {}
    }
}

#[cfg(feature = "tls")]
use crate::net::tls::{PairError, TlsConnector as Connector, TlsConnectorConfig, TlsConnectorError};

#[cfg(feature = "tls")]
impl ClientTls {
    pub(crate) fn open(options: &TlsOptions, resumes: bool) -> Result<Self, TlsError> {
        let read = |path: &PathBuf| std::fs::read(path).map_err(|error| problem("read", path, &error));
        let authorities =
            options.authorities.as_ref().map(read).transpose().map_err(TlsError::Authorities)?;
        let key_path = options.key.as_ref().or(options.certificate.as_ref());
        let identity = options.certificate.as_ref().zip(key_path);
        let identity = identity.map(|(chain, key)| Ok((read(chain)?, read(key)?)));
        let identity = identity.transpose().map_err(TlsError::Identity)?;
        let config = TlsConnectorConfig { authorities, is_insecure: options.is_insecure, identity, resumes };
        let path = |path: Option<&PathBuf>| path.cloned().unwrap_or_default();
        Connector::new(&config).map(Self).map_err(|error| match error {
            TlsConnectorError::Authorities(text) if options.authorities.is_none() => {
                TlsError::Authorities(format!("{text}; name some with --cacert"))
            }
            TlsConnectorError::Authorities(text) => {
                TlsError::Authorities(problem("use", &path(options.authorities.as_ref()), &text))
            }
            TlsConnectorError::Identity(error) => TlsError::Identity(match error {
                PairError::Certificate(text) => problem("use", &path(options.certificate.as_ref()), &text),
                PairError::Key(text) => problem("use", &path(key_path), &text),
            }),
            TlsConnectorError::Other(text) => TlsError::Handshake(text),
        })
    }

    pub(crate) fn connect(&self, socket: TcpStream, host: &str) -> Result<Stream, TlsError> {
        self.0.connect(socket, host).map(|stream| Stream::Tls(Box::new(stream))).map_err(TlsError::Handshake)
    }
}

#[cfg(feature = "tls")]
fn problem(act: &str, path: &std::path::Path, error: &dyn std::fmt::Display) -> String {
    format!("cannot {act} {}: {error}; name a PEM file", crate::cli::quote(path))
}
