//! Login by Basic authentication: passwords, successes, delays.
//!
//! All workers share one [`Authenticator`]. It sees no request.

mod logins;
mod password_file;

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hmac::{Hmac, KeyInit, Mac as _};
use rustix::rand::{GetRandomFlags, getrandom};
use sha2::Sha256;

use super::config::AuthConfig;
use super::reload::FileReload;
use crate::http::BasicCredentials;
use crate::reactor::{HelperPool, Helpers, Key};
use logins::Logins;
use password_file::PasswordFile;

pub(super) use logins::{LoginAttempt, LoginOutcome};

/// Most threads for hashes: cores remain for requests.
const HASH_THREADS_MAX: usize = 2;

/// HMAC-SHA-256 under a key of this process: comparisons leak nothing.
type Mac = [u8; 32];

pub(super) struct Authenticator {
    key: Hmac<Sha256>,
    /// Credentials of `--auth`.
    known: HashSet<Mac>,
    path: Option<PathBuf>,
    reload: FileReload,
    logins: Mutex<Logins>,
    generation: AtomicU64,
    helpers: Helpers,
}

impl Authenticator {
    pub(super) fn open(config: &AuthConfig) -> Result<Arc<Self>, String> {
        let mut key = [0; 64];
        let failed = |error| format!("cannot prepare logins: {error}");
        getrandom(&mut key, GetRandomFlags::empty()).map_err(|errno| failed(errno.into()))?;
        let key = Hmac::new(&key.into());
        let path = config.file.clone();
        let reload = FileReload::new("passwords", path.iter().cloned().collect());
        let file = path.as_deref().map(PasswordFile::read).transpose()?.unwrap_or_default();
        Ok(Arc::new(Self {
            known: config.credentials.iter().map(|credentials| mac(&key, credentials.as_bytes())).collect(),
            key,
            path,
            reload,
            logins: Mutex::new(Logins::new(file)),
            generation: AtomicU64::new(0),
            helpers: Helpers::new(HelperPool::new(HASH_THREADS_MAX)).map_err(failed)?,
        }))
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn is_verified(&self, credentials: &BasicCredentials) -> bool {
        let mac = mac(&self.key, credentials.as_bytes());
        self.known.contains(&mac) || self.lock_logins().verified.contains(&mac)
    }

    /// Starts or joins a verification; its end wakes the waiter. `None`: too many.
    pub(super) fn begin(
        self: &Arc<Self>,
        credentials: BasicCredentials,
        ip: IpAddr,
        waiter: Option<(Helpers, Key)>,
        now: Instant,
    ) -> Option<Arc<LoginAttempt>> {
        let mac = mac(&self.key, credentials.as_bytes());
        let (attempt, is_first) = self.lock_logins().begin(mac, ip, waiter, now)?;
        let this = Arc::clone(self);
        let verify = move || this.verify(&credentials, mac);
        match is_first {
            true if self.path.is_some() => self.helpers.submit(None, verify),
            true => verify(),
            false => {}
        }
        Some(attempt)
    }

    fn verify(&self, credentials: &BasicCredentials, mac_of_both: Mac) {
        let file = Arc::clone(&self.lock_logins().file);
        let (user, password) = credentials.parts();
        let decoy = mac(&self.key, user).first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let is_right = file.verify(user, password, decoy);
        self.lock_logins().end(mac_of_both, is_right, &file);
    }

    pub(super) fn reload(&self, is_asked: bool) {
        let Some(path) = &self.path else { return };
        self.reload.reload(is_asked, || {
            let file = PasswordFile::read(path)?;
            let mut logins = self.lock_logins();
            logins.file = Arc::new(file);
            self.generation.fetch_add(1, Ordering::Release);
            logins.verified.clear();
            Ok(())
        });
    }

    fn lock_logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mac(key: &Hmac<Sha256>, bytes: &[u8]) -> Mac {
    key.clone().chain_update(bytes).finalize().into_bytes().into()
}
