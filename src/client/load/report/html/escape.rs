//! Text as text in a page, whatever stands in it.
//!
//! Addresses and methods come from a command line, or from a saved run that somebody else has made.
//! It writes no markup and never decides what is written.

use crate::text::is_deceptive;

/// The text, so that it is only ever text: in an element and in a quoted attribute alike. What deceives
/// stands as U+FFFD.
pub(in crate::client::load) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if is_deceptive(c) => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_stays_text() {
        for (text, page) in [
            ("GET http://localhost:8080/", "GET http://localhost:8080/"),
            ("a&b=<c>", "a&amp;b=&lt;c&gt;"),
            ("\"'", "&quot;&#39;"),
            ("&amp;", "&amp;amp;"),
            ("a\u{1b}[2J\n\u{202e}b", "a\u{fffd}[2J\u{fffd}\u{fffd}b"),
            ("\u{e9}\u{5d0} 41 \u{b5}s", "\u{e9}\u{5d0} 41 \u{b5}s"),
        ] {
            assert_eq!(escaped(text), page);
        }
    }

    proptest! {
        #[test]
        fn no_markup_comes_out_of_text(text in "\\PC{0,12}") {
            let page = escaped(&text);
            prop_assert!(!page.contains(['<', '>', '"', '\'']));
            prop_assert_eq!(page.matches('&').count(), page.matches(';').count() - text.matches(';').count());
        }
    }
}
