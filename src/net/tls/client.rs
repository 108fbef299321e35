//! Client side of TLS: trusted authorities, and the check of the server's certificate.
//!
//! Only the system's authorities are read from files, by `rustls-native-certs`.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, OtherError,
    RootCertStore, SignatureScheme,
};

use super::TlsStream;
use super::certificate::{PairError, describe, explain, parse_chain, parse_pair, provider, verify_name};
use crate::net::Transport;

/// Settings of a connector. Texts are PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConnectorConfig {
    /// Trusted authorities; `None` trusts those of the system.
    pub authorities: Option<Vec<u8>>,
    /// Accepts any certificate.
    pub is_insecure: bool,
    /// Certificate chain and key of the client.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether connections resume sessions.
    pub resumes: bool,
}

/// Error of a connector's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsConnectorError {
    /// Authorities.
    Authorities(String),
    /// The client's certificate.
    Identity(PairError),
    /// rustls.
    Other(String),
}

/// Makes TLS streams of connecting sockets.
#[derive(Debug, Clone)]
pub struct TlsConnector(Arc<ClientConfig>);

impl TlsConnector {
    /// Reads the system's authorities if none are given.
    ///
    /// # Errors
    /// See [`TlsConnectorError`].
    pub fn new(config: &TlsConnectorConfig) -> Result<Self, TlsConnectorError> {
        let provider = provider();
        let other = |error: Error| TlsConnectorError::Other(error.to_string());
        let verifier = Arc::new(Verifier::new(config, &provider)?);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(other)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut client = match &config.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let pair = parse_pair(chain, key, &provider).map_err(TlsConnectorError::Identity)?;
                builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(pair)))
            }
        };
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        if !config.resumes {
            client.resumption = Resumption::disabled();
        }
        Ok(Self(Arc::new(client)))
    }

    /// `host` is a name or an address without brackets.
    ///
    /// # Errors
    /// A host that no certificate can name.
    pub fn connect<T: Transport>(&self, socket: T, host: &str) -> Result<TlsStream<T>, String> {
        let name = ServerName::try_from(host.trim_end_matches('.').to_owned());
        let name = name.map_err(|_| format!("no certificate can be for the host {host}"))?;
        let session = ClientConnection::new(Arc::clone(&self.0), name).map_err(|error| error.to_string())?;
        Ok(TlsStream::new(socket, session.into(), b""))
    }
}

/// webpki's check, with its verdict in words; none if insecure.
#[derive(Debug)]
struct Verifier {
    webpki: Option<(Arc<WebPkiServerVerifier>, Arc<RootCertStore>)>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(config: &TlsConnectorConfig, provider: &Arc<CryptoProvider>) -> Result<Self, TlsConnectorError> {
        let provider = Arc::clone(provider);
        if config.is_insecure {
            return Ok(Self { webpki: None, provider });
        }
        let mut roots = RootCertStore::empty();
        match &config.authorities {
            Some(pem) => {
                for certificate in parse_chain(pem).map_err(TlsConnectorError::Authorities)? {
                    let added = roots.add(certificate);
                    added.map_err(|error| TlsConnectorError::Authorities(error.to_string()))?;
                }
            }
            // A few of the system's certificates are too old to parse.
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        if roots.is_empty() {
            return Err(TlsConnectorError::Authorities("the system has no trusted authorities".to_owned()));
        }
        let roots = Arc::new(roots);
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build();
        let webpki = webpki.map_err(|error| TlsConnectorError::Other(error.to_string()))?;
        Ok(Self { webpki: Some((webpki, roots)), provider })
    }
}

/// Whether it is itself one of the authorities, such as a certificate of `openssl req -x509`.
fn is_root(certificate: &CertificateDer<'_>, roots: &RootCertStore) -> bool {
    let mut store = RootCertStore::empty();
    store.add(certificate.clone()).is_ok() && store.roots.iter().all(|root| roots.roots.contains(root))
}

fn readable_error(error: Error, certificate: &CertificateDer<'_>) -> Error {
    let Error::InvalidCertificate(error) = error else { return error };
    let description = describe(certificate);
    let is_self_signed = description.subject == description.issuer && !description.subject.is_empty();
    let text = match &error {
        CertificateError::UnknownIssuer | CertificateError::Other(_) if is_self_signed => {
            "the certificate is self-signed: -k accepts it, --cacert trusts it".to_owned()
        }
        CertificateError::UnknownIssuer => {
            format!("{}: its issuer is {}; --cacert trusts one", explain(&error), description.issuer)
        }
        error => format!("{}; -k accepts it", explain(error)),
    };
    let text: Box<dyn std::error::Error + Send + Sync> = text.into();
    Error::InvalidCertificate(CertificateError::Other(OtherError(text.into())))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some((webpki, roots)) = &self.webpki else { return Ok(ServerCertVerified::assertion()) };
        let verified = webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let verified = match verified {
            // webpki demands an issuer of each certificate, after it has looked at the date.
            Err(Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::UnknownIssuer))
                if is_root(end_entity, roots) =>
            {
                verify_name(end_entity, server_name).map(|()| ServerCertVerified::assertion())
            }
            verified => verified,
        };
        verified.map_err(|error| readable_error(error, end_entity))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some((webpki, _)) = &self.webpki else { return Ok(HandshakeSignatureValid::assertion()) };
        webpki.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some((webpki, _)) = &self.webpki else { return Ok(HandshakeSignatureValid::assertion()) };
        webpki.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
