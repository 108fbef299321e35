//! Deceptive characters in displayed names and addresses.
//!
//! Callers escape, replace or reject them.

/// Whether a character is invisible or changes how its neighbours appear.
///
/// Controls, line separators, direction marks (Unicode Standard Annex 9), zero-width characters.
/// Joiners are excluded: several scripts and many emoji need them.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// Text with U+FFFD for deceptive characters and invalid UTF-8.
pub fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(is_deceptive, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_replaces_deceptive_characters() {
        assert_eq!(printable(b"a\x1b[2J\t\xff"), "a\u{fffd}[2J\u{fffd}\u{fffd}");
        assert_eq!(printable("na\u{ef}ve \u{ad}\u{e0041}".as_bytes()), "na\u{ef}ve \u{fffd}\u{fffd}");
    }

    #[test]
    fn is_deceptive_controls_and_bidi_true_accents_false() {
        for c in "\0\n\x1b\x7f\u{85}\u{ad}\u{200b}\u{202e}\u{2028}\u{2066}\u{3164}\u{feff}\u{e0041}".chars() {
            assert!(is_deceptive(c), "{c:?}");
        }
        // Accents, right-to-left letters, joiners, emoji.
        for c in " aé\u{5d0}\u{627}\u{200c}\u{200d}\u{1f600}\u{fe0f}".chars() {
            assert!(!is_deceptive(c), "{c:?}");
        }
    }
}
