//! HTML, JSON and one-line escapes, and deceptive characters.
//!
//! Escaped text cannot leave its context. Runs of plain characters are copied at once.

use std::fmt::{self, Display, Formatter, Write};

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

/// Text in an HTML element or quoted attribute.
#[derive(Clone, Copy, Debug)]
pub struct HtmlText<'a>(pub &'a str);

impl Display for HtmlText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // HTML parsers drop or change NUL and CR.
        let is_special = |c| matches!(c, '&' | '<' | '>' | '"' | '\'' | '\0' | '\r');
        escape(f, self.0, is_special, |f, c| {
            f.write_str(match c {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                '\r' => "&#13;",
                _ => "\u{fffd}",
            })
        })
    }
}

/// Appends a JSON string (RFC 8259 section 7); deceptive characters become `\u` escapes.
///
/// `write` writes the unescaped content. A formatting adapter would cost twice as much, and a log
/// writes many strings.
pub fn json_string(out: &mut Vec<u8>, write: impl FnOnce(&mut JsonContent<'_>) -> fmt::Result) {
    out.push(b'"');
    // Cannot fail for a vector.
    let _ = write(&mut JsonContent(out));
    out.push(b'"');
}

/// Writer that escapes JSON string content.
#[derive(Debug)]
pub struct JsonContent<'a>(&'a mut Vec<u8>);

impl Write for JsonContent<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_special = |c| matches!(c, '"' | '\\') || is_deceptive(c);
        escape(&mut Utf8(self.0), text, is_special, |out, c| match c {
            '"' | '\\' => write!(out, "\\{c}"),
            // Characters above U+FFFF need two units.
            _ => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}")),
        })
    }
}

struct Utf8<'a>(&'a mut Vec<u8>);

impl Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Bytes on one line, with reversible escapes.
///
/// Escapes deceptive characters, invalid UTF-8 and backslashes.
#[derive(Clone, Copy, Debug)]
pub struct OneLine<'a>(pub &'a [u8]);

impl Display for OneLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            escape(
                f,
                chunk.valid(),
                |c| c == '\\' || is_deceptive(c),
                |f, c| match c {
                    '\n' | '\r' | '\t' | '\\' => write!(f, "{}", c.escape_default()),
                    '\0'..='\u{7f}' => write!(f, "\\x{:02x}", u32::from(c)),
                    c => write!(f, "{}", c.escape_unicode()),
                },
            )?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

fn escape<W: Write>(
    out: &mut W,
    text: &str,
    is_special: impl Fn(char) -> bool,
    write_escape: impl Fn(&mut W, char) -> fmt::Result,
) -> fmt::Result {
    // ASCII that no escape replaces: nearly all characters.
    let is_plain =
        |byte| matches!(byte, b' '..=b'~') & !matches!(byte, b'"' | b'&' | b'\'' | b'<' | b'>' | b'\\');
    let (mut run_start, mut at) = (0, 0);
    loop {
        at += plain_len(text.as_bytes().get(at..).unwrap_or_default(), is_plain);
        let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else {
            return out.write_str(text.get(run_start..).unwrap_or_default());
        };
        let next = at + c.len_utf8();
        if is_special(c) {
            out.write_str(text.get(run_start..at).unwrap_or_default())?;
            write_escape(out, c)?;
            run_start = next;
        }
        at = next;
    }
}

/// Length before the first byte that is not plain; tests 16 at once, as nearly all are plain.
pub fn plain_len(bytes: &[u8], is_plain: impl Fn(u8) -> bool) -> usize {
    let are_plain = |chunk: &[u8; 16]| chunk.iter().fold(true, |all, &byte| all & is_plain(byte));
    let (chunks, _) = bytes.as_chunks::<16>();
    let passed_len = 16 * chunks.iter().take_while(|chunk| are_plain(chunk)).count();
    let rest = bytes.get(passed_len..).unwrap_or_default();
    passed_len + rest.iter().position(|&byte| !is_plain(byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

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

    #[test]
    fn html_text_escapes_markup() {
        for (text, page) in [
            ("GET http://localhost:8080/", "GET http://localhost:8080/"),
            ("a&b=<c>", "a&amp;b=&lt;c&gt;"),
            ("\"'", "&quot;&#39;"),
            ("&amp;", "&amp;amp;"),
            ("a\0\r\n", "a\u{fffd}&#13;\n"),
            ("\u{e9}\u{5d0} 41 \u{b5}s", "\u{e9}\u{5d0} 41 \u{b5}s"),
        ] {
            assert_eq!(HtmlText(text).to_string(), page);
        }
    }

    fn json(text: &str) -> String {
        let mut out = Vec::new();
        json_string(&mut out, |content| content.write_str(text));
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn json_string_escapes_each_deceptive_character() {
        for (text, string) in [
            ("caf\u{e9} \u{1f980}", "\"caf\u{e9} \u{1f980}\""),
            ("a\"b\\c", "\"a\\\"b\\\\c\""),
            ("\n\t\u{7f}\u{9b}", "\"\\u000a\\u0009\\u007f\\u009b\""),
            ("\u{ad}\u{180e}\u{fff9}\u{202e}", "\"\\u00ad\\u180e\\ufff9\\u202e\""),
            ("\u{e0041}", "\"\\udb40\\udc41\""),
        ] {
            assert_eq!(json(text), string);
        }
        let mut out = b"a:".to_vec();
        json_string(&mut out, |content| write!(content, "{}-\"", 1));
        assert_eq!(out, b"a:\"1-\\\"\"");
    }

    #[test]
    fn one_line_escapes_deceptive_characters() {
        for (bytes, line) in [
            (&b"a b.txt"[..], "a b.txt"),
            (b"<b>&\"'", "<b>&\"'"),
            (b"a\nb\tc\rd", "a\\nb\\tc\\rd"),
            (b"\x1b[2J", "\\x1b[2J"),
            (b"a\\n", "a\\\\n"),
            (b"\xff.txt", "\\xff.txt"),
            ("a\u{202e}txt.exe".as_bytes(), "a\\u{202e}txt.exe"),
            ("\u{85}\u{2028}".as_bytes(), "\\u{85}\\u{2028}"),
            ("\u{e9}\u{5d0}".as_bytes(), "\u{e9}\u{5d0}"),
        ] {
            assert_eq!(OneLine(bytes).to_string(), line);
        }
    }

    /// Text that an HTML parser reads from a page without markup.
    fn parse_html(page: &str) -> String {
        let known =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#13;", "\r"), ("&amp;", "&")];
        known.iter().fold(page.to_owned(), |text, (entity, c)| text.replace(entity, c))
    }

    /// Bytes that an escaped line represents.
    fn parse_line(line: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = line;
        while let Some(at) = rest.find('\\') {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            let escape = &rest[at + 1..];
            let len = match escape.as_bytes()[0] {
                b'x' => {
                    bytes.push(u8::from_str_radix(&escape[1..3], 16).expect("a byte"));
                    3
                }
                b'u' => {
                    let end = escape.find('}').expect("an end");
                    let c = u32::from_str_radix(&escape[2..end], 16).ok().and_then(char::from_u32);
                    bytes.extend_from_slice(c.expect("a character").to_string().as_bytes());
                    end + 1
                }
                c => {
                    bytes.push(match c {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        c => c,
                    });
                    1
                }
            };
            rest = &escape[len..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    }

    /// Ordinary and hostile names.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let parts =
            ["<", "&", "\"", "'", "\\", "\n", "\u{202e}", "\u{e9}", "a", "amp;", "x41", "\0", "\u{e0041}"];
        let parts = parts.map(|part| part.as_bytes().to_vec()).to_vec();
        let part = prop_oneof![proptest::sample::select(parts), any::<u8>().prop_map(|byte| vec![byte])];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn html_text_round_trips_through_html_parser(text in "\\PC{0,12}") {
            let page = HtmlText(&text).to_string();
            prop_assert!(!page.contains(['<', '>', '"', '\'']));
            prop_assert_eq!(parse_html(&page), text);
        }

        #[test]
        fn one_line_round_trips(name in name()) {
            let line = OneLine(&name).to_string();
            prop_assert!(!line.contains(is_deceptive));
            prop_assert_eq!(parse_line(&line), name);
        }

        #[test]
        fn json_string_round_trips_through_serde_json(name in name()) {
            let text = String::from_utf8_lossy(&name);
            let string = json(&text);
            let value: serde_json::Value = serde_json::from_str(&string).expect(&string);
            prop_assert_eq!(value.as_str(), Some(&*text));
            prop_assert!(!string.contains(is_deceptive));
        }
    }
}
