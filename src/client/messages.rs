//! Terminal-safe text from a peer.
//!
//! Prints nothing.

use crate::text::is_deceptive;

/// Replaces deceptive characters with U+FFFD, except tabs, which field values may contain.
pub(super) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(|c| is_deceptive(c) && c != '\t', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_replaces_deceptive_characters_except_tab() {
        assert_eq!(printable(b"OK \x1b[31m"), "OK \u{fffd}[31m");
        assert_eq!(printable("naïve\t\u{202e}\u{ad}".as_bytes()), "naïve\t\u{fffd}\u{fffd}");
    }
}
