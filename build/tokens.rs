//! Rust source taken apart into what a reader tells apart by colour.
//!
//! The lexer is the compiler's own; this module puts its tokens together to attributes and names of macros,
//! and tells keywords and types from other words. The tokens, one after the other, are the source again,
//! byte for byte, whatever the source is: what it does not know is plain, and what is not closed goes on to
//! the end.

use ra_ap_rustc_lexer::{LiteralKind, TokenKind, tokenize};

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

/// A token of the compiler's lexer, and its text.
type Lexed<'a> = (TokenKind, &'a str);

/// The tokens of `source`. No two plain ones stand side by side.
pub(crate) fn tokens(source: &str) -> Vec<(Kind, &str)> {
    let mut rest = source;
    let lexed = tokenize(source).map(|token| {
        let (text, after) = rest.split_at(token.len as usize);
        rest = after;
        (token.kind, text)
    });
    let lexed: Vec<Lexed<'_>> = lexed.collect();
    let mut found = Vec::new();
    // Where the plain text before the present place begins.
    let (mut plain, mut at, mut index) = (0, 0, 0);
    while index < lexed.len() {
        let (kind, count) = first(&lexed[index..]);
        let len: usize = lexed[index..index + count].iter().map(|(_, text)| text.len()).sum();
        if kind != Kind::Plain {
            if plain < at {
                found.push((Kind::Plain, &source[plain..at]));
            }
            plain = at + len;
            found.push((kind, &source[at..plain]));
        }
        (at, index) = (at + len, index + count);
    }
    if plain < at {
        found.push((Kind::Plain, &source[plain..]));
    }
    found
}

/// What is at the front of some tokens, which are not none, and how many of them it takes.
fn first(lexed: &[Lexed<'_>]) -> (Kind, usize) {
    use TokenKind::{Bang, BlockComment, Eq, Ident, Lifetime, LineComment, Literal, OpenBracket, Pound};
    let kind_at = |index| lexed.get(index).map(|(kind, _)| *kind);
    match lexed[0] {
        (LineComment { doc_style } | BlockComment { doc_style, .. }, _) => {
            (if doc_style.is_some() { Kind::Doc } else { Kind::Comment }, 1)
        }
        (Pound, _) if kind_at(1) == Some(OpenBracket) => (Kind::Attribute, attribute_len(lexed)),
        (Pound, _) if kind_at(1) == Some(Bang) && kind_at(2) == Some(OpenBracket) => {
            (Kind::Attribute, attribute_len(lexed))
        }
        (Literal { kind: LiteralKind::Int { .. } | LiteralKind::Float { .. }, .. }, _) => (Kind::Number, 1),
        (Literal { .. }, _) => (Kind::Text, 1),
        (Lifetime { .. }, _) => (Kind::Lifetime, 1),
        (Ident, word) if KEYWORDS.binary_search(&word).is_ok() => (Kind::Keyword, 1),
        (Ident, _) if kind_at(1) == Some(Bang) && kind_at(2) != Some(Eq) => (Kind::Macro, 2),
        (Ident, word) if is_type(word) => (Kind::Type, 1),
        _ => (Kind::Plain, 1),
    }
}

/// How many tokens there are to the bracket that closes the first.
fn attribute_len(lexed: &[Lexed<'_>]) -> usize {
    let mut depth = 0;
    let closes = lexed.iter().position(|(kind, _)| {
        match kind {
            TokenKind::OpenBracket => depth += 1,
            TokenKind::CloseBracket => depth -= 1,
            _ => return false,
        }
        depth == 0
    });
    closes.map_or(lexed.len(), |at| at + 1)
}

fn is_type(word: &str) -> bool {
    let is_camel =
        word.starts_with(char::is_uppercase) && (word.len() == 1 || word.contains(char::is_lowercase));
    is_camel || PRIMITIVES.binary_search(&word).is_ok()
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
    fn tokens_classifies_each_kind() {
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
    fn word_lists_are_sorted() {
        assert!(KEYWORDS.is_sorted() && PRIMITIVES.is_sorted());
    }

    #[test]
    fn unclosed_token_extends_to_the_end() {
        for source in ["/* a", "\"a", "\"a\\", "r#\"a\"", "b'\\", "#[a", "#![", "'\\", "/* /* */"] {
            assert_eq!(coloured(source).last().map(|(_, text)| *text), Some(source));
        }
    }

    proptest! {
        #[test]
        fn tokens_of_rust_like_text_join_to_the_source(source in "[-a-zA-Z0-9_ \n\"'\\\\#!/*\\[\\]rb.é]{0,60}") {
            let whole: String = tokens(&source).into_iter().map(|(_, text)| text).collect();
            prop_assert_eq!(whole, source);
        }

        #[test]
        fn tokens_of_any_text_join_to_the_source(source in any::<String>()) {
            let whole: String = tokens(&source).into_iter().map(|(_, text)| text).collect();
            prop_assert_eq!(whole, source);
        }
    }
}
