//! Options of the login.
//!
//! No error shows a password.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::values::parse_choice;
use crate::cli::ParsedArgs;
use crate::http::BasicCredentials;
use crate::server::{AuthConfig, ServerConfig};

/// Whether the login is for writes only.
const SCOPES: [(&str, bool); 2] = [("all", false), ("writes", true)];

pub(super) fn read(parsed: &mut ParsedArgs) -> Result<Option<AuthConfig>, String> {
    let is_on = ["--auth", "--auth-file"].iter().any(|name| parsed.peek(name).is_some());
    let config = AuthConfig {
        credentials: parsed.all("--auth").iter().map(parse_credentials).collect::<Result<_, _>>()?,
        file: parsed.once("--auth-file")?.map(PathBuf::from),
        writes_only: parsed.value("--auth-for", |text| parse_choice("--auth-for", &SCOPES, text))?,
    };
    if !is_on && (config.writes_only || parsed.peek("--auth-insecure").is_some()) {
        let option = if config.writes_only { "--auth-for" } else { "--auth-insecure" };
        return Err(format!("{option} needs a login; turn it on with --auth-file or --auth"));
    }
    Ok(is_on.then_some(config))
}

fn parse_credentials(text: &OsString) -> Result<BasicCredentials, String> {
    BasicCredentials::new(text.as_bytes()).ok_or_else(|| {
        "--auth: a value is not a user, a colon and a password, without control characters; write it like \
         user:password"
            .to_owned()
    })
}

pub(super) fn check_exposure(config: &ServerConfig, parsed: &mut ParsedArgs) -> Result<(), String> {
    let (is_insecure, is_open) = (parsed.flag_once("--auth-insecure")?, parsed.flag_once("--upload-open")?);
    let tls = config.tls.as_ref();
    let has_client_ca = tls.is_some_and(|tls| tls.client_ca.is_some() && tls.port.is_none());
    match () {
        _ if config.is_local() => Ok(()),
        _ if config.upload.is_some() && parsed.peek("--root").is_none() => {
            Err("--upload for other machines needs a directory to serve; name it with --root".to_owned())
        }
        _ if config.auth.is_some() && tls.is_none() && !is_insecure => {
            Err("a login over plain HTTP shows the passwords to the network; add --tls-cert or --tls \
             self-signed, or accept that with --auth-insecure"
                .to_owned())
        }
        _ if config.upload.is_some() && config.auth.is_none() && !has_client_ca && !is_open => Err(
            "--upload would let all other machines store files; add a login with --auth-file or --auth, or \
             accept that with --upload-open"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}
