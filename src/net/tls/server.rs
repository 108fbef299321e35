//! Server side of TLS: certificates by name, tickets, client certificates.
//!
//! All workers share one acceptor. It opens no file.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use super::TlsStream;
use super::certificate::{PairError, describe, parse_chain, parse_pair, provider, verify_name};
use crate::net::{PeerCertificate, Transport};

/// PEM texts of the acceptor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsAcceptorConfig {
    /// Chains with keys. The first is for clients without a known name.
    pub pairs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Authorities of client certificates; if set, each client needs one.
    pub client_ca: Option<Vec<u8>>,
}

/// Error of one PEM text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsConfigError {
    /// Index and error of a pair.
    Pair(usize, PairError),
    /// Authorities.
    ClientCa(String),
}

/// Makes TLS streams of accepted sockets.
#[derive(Debug)]
pub struct TlsAcceptor {
    current: RwLock<Arc<ServerConfig>>,
    plain_response: &'static [u8],
}

impl TlsAcceptor {
    /// `plain_response` is sent to a peer that speaks HTTP without TLS.
    ///
    /// # Errors
    /// See [`TlsConfigError`].
    pub fn new(config: &TlsAcceptorConfig, plain_response: &'static [u8]) -> Result<Self, TlsConfigError> {
        Ok(Self { current: RwLock::new(build(config)?), plain_response })
    }

    /// Takes new certificates; after an error the old ones stay.
    ///
    /// # Errors
    /// See [`TlsConfigError`].
    pub fn reconfigure(&self, config: &TlsAcceptorConfig) -> Result<(), TlsConfigError> {
        let config = build(config)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// `None` only if rustls refuses its own configuration.
    pub fn accept<T: Transport>(&self, socket: T) -> Option<TlsStream<T>> {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let session = ServerConnection::new(config).map_err(|error| log::error!("TLS: {error}")).ok()?;
        Some(TlsStream::new(socket, session.into(), self.plain_response))
    }
}

/// First certificate of each pair that parses.
pub fn describe_certificates(config: &TlsAcceptorConfig) -> Vec<PeerCertificate> {
    let first = |pem: &[u8]| parse_chain(pem).ok().and_then(|chain| chain.first().map(describe));
    config.pairs.iter().filter_map(|(chain, _)| first(chain)).collect()
}

fn build(config: &TlsAcceptorConfig) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let provider = provider();
    let pairs = config.pairs.iter().enumerate().map(|(index, (chain, key))| {
        parse_pair(chain, key, &provider).map_err(|error| TlsConfigError::Pair(index, error))
    });
    let keys = pairs.map(|pair| pair.map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    let error = |error: &dyn fmt::Display| TlsConfigError::ClientCa(error.to_string());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|cause| error(&cause))?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in parse_chain(pem).map_err(TlsConfigError::ClientCa)? {
                roots.add(certificate).map_err(|cause| error(&cause))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|cause| error(&cause))?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(CertificatesByName(keys)));
    // New keys: an old ticket holds a client's certificate, which new authorities may refuse.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|cause| error(&cause))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct CertificatesByName(Vec<Arc<CertifiedKey>>);

fn is_for(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    pair.end_entity_cert().is_ok_and(|certificate| verify_name(certificate, name).is_ok())
}

impl ResolvesServerCert for CertificatesByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let usable = |pair: &&Arc<CertifiedKey>| pair.key.choose_scheme(hello.signature_schemes()).is_some();
        let has_name = |pair: &&Arc<CertifiedKey>| name.as_ref().is_some_and(|name| is_for(pair, name));
        let matching = self.0.iter().filter(has_name).find(usable);
        // A client that names another host may still accept the first certificate.
        matching.or_else(|| self.0.iter().find(usable)).or(self.0.first()).cloned()
    }
}
