//! Lines of source as HTML: tokens in colours, and an address for each line.
//!
//! With ten thousand lines on a page every byte of a line counts. A token that is not plain is an
//! element with the shortest name that can be had, `<b>fn</b>`, and takes in one of its own kind that
//! follows. A line's address is the id of its first such token; where there is none, of an empty
//! anchor; a line without a single word, such as a lone brace, has none. It keeps every byte of the
//! text, and knows nothing of the page around it.

use std::fmt::Write as _;

use super::tokens::{Kind, tokens};

/// Appends the lines of a file, of which so many come before.
pub(crate) fn code(out: &mut String, path: &str, before: usize, text: &str) {
    let is_rust = path.ends_with(".rs");
    let tokens = if is_rust { tokens(text) } else { vec![(Kind::Plain, text)] };
    let mut lines = Lines { out, path, number: before };
    let mut line = Vec::new();
    for (kind, piece) in
        tokens.iter().flat_map(|(kind, text)| text.split_inclusive('\n').map(|text| (*kind, text)))
    {
        let bare = piece.strip_suffix('\n').unwrap_or(piece);
        line.push((kind, bare));
        if bare.len() < piece.len() {
            lines.put(&line);
            lines.out.push('\n');
            line.clear();
        }
    }
    if !line.is_empty() {
        lines.put(&line);
    }
}

/// Text as it must stand between tags.
pub(crate) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
}

/// Where lines go, and how many have gone.
struct Lines<'a> {
    out: &'a mut String,
    path: &'a str,
    number: usize,
}

impl Lines<'_> {
    /// One line, without its end.
    fn put(&mut self, line: &[(Kind, &str)]) {
        self.number += 1;
        let has_word = line.iter().any(|(_, text)| text.contains(char::is_alphanumeric));
        let mut id = has_word.then(|| format!(" id={}:{}", self.path, self.number));
        if line.iter().all(|(kind, text)| element(*kind).is_none() || text.is_empty())
            && let Some(id) = id.take()
        {
            let _ = write!(self.out, "<a{id}></a>");
        }
        let mut open = None;
        for (index, (kind, text)) in line.iter().enumerate() {
            // White space between two of a kind belongs to both.
            let goes_on = open.is_some()
                && text.trim().is_empty()
                && line.get(index + 1).is_some_and(|(next, _)| element(*next) == open);
            let element = if goes_on { open } else { element(*kind) };
            if element != open {
                self.close(open);
                open = element;
                if let Some(name) = open {
                    let _ = write!(self.out, "<{name}{}>", id.take().unwrap_or_default());
                }
            }
            escape(self.out, text);
        }
        self.close(open);
    }

    fn close(&mut self, open: Option<&str>) {
        if let Some(name) = open {
            let _ = write!(self.out, "</{name}>");
        }
    }
}

/// The element of a kind: those that are met most often have the two that HTML has for words of
/// another kind, the others the shortest that are free for one's own.
fn element(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Plain => return None,
        Kind::Comment => "c-",
        Kind::Doc => "d-",
        Kind::Text => "s-",
        Kind::Number => "n-",
        Kind::Keyword => "b",
        Kind::Type => "i",
        Kind::Macro => "m-",
        Kind::Attribute => "a-",
        Kind::Lifetime => "l-",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(path: &str, before: usize, text: &str) -> String {
        let mut out = String::new();
        code(&mut out, path, before, text);
        out
    }

    #[test]
    fn lines_with_words_have_ids_and_tokens_end_with_line() {
        let lines = [
            "<b id=a.rs:8>fn</b> f&lt;<l->'a</l->&gt;() {}",
            "",
            "<c- id=a.rs:10>/* x</c->",
            "<c- id=a.rs:11>y */</c-> &amp; <s->\"&lt;\"</s->",
            "    <a id=a.rs:12></a>f();".trim_start(),
            "}",
            "<d- id=a.rs:14>/// z</d->",
        ];
        let expected = lines.join("\n").replace("<a id=a.rs:12></a>", "<a id=a.rs:12></a>    ");
        assert_eq!(marked("a.rs", 7, "fn f<'a>() {}\n\n/* x\ny */ & \"<\"\n    f();\n}\n/// z"), expected);
    }

    #[test]
    fn adjacent_tokens_of_one_kind_share_an_element() {
        let cases = [
            ("pub fn f", "<b id=a.rs:1>pub fn</b> f"),
            ("mut  self, self", "<b id=a.rs:1>mut  self</b>, <b>self</b>"),
            ("a !\"\"\"\" in \"\" x", "a !<s- id=a.rs:1>\"\"\"\"</s-> <b>in</b> <s->\"\"</s-> x"),
            ("pub\nfn", "<b id=a.rs:1>pub</b>\n<b id=a.rs:2>fn</b>"),
        ];
        for (text, expected) in cases {
            assert_eq!(marked("a.rs", 0, text), expected, "{text}");
        }
    }

    #[test]
    fn non_rust_text_has_ids_and_no_highlighting() {
        assert_eq!(marked("help.txt", 0, "the fn of \"x\n\n"), "<a id=help.txt:1></a>the fn of \"x\n\n");
    }
}
