//! Options of TLS.
//!
//! No file is read here.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::values::{parse_port, parse_with};
use crate::cli::{ParsedArgs, quote};
use crate::http::parse_decimal;
use crate::server::TlsConfig;

/// A year: browsers then remember the host between rare visits, too.
const HSTS_DEFAULT_SECS: u64 = 365 * 24 * 60 * 60;

const OPTIONS: [&str; 7] =
    ["--tls-cert", "--tls", "--tls-key", "--tls-port", "--redirect-to-https", "--hsts", "--tls-client-ca"];

pub(super) fn read(parsed: &mut ParsedArgs) -> Result<Option<TlsConfig>, String> {
    let given = OPTIONS.into_iter().find(|name| parsed.peek(name).is_some());
    let has_certificate = ["--tls-cert", "--tls"].iter().any(|name| parsed.peek(name).is_some());
    let (chains, keys) = (parsed.all("--tls-cert"), parsed.all("--tls-key"));
    let is_self_signed = parsed.read("--tls", parse_tls)?.is_some();
    let config = TlsConfig {
        certificates: pairs(chains, keys)?,
        state_directory: None,
        port: parsed.read("--tls-port", parse_port)?,
        redirects_http: parsed.flag_once("--redirect-to-https")?,
        hsts: parsed.read("--hsts", parse_hsts)?,
        client_ca: parsed.once("--tls-client-ca")?.map(PathBuf::from),
    };
    let Some(given) = given else { return Ok(None) };
    let is_served_over_http = parsed.peek("--no-http").is_some();
    match () {
        _ if cfg!(not(feature = "tls")) => {
            Err(format!("{given}: this program was built without TLS; build it with the cargo feature tls"))
        }
        _ if !has_certificate => Err(format!(
            "{given} needs a certificate; name it with --tls-cert and --tls-key, or make one with --tls self-signed"
        )),
        _ if is_self_signed && !config.certificates.is_empty() => {
            Err("--tls and --tls-cert exclude each other; leave one of them out".to_owned())
        }
        _ if is_served_over_http => {
            Err(format!("{given} has no effect with --no-http; leave one of them out"))
        }
        _ if config.redirects_http && config.port.is_none() => {
            Err("--redirect-to-https needs a second port; name it with --tls-port".to_owned())
        }
        _ => Ok(Some(config)),
    }
}

/// Without keys, each chain has its key in the same file.
fn pairs(chains: Vec<OsString>, keys: Vec<OsString>) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let keys = if keys.is_empty() { chains.clone() } else { keys };
    if chains.len() != keys.len() && !chains.is_empty() {
        let (chains, keys) = (chains.len(), keys.len());
        return Err(format!(
            "{chains} --tls-cert and {keys} --tls-key: each certificate needs its key, in order"
        ));
    }
    Ok(chains.into_iter().map(PathBuf::from).zip(keys.into_iter().map(PathBuf::from)).collect())
}

fn parse_tls(text: &OsStr) -> Result<(), String> {
    match text.to_str() {
        Some("self-signed") => Ok(()),
        _ => Err(format!("--tls: {} is not self-signed; name a certificate with --tls-cert", quote(text))),
    }
}

fn parse_hsts(text: &OsStr) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(HSTS_DEFAULT_SECS);
    }
    parse_with("--hsts", text, |text| parse_decimal(text.as_bytes()).ok_or("it is not a number of seconds"))
}

/// XDG base directory specification.
pub(super) fn state_directory(variables: &[(OsString, OsString)]) -> Option<PathBuf> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value))
    };
    let state =
        variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")))?;
    state.is_absolute().then(|| state.join("reactor-server"))
}
