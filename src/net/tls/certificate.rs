//! Certificates: PEM in, text out.
//!
//! It opens no file and trusts nothing.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error};
use x509_cert::Certificate;
use x509_cert::der::{DateTime, Decode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::net::PeerCertificate;

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

pub(super) fn parse_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("it has no certificate (BEGIN CERTIFICATE)".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("it is not PEM: {error}")),
    }
}

pub(super) fn parse_pair(
    chain: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, PairError> {
    let chain = parse_chain(chain).map_err(PairError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            PairError::Key("it has no private key without a passphrase (BEGIN PRIVATE KEY)".to_owned())
        }
        error => PairError::Key(format!("it is not PEM: {error}")),
    })?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            PairError::Key("the key does not fit the certificate".to_owned())
        }
        rustls::Error::InvalidCertificate(error) => PairError::Certificate(explain(&error)),
        error => PairError::Key(error.to_string()),
    })
}

/// Error of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairError {
    /// In the certificate.
    Certificate(String),
    /// In the key.
    Key(String),
}

pub(super) fn verify_name(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
}

/// Host names and addresses.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let parsed = Certificate::from_der(certificate).ok();
    let names = parsed.and_then(|parsed| parsed.tbs_certificate.get::<SubjectAltName>().ok()?);
    let text = |name| match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(ip) => {
            let v4 = <[u8; 4]>::try_from(ip.as_bytes()).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(ip.as_bytes()).map(IpAddr::from))
                .ok()
                .map(|ip| ip.to_string())
        }
        _ => None,
    };
    names.map(|(_, names)| names.0.into_iter().filter_map(text).collect()).unwrap_or_default()
}

/// Empty if malformed.
pub(super) fn describe(certificate: &CertificateDer<'_>) -> PeerCertificate {
    let Ok(Certificate { tbs_certificate: parsed, .. }) = Certificate::from_der(certificate) else {
        return PeerCertificate::default();
    };
    let not_after = parsed.validity.not_after.to_unix_duration().as_secs();
    let (subject, issuer) = (parsed.subject.to_string(), parsed.issuer.to_string());
    PeerCertificate { subject, issuer, not_after, expires: utc_date(not_after) }
}

/// Such as `2026-12-01T08:00:00Z`.
fn utc_date(unix_secs: u64) -> String {
    let date = DateTime::from_unix_duration(std::time::Duration::from_secs(unix_secs));
    date.map_or_else(|_| format!("second {unix_secs} of Unix time"), |date| date.to_string())
}

pub(super) fn explain(error: &CertificateError) -> String {
    let date = |time: &UnixTime| utc_date(time.as_secs());
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the certificate expired on {}", date(not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the certificate is not valid before {}", date(not_before))
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<String> = presented.iter().map(|name| plain_name(name)).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            format!("the certificate is for {names}, not {}", expected.to_str())
        }
        CertificateError::UnknownIssuer => {
            "no trusted authority has issued the certificate, or an intermediate certificate is missing"
                .to_owned()
        }
        // webpki has no other error for an RSA key below 2048 bits.
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate has a wrong or unknown signature, or a weak key".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is for another purpose".to_owned()
        }
        CertificateError::BadEncoding => "the certificate is malformed".to_owned(),
        error => format!("the certificate is not valid: {error}"),
    }
}

/// `DnsName("a")` and `IpAddress(127.0.0.1)` are webpki's texts.
fn plain_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}
