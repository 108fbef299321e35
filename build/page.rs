//! One page of source: an index of its files, then each of them, highlighted, with line numbers.
//!
//! It knows what is around the code: head, words, index, sections, and what is said where tests are
//! left out. How a line of code is marked up is the business of `markup`. The numbers are drawn by the
//! style sheet, all of them as one text beside the code: so they are never selected with it, and cost
//! nothing per line. What stands between the tags of a `code` is the file, byte for byte.

use std::fmt::Write as _;

use super::markup::{code, escape};
use super::sources::{Part, Piece, SourceFile};

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
    head(&mut out, page, style, &own);
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

fn head(out: &mut String, page: &Page, style: &str, own: &[&SourceFile]) {
    let lines_max = own.iter().map(|file| file.line_count(true) + file.line_count(false)).max();
    // A line feed in a style sheet's text; the space keeps what follows out of it.
    let numbers: String = (1..=lines_max.unwrap_or(0)).map(|line| format!("{line}\\a ")).collect();
    put!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"description\" content=\"The source that this {} was built from.\">\n\
         <title>{}</title>\n<link rel=\"icon\" href=\"favicon.svg\" type=\"image/svg+xml\">\n\
         <style>\n{style}\n{STYLE}\n\
         .source pre code::before {{\n  content: \"{numbers}\";\n}}\n</style>\n</head>\n<body class=\"source\">\n<header>\n",
        page.program,
        page.title
    );
}

fn intro(out: &mut String, page: &Page, own: &[&SourceFile]) {
    let [lines, test_lines] =
        [true, false].map(|is_shown| own.iter().map(|file| file.line_count(is_shown)).sum::<usize>());
    let (other, other_title) = page.other;
    put!(out, "<h1>{}</h1>\n", page.title);
    put!(
        out,
        "<p class=\"lead\">{} files, {} lines: the source of the <code>{}</code> of this build.</p>\n",
        own.len(),
        grouped(lines),
        page.program
    );
    put!(
        out,
        "<p>The build generates this page from the compiled files. Code for unit tests only, {} lines, \
         is left out; its line numbers stand in its place. \
         The address of a line is its file and its number, such as \
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
    for directory in own.chunk_by(|a, b| a.directory() == b.directory()) {
        let name = directory[0].directory();
        // What is in no room of its own is in the house.
        let path_prefix =
            name.strip_suffix(".rs").map_or_else(|| format!("src/{name}"), |_| "src".to_owned());
        put!(out, "<h2 id=\"{name}/\">{path_prefix}</h2>\n<ul class=\"index\">\n");
        for file in directory {
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
    for module_root in files.iter().filter(|file| file.part() == Part::Server && file.is_module_root()) {
        let directory = module_root.directory();
        let uses = [format!("crate::{directory}::"), format!("reactor_http::{directory}::")];
        if own.iter().flat_map(|file| file.shown()).any(|text| uses.iter().any(|used| text.contains(used))) {
            let summary = sentence(&module_root.summary());
            put!(
                out,
                "<li><a href=\"server-code.html#{directory}/\">src/{directory}</a> <span>{summary}</span></li>\n"
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
        "<section id=\"{path}\" style=\"--lines: {}\">\n<h2><a href=\"#{path}\">src/{path}</a></h2>\n<pre>",
        file.line_count(true) + file.pieces.iter().filter(|piece| !piece.is_shown).count()
    );
    let mut before = 0;
    for piece in &file.pieces {
        match piece.is_shown {
            true => shown(out, path, before, piece),
            false => omitted(out, before, piece),
        }
        before += piece.text.lines().count();
    }
    out.push_str("</pre>\n</section>\n");
}

/// Lines of code, after so many others.
fn shown(out: &mut String, path: &str, before: usize, piece: &Piece) {
    match before {
        0 => out.push_str("<code>"),
        _ => {
            put!(out, "<code style=\"--before: {before}\">");
        }
    }
    code(out, path, before, &piece.text);
    out.push_str("</code>");
}

/// What is said in the place of lines that the programs were built without.
fn omitted(out: &mut String, before: usize, piece: &Piece) {
    let (first, last) = (before + 1, before + piece.text.lines().count());
    if first == last {
        put!(out, "<o->line {first} is compiled for unit tests only</o->");
        return;
    }
    put!(out, "<o->lines {first} to {last} are compiled for unit tests only</o->");
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

    fn rendered(path: &str, pieces: &[(&str, bool)]) -> String {
        let pieces =
            pieces.iter().map(|(text, is_shown)| Piece { text: (*text).to_owned(), is_shown: *is_shown });
        let file = SourceFile { path: path.to_owned(), pieces: pieces.collect() };
        render(PAGES[0], &[file], "")
    }

    #[test]
    fn render_after_omitted_lines_keeps_file_line_numbers() {
        let page =
            rendered("a/b.rs", &[("x\n", true), ("\nt\nt\n", false), ("y\n{\n", true), ("t\n", false)]);
        let expected = "<section id=\"a/b.rs\" style=\"--lines: 5\">\n\
            <h2><a href=\"#a/b.rs\">src/a/b.rs</a></h2>\n\
            <pre><code><a id=a/b.rs:1></a>x\n</code>\
            <o->lines 2 to 4 are compiled for unit tests only</o->\
            <code style=\"--before: 4\"><a id=a/b.rs:5></a>y\n{\n</code>\
            <o->line 7 is compiled for unit tests only</o-></pre>\n</section>\n";
        assert!(page.contains(expected), "{page}");
        assert!(page.contains("content: \"1\\a 2\\a 3\\a 4\\a 5\\a 6\\a 7\\a \";"), "{page}");
        assert!(page.contains("1 files, 3 lines") && page.contains("tests only, 4 lines"), "{page}");
    }

    #[test]
    fn sentence_escapes_text_and_marks_code() {
        assert_eq!(
            sentence("A [`Root`] & `a<b>`: c"),
            "A <code>Root</code> &amp; <code>a&lt;b&gt;</code>: c"
        );
        assert_eq!((grouped(7), grouped(1_002_003)), ("7".to_owned(), "1,002,003".to_owned()));
    }
}
