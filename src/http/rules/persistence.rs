//! Connection persistence after a message (RFC 9112 section 9.3).
//!
//! It reads the Connection field; callers close.

use crate::http::Version;
use crate::http::syntax::elements;

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Persistence {
    close: bool,
    keep_alive: bool,
}

impl Persistence {
    pub(crate) fn add_field(&mut self, value: &[u8]) {
        for option in elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    pub(crate) fn persists(self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_overrides_and_http10_needs_keep_alive() {
        use Version::{Http10, Http11};
        for (version, lines, persists, http10_keep_alive) in [
            (Http11, &[][..], true, false),
            (Http11, &["keep-alive"], true, false),
            (Http11, &["close"], false, false),
            (Http11, &["CLOSE"], false, false),
            (Http11, &["x, Close ,y"], false, false),
            (Http11, &["closed"], true, false),
            (Http11, &["keep-alive", "close"], false, false),
            (Http10, &[], false, false),
            (Http10, &["Keep-Alive"], true, true),
            (Http10, &["x", "keep-alive"], true, true),
            (Http10, &["keep-alive, close"], false, false),
            (Http10, &["close"], false, false),
        ] {
            let mut persistence = Persistence::default();
            lines.iter().for_each(|line| persistence.add_field(line.as_bytes()));
            assert_eq!(persistence.persists(version), persists, "{lines:?}");
            let is_http10_keep_alive = version == Http10 && persistence.persists(version);
            assert_eq!(is_http10_keep_alive, http10_keep_alive, "{lines:?}");
        }
    }
}
