//! Rust source taken apart into what a reader tells apart by colour.
//!
//! It knows comments, literals, words and attributes, and no grammar beyond them. The tokens, one
//! after the other, are the source again, byte for byte, whatever the source is: what it does not
//! know is plain, and what is not closed goes on to the end.

/// What a token is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Names, punctuation, white space.
    Plain,
    Comment,
    Doc,
    /// Strings and characters, of bytes too.
    Text,
    Number,
    Keyword,
    /// What is written like a type, and the primitive types.
    Type,
    /// The name of a macro with its `!`.
    Macro,
    /// A whole `#[...]`.
    Attribute,
    Lifetime,
}

/// The words of the language (the Rust Reference, "Keywords"), in order.
const KEYWORDS: &[&str] = &[
    "Self", "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
    "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where",
    "while",
];

/// The types that are written in small letters, in order.
const PRIMITIVES: &[&str] = &[
    "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128", "u16", "u32",
    "u64", "u8", "usize",
];

/// The tokens of `source`. No two plain ones stand side by side.
pub(crate) fn tokens(source: &str) -> Vec<(Kind, &str)> {
    let mut found = Vec::new();
    // Where the plain text before the present place begins.
    let (mut plain, mut at) = (0, 0);
    while at < source.len() {
        let (kind, len) = first(&source[at..]);
        if kind != Kind::Plain {
            if plain < at {
                found.push((Kind::Plain, &source[plain..at]));
            }
            plain = at + len;
            found.push((kind, &source[at..plain]));
        }
        at += len;
    }
    if plain < at {
        found.push((Kind::Plain, &source[plain..]));
    }
    found
}

/// The kind and the length of the token at the front of `rest`, which is not empty.
fn first(rest: &str) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    match bytes {
        [b'/', b'/', ..] => (line_comment(bytes), rest.find('\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => block_comment(bytes),
        [b'#', b'[', ..] | [b'#', b'!', b'[', ..] => (Kind::Attribute, attribute_len(rest)),
        [b'"', ..] => (Kind::Text, quoted_len(bytes, b'"')),
        [b'\'', ..] => quote(rest),
        [b'0'..=b'9', ..] => (Kind::Number, number_len(bytes)),
        _ => match name_len(rest) {
            0 => (Kind::Plain, rest.chars().next().map_or(1, char::len_utf8)),
            len => word(rest, len),
        },
    }
}

/// What documents is a doc comment; four slashes do not.
fn line_comment(bytes: &[u8]) -> Kind {
    match bytes {
        [_, _, b'/', b'/', ..] => Kind::Comment,
        [_, _, b'/' | b'!', ..] => Kind::Doc,
        _ => Kind::Comment,
    }
}

/// Comments nest.
fn block_comment(bytes: &[u8]) -> (Kind, usize) {
    let kind = match bytes {
        [_, _, b'*', b'*' | b'/', ..] => Kind::Comment,
        [_, _, b'*' | b'!', ..] => Kind::Doc,
        _ => Kind::Comment,
    };
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    (kind, at)
}

/// To the bracket that closes the first; brackets in literals and comments do not count.
fn attribute_len(rest: &str) -> usize {
    let mut at = rest.find('[').unwrap_or(0);
    let mut depth = 0;
    while at < rest.len() {
        let (_, len) = first(&rest[at..]);
        match &rest[at..at + len] {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        at += len;
        if depth == 0 {
            break;
        }
    }
    at
}

/// To the quote that closes the first, which no backslash precedes.
fn quoted_len(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// A character is closed after one; what is not is a lifetime or a label.
fn quote(rest: &str) -> (Kind, usize) {
    let inside = &rest[1..];
    if inside.starts_with('\\') {
        return (Kind::Text, quoted_len(rest.as_bytes(), b'\''));
    }
    match (inside.char_indices().nth(1), name_len(inside)) {
        (Some((len, '\'')), _) => (Kind::Text, 1 + len + 1),
        (_, 0) => (Kind::Plain, 1),
        (_, len) => (Kind::Lifetime, 1 + len),
    }
}

/// Digits of any base with their suffix, one fraction, and the sign of an exponent. `1..2` is two
/// numbers, and `1.max(2)` has one at its front.
fn number_len(bytes: &[u8]) -> usize {
    let is_decimal = !matches!(bytes, [b'0', b'x' | b'o' | b'b', ..]);
    let (mut at, mut has_fraction) = (1, false);
    while let Some(&byte) = bytes.get(at) {
        let next_is_digit = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        match byte {
            b'.' if is_decimal && !has_fraction && next_is_digit => has_fraction = true,
            b'+' | b'-' if is_decimal && next_is_digit && matches!(bytes[at - 1], b'e' | b'E') => {}
            b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {}
            _ => break,
        }
        at += 1;
    }
    at
}

/// The length of the name at the front; nothing if there is none.
fn name_len(rest: &str) -> usize {
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
}

/// A token that begins with a name of `len` bytes.
fn word(rest: &str, len: usize) -> (Kind, usize) {
    let (word, after) = rest.split_at(len);
    if let Some(literal_len) = prefixed_len(word, after) {
        return (Kind::Text, len + literal_len);
    }
    if word == "r" && after.starts_with('#') && name_len(&after[1..]) > 0 {
        return (Kind::Plain, len + 1 + name_len(&after[1..]));
    }
    if KEYWORDS.binary_search(&word).is_ok() {
        return (Kind::Keyword, len);
    }
    if after.starts_with('!') && !after.starts_with("!=") {
        return (Kind::Macro, len + 1);
    }
    let is_camel = word.starts_with(char::is_uppercase) && (len == 1 || word.contains(char::is_lowercase));
    match is_camel || PRIMITIVES.binary_search(&word).is_ok() {
        true => (Kind::Type, len),
        false => (Kind::Plain, len),
    }
}

/// The length of a literal that `prefix` belongs to: raw, of bytes, or of C.
fn prefixed_len(prefix: &str, rest: &str) -> Option<usize> {
    let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
    let quote = *rest.as_bytes().get(hashes)?;
    match (prefix, quote) {
        ("r" | "br" | "cr", b'"') => {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 1;
            Some(rest[start..].find(&end).map_or(rest.len(), |len| start + len + end.len()))
        }
        ("b" | "c", b'"') | ("b", b'\'') if hashes == 0 => Some(quoted_len(rest.as_bytes(), quote)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tokens that are not plain.
    fn coloured(source: &str) -> Vec<(Kind, &str)> {
        tokens(source).into_iter().filter(|(kind, _)| *kind != Kind::Plain).collect()
    }

    #[test]
    fn each_kind_is_told_from_what_looks_like_it() {
        use Kind::{Attribute, Comment, Doc, Keyword, Lifetime, Macro, Number, Text, Type};
        let cases: &[(&str, &[(Kind, &str)])] = &[
            ("a // b\nc", &[(Comment, "// b")]),
            ("/// a\n//! b\n//// c", &[(Doc, "/// a"), (Doc, "//! b"), (Comment, "//// c")]),
            ("a /* /* b */ */ c", &[(Comment, "/* /* b */ */")]),
            (
                "/** a */ /*! b */ /**/ /*** c */",
                &[(Doc, "/** a */"), (Doc, "/*! b */"), (Comment, "/**/"), (Comment, "/*** c */")],
            ),
            (r#"("a\"b // c") d"#, &[(Text, r#""a\"b // c""#)]),
            ("r##\"a\"# \\\"## b", &[(Text, "r##\"a\"# \\\"##")]),
            (
                "br\"a\" b\"a\" c\"a\" b'a' b'\\''",
                &[(Text, "br\"a\""), (Text, "b\"a\""), (Text, "c\"a\""), (Text, "b'a'"), (Text, "b'\\''")],
            ),
            (
                "'a' '\\'' 'é' '\\u{1b}' '\"'",
                &[(Text, "'a'"), (Text, "'\\''"), (Text, "'é'"), (Text, "'\\u{1b}'"), (Text, "'\"'")],
            ),
            (
                "<'a, '_>('b 'static)",
                &[(Lifetime, "'a"), (Lifetime, "'_"), (Lifetime, "'b"), (Lifetime, "'static")],
            ),
            (
                "0x1f_u8 1.5e-3 1..2 1.max(2)",
                &[
                    (Number, "0x1f_u8"),
                    (Number, "1.5e-3"),
                    (Number, "1"),
                    (Number, "2"),
                    (Number, "1"),
                    (Number, "2"),
                ],
            ),
            ("u8x 2fa 0xe-1", &[(Number, "2fa"), (Number, "0xe"), (Number, "1")]),
            ("fn r#type(selfish)", &[(Keyword, "fn")]),
            (
                "vec![a] a!=b if !c macro_rules! d",
                &[(Macro, "vec!"), (Keyword, "if"), (Macro, "macro_rules!")],
            ),
            ("Vec<T> usize MAX_LEN Self", &[(Type, "Vec"), (Type, "T"), (Type, "usize"), (Keyword, "Self")]),
            ("#[a(b = \"]\", [c])] #![d] #e", &[(Attribute, "#[a(b = \"]\", [c])]"), (Attribute, "#![d]")]),
        ];
        for (source, expected) in cases {
            assert_eq!(coloured(source), *expected, "{source}");
        }
    }

    #[test]
    fn the_lists_of_words_are_in_order() {
        assert!(KEYWORDS.is_sorted() && PRIMITIVES.is_sorted());
    }

    #[test]
    fn what_is_not_closed_goes_on_to_the_end() {
        for source in ["/* a", "\"a", "\"a\\", "r#\"a\"", "b'\\", "#[a", "#![", "'\\", "/* /* */"] {
            assert_eq!(coloured(source).last().map(|(_, text)| *text), Some(source));
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_changed(source in "[-a-zA-Z0-9_ \n\"'\\\\#!/*\\[\\]rb.é]{0,60}") {
            let whole: String = tokens(&source).into_iter().map(|(_, text)| text).collect();
            prop_assert_eq!(whole, source);
        }

        #[test]
        fn nothing_makes_it_panic(source in any::<String>()) {
            let whole: String = tokens(&source).into_iter().map(|(_, text)| text).collect();
            prop_assert_eq!(whole, source);
        }
    }
}
