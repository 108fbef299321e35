//! `/server-code.html` and `/client-code.html` show the source that the binary was built from, all of
//! it but the tests, on the default site and on no other.
//!
//! The pages are taken apart here without the code that has put them together; that code, the build
//! script's, is here for its own unit tests.

use std::collections::BTreeSet;

use crate::harness::source::sources;
use crate::harness::{Reply, Server};

#[path = "../../build/page.rs"]
mod page;
#[path = "../../build/sources.rs"]
mod sources;
#[path = "../../build/tokens.rs"]
mod tokens;

const PAGES: [&str; 2] = ["/server-code.html", "/client-code.html"];

/// A page is one document for a phone to load; beyond this it would have to be taken apart.
const PAGE_LEN_MAX: usize = 1024 * 1024;

/// What is compiled for unit tests only, and so is no part of the binary.
const TEST_FILES: [&str; 2] = ["src/http/agreement.rs", "src/http/testing.rs"];

/// Where the tests of a file begin.
const TESTS: &str = "#[cfg(test)]\nmod tests {";

/// A server that nobody has told what to serve, in a folder with these files.
fn default_site(files: &[(&str, &[u8])]) -> Server {
    Server::in_folder(files, &[])
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

/// The files on a page: path and markup of the code.
fn shown(page: &str) -> Vec<(&str, &str)> {
    let sections = page.split("<section id=\"").skip(1);
    let files = sections.map(|section| {
        let (path, rest) = section.split_once('"').expect("an id");
        let (_, rest) = rest.split_once("<pre><code>").expect("code");
        (path, rest.split_once("</code></pre>").expect("the end of the code").0)
    });
    files.collect()
}

/// The values of what a tag begins with, such as `<a id=`, quoted or not. In text there is no `<`.
fn values<'a>(page: &'a str, tag: &str) -> Vec<&'a str> {
    let values = page.split(tag).skip(1).map(|rest| match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split('>').next(),
    });
    values.flatten().collect()
}

#[test]
fn the_default_site_has_them_with_and_without_content() {
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
fn a_root_of_ones_own_has_them_not() {
    let own = Server::serving(&[("index.html", b"mine"), ("client-code.html", b"my client")]);
    assert_eq!(own.get("/server-code.html").status, 404);
    assert_eq!(own.get("/client-code.html").text(), "my client");
    let beside =
        Server::in_folder(&[("content/index.html", b"not mine"), ("site/index.html", b"mine")], &["site"]);
    assert_eq!(beside.get("/").text(), "mine");
    assert_eq!(beside.get("/server-code.html").status, 404);
}

#[test]
fn content_has_them_however_it_is_named() {
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
fn every_source_is_on_one_page_byte_for_byte_but_for_its_tests() {
    let server = default_site(&[]);
    let pages = PAGES.map(|path| server.get(path));
    let [on_server, on_client] = pages.each_ref().map(|page| shown(page.text()));
    let mut files = sources(&["src"], "rs");
    files.extend(sources(&["src"], "txt"));
    files.retain(|file| !TEST_FILES.contains(&file.path.as_str()));
    assert_eq!(files.len(), on_server.len() + on_client.len());
    for file in &files {
        let path = file.path.trim_start_matches("src/");
        let is_clients = path.starts_with("client/") || path == "bin/reactor-client.rs";
        let page = if is_clients { &on_client } else { &on_server };
        let markup = page.iter().find(|(shown, _)| *shown == path).unwrap_or_else(|| panic!("{path}")).1;
        let text = unescaped(markup);
        let rest = file.text.strip_prefix(text.as_str());
        let rest = rest.unwrap_or_else(|| panic!("{path} differs:\n{text}"));
        assert!(rest.is_empty() || rest.trim_start().starts_with(TESTS), "{path} lacks:\n{rest}");
        assert!(!text.contains(TESTS), "{path} shows its tests");
        let numbered: Vec<_> = values(markup, "<a id=").iter().map(ToString::to_string).collect();
        let expected: Vec<_> = (1..=text.lines().count()).map(|line| format!("{path}:{line}")).collect();
        assert!(numbered == expected, "the lines of {path} have their addresses");
    }
}

#[test]
fn every_link_leads_somewhere_and_no_script_runs() {
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
        for id in ["<a id=", "<h2 id=", "<section id="].into_iter().flat_map(|tag| values(text, tag)) {
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
fn the_page_that_is_served_is_the_one_that_the_sources_make_now() {
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = self::sources::read(&package.join("src")).expect("the sources");
    let style = std::fs::read_to_string(package.join("content/style.css")).expect("the style sheet");
    let server = default_site(&[]);
    for page in page::PAGES {
        let made = page::render(page, &files, &style);
        assert!(server.get(&format!("/{}", page.name)).text() == made, "{} is stale", page.name);
    }
}
