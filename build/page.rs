//! One page of source: an index of its files, then each of them, highlighted, with line numbers.
//!
//! Every token that is not plain is an element of its own, such as `<k->fn</k->`: with eight thousand
//! lines on a page, a class for each would double its length. A line begins with an empty anchor,
//! whose number the style sheet draws, so that it is never selected with the code. What stands
//! between the tags of a `pre` is the file, byte for byte.

use std::fmt::Write as _;

use super::sources::{Part, SourceFile};
use super::tokens::{Kind, tokens};

/// The looks of what `content/style.css` does not know.
const STYLE: &str = include_str!("page.css");

/// What is said of one of the two pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// The name of its file.
    pub(crate) name: &'static str,
    pub(crate) part: Part,
    program: &'static str,
    title: &'static str,
    other: (&'static str, &'static str),
}

/// Both pages: the server's, with all that the programs share, and the client's.
pub(crate) const PAGES: [&Page; 2] = [
    &Page {
        name: "server-code.html",
        part: Part::Server,
        program: "reactor-server",
        title: "The server’s source",
        other: ("client-code.html", "The client’s source"),
    },
    &Page {
        name: "client-code.html",
        part: Part::Client,
        program: "reactor-client",
        title: "The client’s source",
        other: ("server-code.html", "The server’s source"),
    },
];

/// The whole page. `files` are all sources, of which it shows its own; `style` is the style sheet of
/// the other pages, put in so that this one needs no second file.
pub(crate) fn render(page: &Page, files: &[SourceFile], style: &str) -> String {
    let own: Vec<&SourceFile> = files.iter().filter(|file| file.part() == page.part).collect();
    let mut out = String::new();
    head(&mut out, page, style);
    intro(&mut out, page, &own);
    index(&mut out, &own);
    if page.part == Part::Client {
        shared(&mut out, &own, files);
    }
    out.push_str("</nav>\n</header>\n<main>\n");
    for file in own {
        section(&mut out, file);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// Appends formatted text, which a string always takes.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {
        let _ = write!($out, $($format)*);
    };
}

fn head(out: &mut String, page: &Page, style: &str) {
    put!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"description\" content=\"The source that this {} was built from.\">\n\
         <title>{}</title>\n<link rel=\"icon\" href=\"favicon.svg\" type=\"image/svg+xml\">\n\
         <style>\n{style}\n{STYLE}</style>\n</head>\n<body class=\"source\">\n<header>\n",
        page.program,
        page.title
    );
}

fn intro(out: &mut String, page: &Page, own: &[&SourceFile]) {
    let lines: usize = own.iter().map(|file| file.text.lines().count()).sum();
    let test_lines: usize = own.iter().map(|file| file.test_lines).sum();
    let (other, other_title) = page.other;
    put!(out, "<h1>{}</h1>\n", page.title);
    put!(
        out,
        "<p class=\"lead\">{} files, {} lines: what the <code>{}</code> of this build is made of.</p>\n",
        own.len(),
        grouped(lines),
        page.program
    );
    put!(
        out,
        "<p>A build renders this page from the files that it compiles. The unit tests at their \
         ends, {} lines more, are left out. A line’s address is its file and its number, such as \
         <a href=\"#{path}:1\">#{path}:1</a>.</p>\n",
        grouped(test_lines),
        path = own.first().map_or("", |file| &file.path)
    );
    put!(
        out,
        "<p class=\"links\"><a href=\"./\">Home</a> <a href=\"{other}\">{other_title}</a></p>\n<nav>\n"
    );
}

/// Digits in groups of three.
fn grouped(number: usize) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1000),
    }
}

/// The files by their rooms, each with the first sentence of its documentation.
fn index(out: &mut String, own: &[&SourceFile]) {
    for room in own.chunk_by(|a, b| a.room() == b.room()) {
        let name = room[0].room();
        // What is in no room of its own is in the house.
        let folder = name.strip_suffix(".rs").map_or_else(|| format!("src/{name}"), |_| "src".to_owned());
        put!(out, "<h2 id=\"{name}/\">{folder}</h2>\n<ul class=\"index\">\n");
        for file in room {
            let path = &file.path;
            let below = path.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path);
            put!(
                out,
                "<li><a href=\"#{path}\">{below}</a> <span>{}</span></li>\n",
                sentence(&file.summary())
            );
        }
        out.push_str("</ul>\n");
    }
}

/// The rooms on the other page that the files here use.
fn shared(out: &mut String, own: &[&SourceFile], files: &[SourceFile]) {
    out.push_str("<h2>Shared with the server, and shown on its page</h2>\n<ul class=\"index\">\n");
    for door in files.iter().filter(|file| file.part() == Part::Server && file.is_door()) {
        let room = door.room();
        let uses = [format!("crate::{room}::"), format!("reactor_http::{room}::")];
        if own.iter().any(|file| uses.iter().any(|used| file.text.contains(used))) {
            let summary = sentence(&door.summary());
            put!(
                out,
                "<li><a href=\"server-code.html#{room}/\">src/{room}</a> <span>{summary}</span></li>\n"
            );
        }
    }
    out.push_str("</ul>\n");
}

fn section(out: &mut String, file: &SourceFile) {
    let path = &file.path;
    // The number of lines lets a browser know how high it is before it is looked at.
    put!(
        out,
        "<section id=\"{path}\" style=\"--lines: {}\">\n<h2><a href=\"#{path}\">src/{path}</a></h2>\n<pre><code>",
        file.text.lines().count()
    );
    let is_rust = path.ends_with(".rs");
    let tokens = if is_rust { tokens(&file.text) } else { vec![(Kind::Plain, file.text.as_str())] };
    let (mut line, mut at_start) = (0, true);
    for piece in tokens.iter().flat_map(|(kind, text)| text.split_inclusive('\n').map(|text| (*kind, text))) {
        if at_start {
            line += 1;
            put!(out, "<a id={path}:{line}></a>");
        }
        at_start = piece.1.ends_with('\n');
        token(out, piece.0, piece.1);
    }
    out.push_str("</code></pre>\n</section>\n");
}

/// A token, or what of it is on one line; the end of the line stays outside.
fn token(out: &mut String, kind: Kind, text: &str) {
    let bare = text.strip_suffix('\n').unwrap_or(text);
    match element(kind) {
        Some(name) if !bare.is_empty() => {
            put!(out, "<{name}>");
            escape(out, bare);
            put!(out, "</{name}>");
        }
        _ => escape(out, bare),
    }
    out.push_str(&text[bare.len()..]);
}

/// The element of a kind, in the shortest name that is free for one's own.
fn element(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Plain => return None,
        Kind::Comment => "c-",
        Kind::Doc => "d-",
        Kind::Text => "s-",
        Kind::Number => "n-",
        Kind::Keyword => "k-",
        Kind::Type => "t-",
        Kind::Macro => "m-",
        Kind::Attribute => "a-",
        Kind::Lifetime => "l-",
    })
}

/// Text as it must stand between tags.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
}

/// A sentence of Markdown, of which code and links to code are all that a summary has.
fn sentence(markdown: &str) -> String {
    let mut out = String::new();
    for (index, part) in markdown.replace("[`", "`").replace("`]", "`").split('`').enumerate() {
        let is_code = index % 2 == 1;
        out.push_str(if is_code { "<code>" } else { "" });
        escape(&mut out, part);
        out.push_str(if is_code { "</code>" } else { "" });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(path: &str, text: &str) -> String {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned(), test_lines: 3 };
        render(PAGES[0], &[file], "")
    }

    #[test]
    fn every_line_has_its_address_and_every_token_ends_where_its_line_does() {
        let page = rendered("a/b.rs", "fn f<'a>() {}\n\n/* x\ny */ & \"<\"");
        let lines = [
            "<pre><code><a id=a/b.rs:1></a><k->fn</k-> f&lt;<l->'a</l->&gt;() {}",
            "<a id=a/b.rs:2></a>",
            "<a id=a/b.rs:3></a><c->/* x</c->",
            "<a id=a/b.rs:4></a><c->y */</c-> &amp; <s->\"&lt;\"</s-></code></pre>",
        ];
        assert!(page.contains(&lines.join("\n")), "{page}");
    }

    #[test]
    fn what_is_not_rust_is_shown_as_it_is() {
        let page = rendered("a/help.txt", "the fn of \"x\n");
        assert!(page.contains("<a id=a/help.txt:1></a>the fn of \"x\n</code>"), "{page}");
    }

    #[test]
    fn a_summary_is_text_with_code_in_it() {
        assert_eq!(
            sentence("A [`Root`] & `a<b>`: c"),
            "A <code>Root</code> &amp; <code>a&lt;b&gt;</code>: c"
        );
        assert_eq!((grouped(7), grouped(1_002_003)), ("7".to_owned(), "1,002,003".to_owned()));
    }
}
