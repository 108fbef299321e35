//! Handshake: its progress, its result and its errors.
//!
//! These types exist in every build; only [`tls`](super::tls) makes them.

use std::{fmt, io};

/// Progress of a handshake.
#[derive(Debug)]
pub enum Handshake {
    /// Done; bytes may flow.
    Complete(TlsSession),
    /// It waits for input.
    NeedsInput,
    /// It waits for room in the socket.
    NeedsRoom,
}

/// Parameters of a complete handshake. Texts from the peer are not escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSession {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// Cipher suite, by its IANA name.
    pub cipher: String,
    /// Host name that the client named (RFC 6066 section 3).
    pub server_name: Option<String>,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
    /// Certificate of the peer, if it sent one.
    pub peer: Option<PeerCertificate>,
}

impl fmt::Display for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, cipher, server_name, is_resumed, peer } = self;
        write!(f, "{version}, {cipher}{}", if *is_resumed { ", resumed" } else { "" })?;
        server_name.iter().try_for_each(|name| write!(f, ", for {}", name.escape_debug()))?;
        peer.iter()
            .try_for_each(|peer| write!(f, ", with the certificate of {}", peer.subject.escape_debug()))
    }
}

/// Fields of a certificate, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Distinguished name of its owner (RFC 4514).
    pub subject: String,
    /// Distinguished name of its issuer.
    pub issuer: String,
    /// Last valid second, in Unix time.
    pub not_after: u64,
    /// The same as a date in UTC.
    pub expires: String,
}

/// Failed handshake. Displays as a phrase that follows a colon.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The socket failed, or ended.
    #[error("{0}")]
    Io(io::Error),
    /// The certificate of the peer is not trusted.
    #[error("{0}")]
    Certificate(String),
    /// The two ends have not agreed.
    #[error("{0}")]
    Protocol(String),
}

/// Outcome of a handshake.
pub type HandshakeResult = Result<TlsSession, HandshakeError>;
