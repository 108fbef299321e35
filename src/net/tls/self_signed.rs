//! Self-signed certificates.
//!
//! It makes PEM texts; the caller keeps them.

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use x509_cert::der::DateTime;

use super::certificate::{self, describe, parse_chain, parse_pair, provider};

/// 30 days before its end, a certificate is replaced.
const RENEWAL_SECS: u64 = 30 * 24 * 60 * 60;
/// A browser is asked again after them.
const VALID_YEARS: i32 = 10;
/// Names of earlier hosts and addresses that a new certificate keeps.
const NAMES_MAX: usize = 100;

/// A certificate and its key, in PEM. `names` are host names and addresses.
///
/// # Errors
/// A name that no certificate can have.
pub fn generate(names: &[String], unix_secs: u64) -> Result<(String, String), String> {
    let error = |error: rcgen::Error| error.to_string();
    let mut params = CertificateParams::new(names).map_err(error)?;
    params.distinguished_name.push(DnType::CommonName, names.first().cloned().unwrap_or_default());
    let today = DateTime::from_unix_duration(std::time::Duration::from_secs(unix_secs));
    let today = today.map_err(|error| format!("the clock is wrong: {error}"))?;
    // The 28th exists in each month.
    let date = |years| date_time_ymd(i32::from(today.year()) + years, today.month(), today.day().min(28));
    (params.not_before, params.not_after) = (date(0), date(VALID_YEARS));
    let key = KeyPair::generate().map_err(error)?;
    let certificate = params.self_signed(&key).map_err(error)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// For this key, all `names` and the next 30 days.
pub fn is_usable(pem: &[u8], key: &[u8], names: &[String], unix_secs: u64) -> bool {
    let pair = parse_pair(pem, key, &provider());
    let Some(certificate) = pair.as_ref().ok().and_then(|pair| pair.cert.first()) else { return false };
    let kept = certificate::names(certificate);
    describe(certificate).not_after > unix_secs + RENEWAL_SECS && names.iter().all(|name| kept.contains(name))
}

/// `names` and those of `pem`: servers with other addresses use it.
pub fn union(mut names: Vec<String>, pem: &[u8]) -> Vec<String> {
    let kept = parse_chain(pem).unwrap_or_default().first().map(certificate::names).unwrap_or_default();
    names.extend(kept.into_iter().filter(|name| !names.contains(name)).take(NAMES_MAX).collect::<Vec<_>>());
    names
}

/// SHA-256 of the first certificate, as browsers show it: `AB:CD:...`.
pub fn fingerprint(pem: &[u8]) -> Option<String> {
    let certificate: CertificateDer<'_> = parse_chain(pem).ok()?.into_iter().next()?;
    let suite = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let digest = suite.tls13()?.common.hash_provider.hash(&certificate);
    let bytes: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    Some(bytes.join(":"))
}
