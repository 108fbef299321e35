//! Digests of `Content-Digest` and `Repr-Digest` (RFC 9530).
//!
//! Unknown algorithms are skipped.

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
        Self::ALL[self as usize].0
    }

    /// Most wanted algorithm of `Want-Repr-Digest`: its weight is 1 to 10 (RFC 9530 section 4).
    pub(crate) fn most_wanted<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let members = values.flat_map(|value| value.split(|&byte| byte == b','));
        let members: Vec<_> = members
            .filter_map(|member| str::from_utf8(member).ok()?.split(';').next()?.trim().split_once('='))
            .collect();
        // The last member of a name counts (RFC 9651 section 4.2.2).
        let weight = |name: &str| members.iter().rfind(|(known, _)| *known == name)?.1.parse::<u8>().ok();
        let wanted = Self::ALL.into_iter().rev().map(|(name, algorithm)| (weight(name), algorithm));
        let wanted = wanted.filter(|(weight, _)| matches!(weight, Some(1..=10)));
        wanted.max_by_key(|(weight, _)| *weight).map(|(_, algorithm)| algorithm)
    }
}

/// Value of a known algorithm that is no byte sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidDigest;

#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[display("{}=:{}:", algorithm.name(), STANDARD.encode(bytes))]
pub(crate) struct DigestValue {
    pub(crate) algorithm: DigestAlgorithm,
    bytes: Vec<u8>,
}

impl DigestValue {
    pub(crate) fn parse_list(list: &[u8]) -> impl Iterator<Item = Result<Self, InvalidDigest>> {
        list.split(|&byte| byte == b',').filter_map(|member| {
            let member = str::from_utf8(member).ok()?.trim_matches([' ', '\t']);
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            let (_, algorithm) = DigestAlgorithm::ALL.into_iter().find(|(known, _)| *known == name)?;
            Some(Self::parse(algorithm, value).ok_or(InvalidDigest))
        })
    }

    fn parse(algorithm: DigestAlgorithm, value: &str) -> Option<Self> {
        let text = value.split(';').next()?.trim_end().strip_prefix(':')?.strip_suffix(':')?;
        Some(Self { algorithm, bytes: STANDARD.decode(text).ok()? })
    }
}

#[derive(derive_more::Debug)]
#[debug("{}", algorithm.name())]
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
    fn most_wanted_algorithm_has_the_greatest_valid_weight() {
        use DigestAlgorithm::{Sha256, Sha512};
        let rows: [(&[&str], _); 12] = [
            (&["sha-256=10"], Some(Sha256)),
            (&["sha-256=1, sha-512=2"], Some(Sha512)),
            (&["sha-512=3 ,\tsha-256=3"], Some(Sha256)),
            (&["sha-256=0,md5=10", "sha-512=1;a=b"], Some(Sha512)),
            (&["sha-256=0"], None),
            (&["sha-256=9, sha-512=4, sha-256=0"], Some(Sha512)),
            (&["sha-256=11,sha-512=-1"], None),
            (&["sha-256", "sha-512=?1"], None),
            (&["SHA-256=1"], None),
            (&["sha-256=1.5"], None),
            (&["\u{e9}=1,=,,sha-512=7"], Some(Sha512)),
            (&[""], None),
        ];
        for (values, wanted) in rows {
            let found = DigestAlgorithm::most_wanted(values.iter().map(|value| value.as_bytes()));
            assert_eq!(found, wanted, "{values:?}");
        }
    }

    #[test]
    fn digest_list_skips_unknown_and_marks_invalid_members() {
        const EMPTY_256: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        let both = format!(" md5=:AAA=:,\t{HELLO_512};q=1 , {EMPTY_256},");
        let rows: [(&str, &[&str]); 9] = [
            ("", &[]),
            (EMPTY_256, &[EMPTY_256]),
            (&both, &[HELLO_512, EMPTY_256]),
            ("sha-256=:AAA=:", &["sha-256=:AAA=:"]),
            ("sha-256=AAA=", &["invalid"]),
            ("sha-256", &["invalid"]),
            ("sha-256=:A:, sha-512=:AAA=", &["invalid", "invalid"]),
            ("SHA-256=:AAA=:", &[]),
            ("\u{e9}=:AAA=:", &[]),
        ];
        for (value, known) in rows {
            let found: Vec<_> = DigestValue::parse_list(value.as_bytes())
                .map(|digest| digest.map_or("invalid".to_owned(), |digest| digest.to_string()))
                .collect();
            assert_eq!(found, known, "{value}");
        }
    }
}
