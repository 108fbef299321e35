//! Password file of `--auth-file`: `user:hash` lines, as htpasswd writes them.
//!
//! Nothing is cached here.

use std::collections::BTreeMap;
use std::path::Path;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use bcrypt::HashParts;
use sha_crypt::ShaCrypt;

use crate::cli::quote;
use crate::server::reload::{read_regular_file, warn_if_readable_by_others};

/// Most memory of a hash, in KiB: each thread uses it.
const ARGON2_MEMORY_MAX: u32 = 1 << 20;
/// The most that htpasswd makes: some seconds for a login.
const BCRYPT_COST_MAX: u32 = 17;
const ARGON2_PASSES_MAX: u32 = 16;
const SHA_CRYPT_ROUNDS_MAX: u32 = 10_000_000;
/// Characters of a hash in `$5$` and in `$6$`.
const SHA_CRYPT_LENS: [(&str, usize); 2] = [("5", 43), ("6", 86)];

#[derive(Debug, Default)]
pub(super) struct PasswordFile {
    hashes: BTreeMap<Box<[u8]>, Box<str>>,
}

impl PasswordFile {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let name = quote(path);
        let bytes = read_regular_file(path, "--auth-file")?;
        warn_if_readable_by_others(path, "password file");
        Self::parse(&bytes).map_err(|(line, mistake)| format!("--auth-file {name}: line {line} {mistake}"))
    }

    fn parse(bytes: &[u8]) -> Result<Self, (usize, &'static str)> {
        let mut hashes = BTreeMap::new();
        let lines = (1..).zip(bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#")) {
            let at = line.iter().position(|&byte| byte == b':').filter(|&at| at > 0);
            let (user, hash) = line.split_at(at.ok_or((number, "is not a user, a colon and a hash"))?);
            let hash = str::from_utf8(hash).ok().and_then(|hash| hash.strip_prefix(':'));
            let hash = hash.filter(|hash| is_strong(hash)).ok_or((
                number,
                "has no hash of bcrypt, argon2id or SHA-crypt that takes some seconds at most ($apr1$, {SHA} and \
                 plain text are unsafe); make one with htpasswd -B",
            ))?;
            if hashes.insert(user.into(), hash.into()).is_some() {
                return Err((number, "names a user that an earlier line has; leave one out"));
            }
        }
        Ok(Self { hashes })
    }

    /// An unknown user costs the hash of another, whom `decoy` chooses.
    pub(super) fn verify(&self, user: &[u8], password: &[u8], decoy: u64) -> bool {
        let found = self.hashes.get(user);
        let decoy = decoy.checked_rem(self.hashes.len() as u64).unwrap_or_default();
        let hash = found.or_else(|| self.hashes.values().nth(decoy as usize));
        hash.is_some_and(|hash| is_password_of(hash, password)) && found.is_some()
    }
}

fn is_strong(hash: &str) -> bool {
    let fields: Vec<&str> = hash.split('$').collect();
    match *fields.as_slice() {
        ["", "2a" | "2b" | "2y", ..] => {
            hash.parse().is_ok_and(|parts: HashParts| (4..=BCRYPT_COST_MAX).contains(&parts.get_cost()))
        }
        ["", "argon2id", ..] => PasswordHash::new(hash).is_ok_and(|hash| {
            let params = argon2::Params::try_from(&hash);
            let is_bounded = |params: argon2::Params| {
                params.m_cost() <= ARGON2_MEMORY_MAX && params.t_cost() <= ARGON2_PASSES_MAX
            };
            hash.hash.is_some() && params.is_ok_and(is_bounded)
        }),
        ["", kind, _, hash] => SHA_CRYPT_LENS.contains(&(kind, hash.len())),
        ["", kind, rounds, _, hash] => {
            let rounds = rounds.strip_prefix("rounds=").and_then(|rounds| rounds.parse::<u32>().ok());
            rounds.is_some_and(|rounds| {
                (sha_crypt::Params::ROUNDS_MIN..=SHA_CRYPT_ROUNDS_MAX).contains(&rounds)
            }) && SHA_CRYPT_LENS.contains(&(kind, hash.len()))
        }
        _ => false,
    }
}

fn is_password_of(hash: &str, password: &[u8]) -> bool {
    match hash.get(..3) {
        Some("$5$" | "$6$") => ShaCrypt::default().verify_password(password, hash).is_ok(),
        Some("$ar") => Argon2::default().verify_password(password, hash).is_ok(),
        _ => bcrypt::verify(password, hash).unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use argon2::PasswordHasher;

    /// Vectors of other programs: OpenBSD, the specification of SHA-crypt, and the argon2 command.
    const FILE: &str = "# users\n\n\
        blowfish:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n\
        sha256:$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA\r\n \
        sha512:$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1\n";

    fn mistake(text: &str) -> Option<(usize, &'static str)> {
        PasswordFile::parse(text.as_bytes()).err()
    }

    #[test]
    fn each_kind_of_hash_takes_its_password_only() {
        let argon2 = Argon2::default().hash_password_with_salt(b"pass", b"saltsalt").unwrap();
        let file = PasswordFile::parse(format!("{FILE}argon:{argon2}").as_bytes()).unwrap();
        let cases: [(&str, &str); 4] =
            [("blowfish", "U*U"), ("sha256", "Hello world!"), ("sha512", "Hello world!"), ("argon", "pass")];
        for (user, password) in cases {
            let verify = |user: &str, password: &str| file.verify(user.as_bytes(), password.as_bytes(), 7);
            assert!(verify(user, password), "{user}");
            assert!(!verify(user, "wrong") && !verify(user, "") && !verify("nobody", password), "{user}");
        }
        // The decoy is the user's own hash: only the name is wrong.
        assert!((0..4).all(|decoy| !file.verify(b"nobody", b"Hello world!", decoy)));
        assert!(!PasswordFile::default().verify(b"a", b"b", 1));
    }

    #[test]
    fn unsafe_or_malformed_hash_rejected_with_line() {
        for hash in [
            "",
            "plain",
            "$apr1$abc$def",
            "{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            "$1$abcdefgh$8gZ5nXyZyZyZyZyZyZyZy.",
            "rl0uE7i8Hvbrk",
            "$2y$05$short",
            "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2y$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2y$18$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$argon2id$v=19$m=16,t=17,p=1$c2FsdHNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa",
            "$6$rounds=10000001$salt$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            "$argon2i$v=19$m=16,t=2,p=1$c2FsdHNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa",
            "$argon2id$v=19$m=2097152,t=2,p=1$c2FsdHNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa",
            "$argon2id$v=19$m=16,t=2,p=1$c2FsdHNhbHQ",
            "$6$salt$short",
            "$6$rounds=1$salt$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ] {
            let (line, text) = mistake(&format!("{FILE}u:{hash}")).expect(hash);
            assert!(line == 6 && text.ends_with("make one with htpasswd -B"), "{hash}: {line} {text}");
        }
        let no_user = Some((1, "is not a user, a colon and a hash"));
        assert_eq!((mistake("user"), mistake(":$2y$")), (no_user, no_user));
        assert!(mistake(&FILE.repeat(2)).is_some_and(|(line, text)| line == 8 && text.contains("earlier")));
        assert_eq!((mistake(""), mistake("# nobody\n")), (None, None));
    }
}
