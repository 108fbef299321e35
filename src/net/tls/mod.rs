//! TLS as a transport: the stream, the server's and the client's settings, certificates.
//!
//! Records, handshakes and alerts stay in here. Only `stream` depends on what a newer rustls changes.

mod certificate;
mod client;
pub mod self_signed;
mod server;
mod stream;

pub use certificate::PairError;
pub use client::{TlsConnector, TlsConnectorConfig, TlsConnectorError};
pub use server::{TlsAcceptor, TlsAcceptorConfig, TlsConfigError, describe_certificates};
pub use stream::TlsStream;
