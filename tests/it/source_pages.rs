//! `/server-code.html` and `/client-code.html` show the source that the binary was built from, all of
//! it but the tests, on the default site and on no other.
//!
//! The pages are taken apart here without the code that has put them together; that code, the build
//! script's, is here for its own unit tests.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;

use crate::harness::source::{code, is_test_only, sources, without_tests};
use crate::harness::{Reply, Server};

#[path = "../../build/markup.rs"]
mod markup;
#[path = "../../build/page.rs"]
mod page;
#[path = "../../build/sources.rs"]
mod sources;
#[path = "../../build/test_items.rs"]
mod test_items;
#[path = "../../build/tokens.rs"]
mod tokens;

const PAGES: [&str; 2] = ["/server-code.html", "/client-code.html"];

/// A page is one document for a phone to load, compressed to a fifth on its way; beyond this it would
/// have to be taken apart.
const PAGE_LEN_MAX: usize = 2 * 1024 * 1024;

/// A server that nobody has told what to serve, in a folder with these files.
fn default_site(files: &[(&str, &[u8])]) -> Server {
    Server::in_folder(files, if files.is_empty() { &["--welcome"] } else { &[] })
}

fn head_of(server: &Server, path: &str) -> Reply {
    server.connect().send(format!("HEAD {path} HTTP/1.1\r\nHost: test\r\n\r\n")).reply_to_head()
}

/// What a browser shows of this markup.
fn unescaped(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    for piece in markup.split('<') {
        // Before the first tag there is none to skip.
        let shown = if text.is_empty() && markup.starts_with(piece) {
            piece
        } else {
            piece.split_once('>').expect("the tag ends").1
        };
        text.push_str(shown);
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A file as a page shows it: its path, and the lines that are shown, with their numbers and markup.
struct Shown<'a> {
    path: &'a str,
    lines: Vec<(usize, &'a str)>,
    /// Numbers of lines that the page says to be left out.
    left_out: Vec<usize>,
}

fn shown(page: &str) -> Vec<Shown<'_>> {
    let sections = page.split("<section id=\"").skip(1);
    let files = sections.map(|section| {
        let (path, rest) = section.split_once('"').expect("an id");
        let (_, rest) = rest.split_once("<pre>").expect("code");
        let (mut rest, _) = rest.split_once("</pre>").expect("the end of the code");
        let mut file = Shown { path, lines: Vec::new(), left_out: Vec::new() };
        while !rest.is_empty() {
            rest = file.take(rest);
        }
        file
    });
    files.collect()
}

impl<'a> Shown<'a> {
    /// Takes what comes first, lines or what stands in their place, and gives back what follows.
    fn take(&mut self, markup: &'a str) -> &'a str {
        if let Some(rest) = markup.strip_prefix("<o->") {
            let (words, rest) = rest.split_once("</o->").expect("its end");
            assert!(words.starts_with("line") && words.ends_with(" compiled for unit tests only"), "{words}");
            let numbers: Vec<usize> = words.split(' ').filter_map(|word| word.parse().ok()).collect();
            self.left_out.extend(numbers[0]..=numbers[numbers.len() - 1]);
            return rest;
        }
        let (tag, rest) = markup.strip_prefix("<code").and_then(|rest| rest.split_once('>')).expect("code");
        let before = tag.strip_prefix(" style=\"--before: ").map(|rest| rest.trim_end_matches('"'));
        let before = before.map_or(0, |digits| digits.parse().expect("a number"));
        let (code, rest) = rest.split_once("</code>").expect("the end of the code");
        self.lines.extend((before + 1..).zip(code.split_inclusive('\n')));
        rest
    }
}

/// The values of what a tag begins with, such as `<a id=`, quoted or not. In text there is no `<`, and what
/// looks like an attribute there is none.
fn values<'a>(page: &'a str, tag: &str) -> Vec<&'a str> {
    let in_tag = |at: &usize| tag.starts_with('<') || page[..*at].rfind('<') > page[..*at].rfind('>');
    let places = page.match_indices(tag).map(|(at, _)| at).filter(in_tag);
    let values = places.map(|at| &page[at + tag.len()..]).map(|rest| match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split('>').next(),
    });
    values.flatten().collect()
}

#[test]
fn default_site_serves_pages_with_or_without_content() {
    let built_in = default_site(&[]);
    let own =
        default_site(&[("content/index.html", b"mine"), ("content/server-code.html", b"another build")]);
    assert_eq!(own.get("/").text(), "mine");
    for path in PAGES {
        let reply = own.get(path);
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.field("content-type"), Some("text/html; charset=utf-8"));
        assert!(reply.text().ends_with("</html>\n"));
        assert!(built_in.get(path).body == reply.body, "{path} is the same everywhere");
        for server in [&built_in, &own] {
            let head = head_of(server, path);
            assert_eq!(head.status, 200);
            for field in ["content-length", "content-type", "etag", "last-modified"] {
                assert_eq!(head.field(field), reply.field(field), "{field} of {path}");
            }
        }
        assert!(own.get(path).body == reply.body, "a second time");
    }
}

#[test]
fn gzip_request_gets_embedded_page_with_ranges_and_304() {
    for options in [&["--welcome"][..], &["--welcome", "--no-compress"]] {
        let server = Server::in_folder(&[], options);
        let mut client = server.connect();
        let mut get = |path: &str, fields: &str| {
            let head =
                format!("GET {path} HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip, br\r\n{fields}\r\n");
            client.send(head).reply()
        };
        for path in PAGES {
            let (plain, packed) = (server.get(path), get(path, ""));
            assert_eq!((packed.status, packed.field("content-encoding")), (200, Some("gzip")), "{path}");
            assert_eq!(
                (packed.field("vary"), packed.field("content-type")),
                (Some("Accept-Encoding"), plain.field("content-type"))
            );
            assert_ne!(packed.field("etag"), plain.field("etag"));
            let mut decoded = Vec::new();
            GzDecoder::new(&packed.body[..]).read_to_end(&mut decoded).expect("gzip");
            assert!(decoded == plain.body, "{path}");
            // Nothing is made anew, so that there are parts of it, and they fit.
            let tag = packed.field("etag").expect("a tag");
            let part = get(path, &format!("Range: bytes=100-199\r\nIf-Range: {tag}\r\n"));
            assert!((part.status, &part.body[..]) == (206, &packed.body[100..200]), "{path}");
            assert_eq!(get(path, &format!("If-None-Match: {tag}\r\n")).status, 304);
        }
    }
}

#[test]
fn explicit_root_does_not_serve_source_pages() {
    let own = Server::serving(&[("index.html", b"mine"), ("client-code.html", b"my client")]);
    assert_eq!(own.get("/server-code.html").status, 404);
    assert_eq!(own.get("/client-code.html").text(), "my client");
    let beside =
        Server::in_folder(&[("content/index.html", b"not mine"), ("site/index.html", b"mine")], &["site"]);
    assert_eq!(beside.get("/").text(), "mine");
    assert_eq!(beside.get("/server-code.html").status, 404);
}

#[test]
fn content_root_serves_pages_under_any_spelling() {
    for name in ["content", "./content/", "site/../content"] {
        let files: &[(&str, &[u8])] = &[("content/index.html", b"mine"), ("site/index.html", b"not mine")];
        let named = Server::in_folder(files, &[name]);
        assert_eq!(named.get("/").text(), "mine");
        for path in PAGES {
            assert_eq!(named.get(path).status, 200, "{path} of {name}");
        }
    }
}

#[test]
fn sources_are_shown_line_for_line_without_tests() {
    let server = default_site(&[]);
    let pages = PAGES.map(|path| server.get(path));
    let [on_server, on_client] = pages.each_ref().map(|page| shown(page.text()));
    let mut files = sources(&["src"], "rs");
    files.extend(sources(&["src"], "txt"));
    files.retain(|file| !is_test_only(&file.path));
    assert_eq!(files.len(), on_server.len() + on_client.len());
    for file in &files {
        let path = file.path.trim_start_matches("src/");
        let is_clients =
            path.starts_with("client/") || path.starts_with("load/") || path == "bin/reactor-client.rs";
        let page = if is_clients { &on_client } else { &on_server };
        let shown = page.iter().find(|shown| shown.path == path).unwrap_or_else(|| panic!("{path}"));
        let text: Vec<&str> = file.text.split_inclusive('\n').collect();
        for (number, markup) in &shown.lines {
            assert_eq!(unescaped(markup), text[number - 1], "{path}:{number}");
            let address = format!("{path}:{number}");
            let addresses = values(markup, " id=");
            let expected = text[number - 1].contains(char::is_alphanumeric).then_some(address.as_str());
            assert_eq!(addresses, expected.as_slice(), "{path}:{number}");
        }
        let mut numbers: Vec<usize> = shown.lines.iter().map(|(number, _)| *number).collect();
        numbers.extend(&shown.left_out);
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..=text.len()), "each line of {path} is there once");
        expect_tests_left_out(shown, &file.text);
    }
}

/// Asserts that tests are not shown, and all that is code and no test is.
fn expect_tests_left_out(shown: &Shown<'_>, text: &str) {
    let code = if shown.path.ends_with(".rs") { code(text) } else { text.to_owned() };
    let compiled = without_tests(&code);
    let is_test: Vec<bool> = code.lines().zip(compiled.lines()).map(|(code, left)| code != left).collect();
    for (number, _) in &shown.lines {
        assert!(!is_test[number - 1], "{}:{number} is a test", shown.path);
    }
    let is_compiled =
        |number: &&usize| !compiled.lines().nth(**number - 1).unwrap_or_default().trim().is_empty();
    assert_eq!(shown.left_out.iter().find(is_compiled), None, "{} lacks a line", shown.path);
}

#[test]
fn page_links_resolve_and_pages_have_no_scripts() {
    let server = default_site(&[]);
    let pages = PAGES.map(|path| (path, server.get(path)));
    let mut addresses = BTreeSet::new();
    for (path, page) in &pages {
        let text = page.text();
        assert!(page.body.len() < PAGE_LEN_MAX, "{path} has {} bytes", page.body.len());
        for foreign in ["<script", "@import", "url(", " src=", "http-equiv"] {
            let markup = text.split("<pre>").map(|part| part.split("</pre>").last().unwrap_or_default());
            assert_eq!(markup.filter(|part| part.contains(foreign)).count(), 0, "{foreign} in {path}");
        }
        addresses.insert((*path).to_owned());
        for id in values(text, " id=") {
            assert!(addresses.insert(format!("{path}#{id}")), "{id} is there twice");
        }
    }
    for (path, page) in &pages {
        let links = values(page.text(), "<a href=");
        assert!(links.len() > 10, "an index");
        for link in links {
            let target = if link.starts_with('#') { format!("{path}{link}") } else { format!("/{link}") };
            let found = addresses.contains(&target) || server.get(&target.replace("/./", "/")).status == 200;
            assert!(found, "{link} on {path}");
        }
    }
    let home = server.get("/");
    for link in ["href=\"server-code.html\"", "href=\"client-code.html\""] {
        assert!(home.text().contains(link), "{link} on the home page");
    }
}

#[test]
fn served_pages_match_current_sources() {
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = self::sources::read(&package.join("src")).expect("the sources");
    let style = std::fs::read_to_string(package.join("content/style.css")).expect("the style sheet");
    let server = default_site(&[]);
    for page in page::PAGES {
        let made = page::render(page, &files, &style);
        assert!(server.get(&format!("/{}", page.name)).text() == made, "{} is stale", page.name);
    }
}
