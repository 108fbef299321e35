//! Text of the peer, made fit for a terminal.
//!
//! It shows and saves nothing.

use crate::text::is_deceptive;

/// Text that may be the peer's, with U+FFFD for each deceptive character but the tab, which field values may have.
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
