//! Characters that deceive a reader: the one rule for names and addresses that are shown.
//!
//! Whether such a character is escaped, replaced or refused is the caller's decision.

/// What cannot be seen, or makes what is around it seem other than it is: controls, separators of
/// lines, and the characters that turn the direction of text (Unicode Standard Annex 9) or have no
/// width. Joiners are left alone, for words of several scripts and many pictures need them.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// Text of any origin with U+FFFD for each deceptive character and for bytes that are not UTF-8.
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
        // Accents, other directions, joiners, pictures.
        for c in " aé\u{5d0}\u{627}\u{200c}\u{200d}\u{1f600}\u{fe0f}".chars() {
            assert!(!is_deceptive(c), "{c:?}");
        }
    }
}
