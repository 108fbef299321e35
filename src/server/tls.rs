//! Certificate files of the server, and their reload.
//!
//! All workers share one [`ServerTls`]. The session is made in [`net::tls`](crate::net::tls).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use mio::net::TcpStream;
use rustix::fs::FlockOperation;

use super::reload::{FileReload, read_regular_file, warn_if_readable_by_others};
use super::{ServerConfig, TlsConfig};
use crate::cli::quote;
use crate::net::tls::{
    PairError, TlsAcceptor, TlsAcceptorConfig, TlsConfigError, describe_certificates, self_signed,
};
use crate::net::{Stream, host_name};
use crate::reactor::Now;

/// To HTTP without TLS.
const PLAIN_RESPONSE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 62\r\nConnection: close\r\n\r\nThis port speaks HTTPS: begin the address with https:// here.\n";

pub(super) struct ServerTls {
    acceptor: TlsAcceptor,
    files: TlsFiles,
    note: Option<String>,
    reload: FileReload,
}

struct TlsFiles {
    certificates: Vec<(PathBuf, PathBuf)>,
    client_ca: Option<PathBuf>,
}

impl ServerTls {
    /// Makes the self-signed certificate if none is kept; a check makes none.
    pub(super) fn open(config: &ServerConfig, is_check: bool, now: Now) -> Result<Option<Self>, String> {
        let Some(tls) = config.tls.as_ref().filter(|_| config.http) else { return Ok(None) };
        let (certificates, note) = match &tls.state_directory {
            _ if !tls.certificates.is_empty() => (tls.certificates.clone(), None),
            Some(_) if is_check => (Vec::new(), None),
            _ => self_signed_files(tls, names(config), now).map(|(pair, note)| (vec![pair], Some(note)))?,
        };
        let files = TlsFiles { certificates, client_ca: tls.client_ca.clone() };
        let paths = files.certificates.iter().flat_map(|(chain, key)| [chain, key]).chain(&files.client_ca);
        let reload = FileReload::new("certificates", paths.cloned().collect());
        let acceptor = files.load(now, |config| TlsAcceptor::new(config, PLAIN_RESPONSE))?;
        Ok(Some(Self { acceptor, files, note, reload }))
    }

    pub(super) fn note(&self) -> Option<String> {
        self.note.clone()
    }

    pub(super) fn accept(&self, socket: TcpStream) -> Option<Stream> {
        self.acceptor.accept(socket).map(|stream| Stream::Tls(Box::new(stream)))
    }

    pub(super) fn reload(&self, is_asked: bool, now: Now) {
        self.reload.reload(is_asked, || self.files.load(now, |config| self.acceptor.reconfigure(config)));
    }
}

impl TlsFiles {
    fn load<T>(
        &self,
        now: Now,
        apply: impl FnOnce(&TlsAcceptorConfig) -> Result<T, TlsConfigError>,
    ) -> Result<T, String> {
        let config = self.read()?;
        let applied = apply(&config).map_err(|error| self.config_error(&error))?;
        self.warn(&config, now);
        Ok(applied)
    }

    fn read(&self) -> Result<TlsAcceptorConfig, String> {
        let pairs = self.certificates.iter().map(|(chain, key)| {
            let chain = read_regular_file(chain, "certificate of --tls-cert")?;
            Ok((chain, read_regular_file(key, "key of --tls-key")?))
        });
        let read_ca = |path: &PathBuf| read_regular_file(path, "authorities of --tls-client-ca");
        Ok(TlsAcceptorConfig {
            pairs: pairs.collect::<Result<_, String>>()?,
            client_ca: self.client_ca.as_ref().map(read_ca).transpose()?,
        })
    }

    fn config_error(&self, error: &TlsConfigError) -> String {
        let quoted = |(chain, key): &(PathBuf, PathBuf)| (quote(chain), quote(key));
        let pair = |index: &usize| self.certificates.get(*index).map(quoted).unwrap_or_default();
        match error {
            TlsConfigError::Pair(index, PairError::Certificate(text)) => {
                let (chain, _) = pair(index);
                format!("cannot use the certificate {chain}: {text}; name a PEM file with --tls-cert")
            }
            TlsConfigError::Pair(index, PairError::Key(text)) => {
                let (chain, key) = pair(index);
                format!(
                    "cannot use the key {key} with the certificate {chain}: {text}; name its key with --tls-key"
                )
            }
            TlsConfigError::ClientCa(text) => {
                let path = self.client_ca.as_ref().map(quote).unwrap_or_default();
                format!("cannot use the authorities {path}: {text}; name a PEM file with --tls-client-ca")
            }
        }
    }

    fn warn(&self, config: &TlsAcceptorConfig, now: Now) {
        for (described, (chain, key)) in describe_certificates(config).iter().zip(&self.certificates) {
            if described.not_after < now.unix_secs() {
                let (chain, expires) = (quote(chain), &described.expires);
                log::warn!("the certificate {chain} expired on {expires}: clients refuse it; renew it");
            }
            warn_if_readable_by_others(key, "key");
        }
    }
}

/// The first becomes the subject: in this order, a name comes before the addresses.
fn names(config: &ServerConfig) -> Vec<String> {
    let ips = config.bind.iter().map(|listen| listen.ip);
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(ips.filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string()));
    names.extend(Some(host_name()).filter(|name| !name.is_empty()));
    names.into_iter().rev().collect()
}

fn self_signed_files(
    tls: &TlsConfig,
    names: Vec<String>,
    now: Now,
) -> Result<((PathBuf, PathBuf), String), String> {
    let directory = tls.state_directory.as_deref().ok_or(
        "there is no directory for the self-signed certificate; set HOME, or name a certificate with --tls-cert",
    )?;
    let (chain, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    let now = now.unix_secs();
    let not_kept = |error| {
        let directory = quote(directory);
        format!("cannot keep the self-signed certificate in {directory}: {error}; name one with --tls-cert")
    };
    // Servers that start at once take the certificate of the first.
    let _lock = lock_directory(directory).map_err(not_kept)?;
    let kept = fs::read(&chain).ok().zip(fs::read(&key).ok());
    if !kept.as_ref().is_some_and(|(pem, key)| self_signed::is_usable(pem, key, &names, now)) {
        let names = self_signed::union(names, &kept.unwrap_or_default().0);
        let (chain_pem, key_pem) = self_signed::generate(&names, now)?;
        write_private(&[(&key, &key_pem), (&chain, &chain_pem)]).map_err(not_kept)?;
    }
    let fingerprint =
        fs::read(&chain).ok().and_then(|pem| self_signed::fingerprint(&pem)).unwrap_or_default();
    let note =
        format!("the self-signed certificate {} has the SHA-256 fingerprint {fingerprint}", quote(&chain));
    Ok(((chain, key), note))
}

/// The lock ends with the file.
fn lock_directory(directory: &Path) -> io::Result<File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let lock = File::open(directory)?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
    Ok(lock)
}

fn write_private(files: &[(&PathBuf, &String)]) -> io::Result<()> {
    for (path, text) in files {
        // A second server that starts reads one of two whole files.
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&temporary, path)?;
    }
    Ok(())
}
