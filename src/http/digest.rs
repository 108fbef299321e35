//! Digests of `Content-Digest` and `Repr-Digest` (RFC 9530).
//!
//! Unknown and malformed members are skipped.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::digest::DynDigest;
use sha2::{Sha256, Sha512};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DigestAlgorithm {
    Sha256,
    Sha512,
}

impl DigestAlgorithm {
    pub(crate) const ALL: [(&'static str, Self); 2] = [("sha-256", Self::Sha256), ("sha-512", Self::Sha512)];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DigestValue {
    pub(crate) algorithm: DigestAlgorithm,
    bytes: Vec<u8>,
}

impl DigestValue {
    pub(crate) fn parse_list(value: &[u8]) -> Vec<Self> {
        let members = value.split(|&byte| byte == b',').filter_map(|member| {
            let member = str::from_utf8(member).ok()?.trim_matches([' ', '\t']);
            let (name, rest) = member.split_once('=')?;
            let (_, algorithm) = DigestAlgorithm::ALL.into_iter().find(|(known, _)| *known == name)?;
            let text = rest.split(';').next()?.trim_end().strip_prefix(':')?.strip_suffix(':')?;
            Some(Self { algorithm, bytes: STANDARD.decode(text).ok()? })
        });
        members.collect()
    }
}

impl fmt::Display for DigestValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=:{}:", self.algorithm.name(), STANDARD.encode(&self.bytes))
    }
}

pub(crate) struct DigestHasher {
    algorithm: DigestAlgorithm,
    state: Box<dyn DynDigest + Send>,
}

impl DigestHasher {
    pub(crate) fn new(algorithm: DigestAlgorithm) -> Self {
        let state: Box<dyn DynDigest + Send> = match algorithm {
            DigestAlgorithm::Sha256 => Box::<Sha256>::default(),
            DigestAlgorithm::Sha512 => Box::<Sha512>::default(),
        };
        Self { algorithm, state }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    pub(crate) fn finish(self) -> DigestValue {
        DigestValue { algorithm: self.algorithm, bytes: self.state.finalize().into_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9530 appendix D.
    const HELLO_512: &str =
        "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";

    #[test]
    fn digest_of_the_rfc_sample_matches() {
        let mut hasher = DigestHasher::new(DigestAlgorithm::Sha512);
        hasher.update(b"{\"hello\": ");
        hasher.update(b"\"world\"}\n");
        assert_eq!(hasher.finish().to_string(), HELLO_512);
        let empty = DigestHasher::new(DigestAlgorithm::Sha256).finish().to_string();
        assert_eq!(empty, "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    }

    #[test]
    fn digest_list_keeps_known_members_in_order() {
        let rows: [(&str, &[&str]); 8] = [
            ("", &[]),
            ("sha-256=:AAA=:", &["sha-256=:AAA=:"]),
            (" md5=:AAA=:,\tsha-512=:AAEC:;q=1 , sha-256=:AAA=:", &["sha-512=:AAEC:", "sha-256=:AAA=:"]),
            ("sha-256=AAA=", &[]),
            ("sha-256=:A:", &[]),
            ("SHA-256=:AAA=:", &[]),
            ("sha-256=:AAA=", &[]),
            ("sha-256=::, \u{e9}=:AAA=:", &["sha-256=::"]),
        ];
        for (value, known) in rows {
            let found: Vec<_> =
                DigestValue::parse_list(value.as_bytes()).iter().map(DigestValue::to_string).collect();
            assert_eq!(found, known, "{value}");
        }
    }
}
