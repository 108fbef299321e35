//! Body of a listing, produced in slices.
//!
//! `html` owns the markup, `files` the entries.

use std::fmt::Write as _;

use super::html::HtmlWriter;
use super::utc;
use crate::files::TarSlice;
use crate::files::listing::{Entry, Listing};
use crate::http::{ListingFormat, percent_encode_path};
use crate::net::CloseReason;
use crate::server::response::BodySource;
use crate::text::{OneLine, append, json_string};

/// Minimum slice length in bytes; the entry that reaches it ends the slice.
const SLICE_LEN_MIN: usize = 32 * 1024;
/// Most entries of a slice; each takes some microseconds.
const SLICE_ENTRIES_MAX: usize = 256;

pub(super) struct ListingBody {
    listing: Listing,
    format: ListingFormat,
    html: HtmlWriter,
    has_entries: bool,
    is_finished: bool,
    /// Most listings have one slice.
    first_slice: Vec<u8>,
}

impl ListingBody {
    pub(super) fn new(listing: Listing, format: ListingFormat, html: HtmlWriter) -> ListingBody {
        let mut out = Vec::new();
        match format {
            ListingFormat::Html => html.head(&mut out, &listing),
            ListingFormat::Json => out.push(b'['),
            ListingFormat::Plain => {}
        }
        let (has_entries, is_finished, first_slice) = (false, false, Vec::new());
        let mut body = ListingBody { listing, format, html, has_entries, is_finished, first_slice };
        body.append_entries(&mut out, 0);
        ListingBody { first_slice: out, ..body }
    }

    pub(super) fn into_bytes(self) -> Result<Vec<u8>, Box<Self>> {
        if self.is_finished { Ok(self.first_slice) } else { Err(Box::new(self)) }
    }

    fn append_entries(&mut self, out: &mut Vec<u8>, start: usize) {
        for _ in 0..SLICE_ENTRIES_MAX {
            if self.is_finished || out.len() - start >= SLICE_LEN_MIN {
                break;
            }
            let Some(entry) = self.listing.next_entry() else {
                self.is_finished = true;
                return match self.format {
                    ListingFormat::Html => self.html.foot(out, &self.listing),
                    ListingFormat::Json => out.extend_from_slice(b"\n]\n"),
                    ListingFormat::Plain => {}
                };
            };
            let is_first = !std::mem::replace(&mut self.has_entries, true);
            let slash = if entry.is_directory { "/" } else { "" };
            match self.format {
                ListingFormat::Html => HtmlWriter::entry(out, &entry),
                ListingFormat::Json => json_entry(out, &entry, is_first),
                ListingFormat::Plain => append(out, format_args!("{}{slash}\n", OneLine(entry.name))),
            }
        }
    }
}

impl BodySource for ListingBody {
    fn write_slice(&mut self, out: &mut Vec<u8>) -> Result<TarSlice, CloseReason> {
        match std::mem::take(&mut self.first_slice) {
            slice if slice.is_empty() => self.append_entries(out, out.len()),
            slice => out.extend_from_slice(&slice),
        }
        Ok(TarSlice { payload: None, has_more: !self.is_finished })
    }
}

/// RFC 8259. Invalid UTF-8 in `name` becomes U+FFFD. `url` is exact: percent-encoded, relative to the listing.
fn json_entry(out: &mut Vec<u8>, entry: &Entry<'_>, is_first: bool) {
    out.extend_from_slice(if is_first { b"\n{\"name\":" } else { b",\n{\"name\":" });
    json_string(out, |name| name.write_str(&String::from_utf8_lossy(entry.name)));
    let slash = if entry.is_directory { "/" } else { "" };
    match entry.is_directory {
        true => out.extend_from_slice(b",\"type\":\"directory\",\"size\":null"),
        false => append(out, format_args!(",\"type\":\"file\",\"size\":{}", entry.len)),
    }
    match entry.modified_secs.and_then(utc) {
        Some(time) => append(out, format_args!(",\"modified\":\"{time}Z\",\"url\":\"")),
        None => out.extend_from_slice(b",\"modified\":null,\"url\":\""),
    }
    // A percent-encoded path needs no JSON escapes.
    percent_encode_path(out, entry.name);
    append(out, format_args!("{slash}\"}}"));
}

#[cfg(test)]
mod tests {
    use super::super::html;
    use super::super::query::{ListingQuery, PAGE_LEN};
    use super::*;
    use crate::files::listing::{LISTINGS_LEN_MAX, ListingBudget};
    use crate::files::{ContentSource, RelativePath, Root};
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use sha2::{Digest, Sha256};
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use tempfile::TempDir;

    /// Names that have broken other listings.
    const HOSTILE: [&[u8]; 12] = [
        b"<script>alert(1)<",
        b"\"><img src=x onerror=alert(1)>",
        b"javascript:alert(1)",
        b"a&copy;b&lt;",
        b"a:b?c#d%41",
        b"'single' \"double\"",
        b"new\nline\ttab\rreturn",
        b"\x1b[31mred",
        b"\xff\xfe no UTF-8",
        b"exe.\xe2\x80\xaetxt",
        b"]}, {\\\"",
        b" spaces ",
    ];

    fn directory_with(names: &[&[u8]]) -> (TempDir, ContentSource) {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("sub")).expect("sub");
        fs::write(dir.path().join("four"), "four").expect("a file");
        for name in names {
            // Links to one file are created faster than many files.
            let path = dir.path().join("sub").join(OsStr::from_bytes(name));
            fs::hard_link(dir.path().join("four"), path).expect("a link");
        }
        fs::create_dir(dir.path().join("sub").join("folder & more")).expect("a folder");
        let store = ContentSource::disk(Root::open(dir.path()).expect("opens"));
        (dir, store)
    }

    fn body(store: &ContentSource, path: &str, query: &str, format: ListingFormat) -> ListingBody {
        let path = RelativePath::parse(path.as_bytes()).expect("a path");
        let query = ListingQuery::parse(query.as_bytes());
        let (options, budget) = (query.listing_options(format), ListingBudget::new(LISTINGS_LEN_MAX));
        let listing = Listing::read(store, path.as_bytes(), options, &budget, || true).expect("reads");
        let upload =
            query.filter.is_empty().then_some(html::UploadForm { replace: true, mkdir: true, remove: true });
        let html = HtmlWriter { path: path.as_bytes().to_vec(), query, upload };
        ListingBody::new(listing.expect("all of it"), format, html)
    }

    /// Appends the next slice. True if more follow.
    fn append_slice(body: &mut ListingBody, out: &mut Vec<u8>) -> bool {
        body.write_slice(out).expect("a listing does not fail").has_more
    }

    fn text(store: &ContentSource, path: &str, query: &str, format: ListingFormat) -> String {
        let bytes = body(store, path, query, format).into_bytes().unwrap_or_else(|mut body| {
            let mut out = Vec::new();
            while append_slice(&mut body, &mut out) {}
            out
        });
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// Each text between `before` and `after`.
    fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
        text.split(before).skip(1).filter_map(|rest| Some(rest.split_once(after)?.0)).collect()
    }

    /// Bytes of the path that a link leads to.
    fn target(link: &str) -> Vec<u8> {
        let link = link.replace("&#39;", "'").replace("&amp;", "&");
        RelativePath::parse(format!("/{link}").as_bytes()).expect("a path").as_bytes().to_vec()
    }

    #[test]
    fn html_hostile_names_escaped_and_links_exact() {
        let (_dir, store) = directory_with(&HOSTILE);
        let page = text(&store, "/sub/", "", ListingFormat::Html);
        let rows = between(&page, "<tr class=\"e", "</tr>");
        assert_eq!(rows.len(), HOSTILE.len() + 1);
        let mut linked: Vec<Vec<u8>> =
            rows.iter().map(|row| target(between(row, "<a href=\"", "\"")[0])).collect();
        let mut names: Vec<Vec<u8>> = HOSTILE.iter().map(|name| name.to_vec()).collect();
        names.push(b"folder & more".to_vec());
        linked.sort();
        names.sort();
        assert_eq!(linked, names);
        assert!(rows[0].contains("href=\"folder%20&amp;%20more/\""), "folders come first: {}", rows[0]);
        for row in rows {
            let shown = row.replace("<i>", "").replace("</i>", "");
            let name = between(&shown, "<bdi>", "</bdi>")[0];
            assert!(!name.contains(['<', '>', '"', '\'', '\n', '\u{202e}']), "{name}");
            // The row has only the markup of every row.
            assert_eq!(shown.matches('<').count(), 17, "{row}");
        }
    }

    #[test]
    fn html_page_self_contained_and_csp_digests_match() {
        let (_dir, store) = directory_with(&[b"a.txt"]);
        let page = text(&store, "/sub/", "", ListingFormat::Html);
        let own_markup = page.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "url(", "@import", "src=", " style=", " onclick", "javascript:"] {
            assert!(!own_markup.contains(outside), "{outside}");
        }
        for (query, scripts) in [("", 2), ("filter=a", 1)] {
            let body = body(&store, "/sub/", query, ListingFormat::Html);
            let (policy, page) = (body.html.policy(), text(&store, "/sub/", query, ListingFormat::Html));
            for (element, count) in [("style", 1), ("script", scripts)] {
                let texts = between(&page, &format!("<{element}>"), &format!("</{element}>"));
                assert_eq!((texts.len(), page.matches(&format!("<{element}")).count()), (count, count));
                for text in texts {
                    let digest = BASE64_STANDARD.encode(Sha256::digest(text));
                    assert!(policy.contains(&format!("'sha256-{digest}'")), "{element} {digest} {policy}");
                }
            }
            assert!(policy.starts_with("default-src 'none'; "), "{policy}");
            assert_eq!(policy.contains("connect-src 'self'; "), scripts == 2, "{policy}");
        }
    }
    #[test]
    fn html_page_elements_all_closed() {
        let (_dir, store) = directory_with(&HOSTILE);
        for (path, query) in
            [("/", ""), ("/sub/", ""), ("/sub/", "filter=zzz&sort=size"), ("/sub/folder%20&%20more/", "")]
        {
            let page = text(&store, path, query, ListingFormat::Html);
            let names = [
                "html", "head", "title", "style", "script", "body", "svg", "symbol", "header", "nav", "h1",
                "div", "p",
            ];
            let names = names.iter().chain(&[
                "form", "button", "main", "table", "thead", "tbody", "tr", "th", "td", "a", "bdi", "i",
                "span", "time", "footer", "label",
            ]);
            for name in names {
                let opened =
                    page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count();
                assert_eq!(opened, page.matches(&format!("</{name}>")).count(), "{name} of {path}?{query}");
            }
            assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">") && page.ends_with("</html>\n"));
        }
    }

    #[test]
    fn html_column_forms_reverse_sort_and_keep_query() {
        let (_dir, store) = directory_with(&[b"a.txt"]);
        let headings = |query: &str| {
            let page = text(&store, "/sub/", query, ListingFormat::Html);
            let head = between(&page, "<thead>", "</thead>")[0].to_owned();
            let sorted = between(&head, "<th scope=\"col\"", ">").join("|");
            let form = |form: &str| {
                between(form, " name=\"", ">").join("&").replace("\" value=\"", "=").replace('"', "")
            };
            let forms: Vec<_> = between(&head, "<form>", "</form>").into_iter().map(form).collect();
            assert_eq!((forms.len(), head.contains("href")), (3, false), "a crawler follows no form");
            format!("{sorted} {}", forms.join(" "))
        };
        assert_eq!(
            headings(""),
            " aria-sort=\"ascending\"|| order=desc sort=size&order=desc sort=time&order=desc"
        );
        assert_eq!(
            headings("sort=size&order=desc&filter=a+b&page=1"),
            "| aria-sort=\"descending\"| filter=a b sort=size&filter=a b sort=time&order=desc&filter=a b"
        );
        let page = text(&store, "/sub/", "sort=time&order=desc&filter=%22%3E", ListingFormat::Html);
        for part in [
            "<form role=\"search\" data-whole=\"no\"><input type=\"hidden\" name=\"sort\" value=\"time\">\
             <input type=\"hidden\" name=\"order\" value=\"desc\"><input type=\"search\"",
            " spellcheck=\"false\" value=\"&quot;&gt;\">",
            "matching \u{201c}<bdi>&quot;&gt;</bdi>\u{201d}",
            "<a href=\"?sort=time&amp;order=desc\">Show all</a>",
            "<input type=\"hidden\" name=\"filter\" value=\"&quot;&gt;\"><input type=\"hidden\" name=\"format\" \
             value=\"json\"><button>JSON</button></form>",
            "No name matches.",
        ] {
            assert_eq!(page.matches(part).count(), 1, "{part}");
        }
    }

    #[test]
    fn breadcrumb_links_relative_and_absent_at_root() {
        let (dir, store) = directory_with(&[]);
        fs::create_dir_all(dir.path().join("a b/<c>")).expect("folders");
        let page = text(&store, "/a%20b/%3Cc%3E/", "", ListingFormat::Html);
        let heading = between(&page, "<h1>", "</h1>")[0];
        assert_eq!(between(heading, "href=\"", "\""), ["../../", "../"]);
        assert_eq!(between(heading, "<bdi>", "</bdi>"), ["Home", "a b"]);
        assert!(heading.ends_with("<bdi aria-current=\"page\">&lt;c&gt;</bdi>"), "{heading}");
        assert!(page.contains("<title>&lt;c&gt; \u{2013} /a b/&lt;c&gt;</title>"));
        assert!(page.contains(">Parent folder<") && page.contains("This folder is empty."));
        let root = text(&store, "/", "", ListingFormat::Html);
        assert!(root.contains("<h1>Home</h1>") && !root.contains("../"));
    }

    #[test]
    fn breadcrumbs_of_500_levels_shortened_to_32_links() {
        let (dir, store) = directory_with(&[]);
        let levels = 500;
        fs::create_dir_all(dir.path().join("a/".repeat(levels))).expect("folders");
        let page = text(&store, &format!("/{}", "a/".repeat(levels)), "filter=z", ListingFormat::Html);
        let heading = between(&page, "<h1>", "</h1>")[0];
        let link_depths: Vec<usize> =
            between(heading, "href=\"", "\"").iter().map(|link| link.matches("../").count()).collect();
        assert_eq!(link_depths, std::iter::once(levels).chain((1..=32).rev()).collect::<Vec<_>>());
        assert_eq!(heading.matches("<span>\u{2026}</span>").count(), 1);
        assert!(page.len() < 20_000, "{} bytes", page.len());
    }

    #[test]
    fn listing_pages_link_each_other_and_split_entries() {
        let names: Vec<String> = (1..=2345).map(|number| format!("f{number}")).collect();
        let (_dir, store) = directory_with(&names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
        let page = text(&store, "/sub/", "page=2&sort=size", ListingFormat::Html);
        let page_navs = between(&page, "<nav class=\"pages\"", "</nav>");
        assert_eq!(page_navs.len(), 2);
        for part in [
            "<a href=\"?sort=size\">First</a>",
            "<a rel=\"prev\" href=\"?sort=size\">Previous</a>",
            "<span>1,001\u{2013}2,000 of 2,346</span>",
            "<a rel=\"next\" href=\"?sort=size&amp;page=3\">Next</a>",
            "<a href=\"?sort=size&amp;page=3\">Last</a>",
        ] {
            assert!(page_navs[0].contains(part), "{part} in {}", page_navs[0]);
        }
        assert!(page.contains("1 folder, 2,345 files, 9.4 kB"), "the sums are of all pages");
        assert_eq!(page.matches("<tr class=\"e").count(), PAGE_LEN);
        assert!(page.contains(">f1000<") && page.contains(">f1999<") && !page.contains(">f2000<"));
        let last = text(&store, "/sub/", "page=9", ListingFormat::Html);
        assert!(last.contains("<a>Next</a>\n<a>Last</a>") && last.contains("2,001\u{2013}2,346 of 2,346"));
        assert_eq!(text(&store, "/sub/", "", ListingFormat::Plain).lines().count(), 2346);
        assert_eq!(text(&store, "/sub/", "page=3", ListingFormat::Plain).lines().count(), 346);
        // A client that counts up comes to an end.
        assert_eq!(text(&store, "/sub/", "page=4", ListingFormat::Plain), "");
        assert_eq!(text(&store, "/sub/", "page=4", ListingFormat::Json), "[\n]\n");
    }

    #[test]
    fn json_listing_parses_and_urls_name_exact_files() {
        let (_dir, store) = directory_with(&HOSTILE);
        let list: Vec<serde_json::Value> =
            serde_json::from_str(&text(&store, "/sub/", "", ListingFormat::Json)).expect("JSON");
        assert_eq!(list.len(), HOSTILE.len() + 1);
        let first = &list[0];
        assert_eq!((&first["name"], &first["type"]), (&"folder & more".into(), &"directory".into()));
        assert_eq!((&first["size"], &first["url"]), (&serde_json::Value::Null, &"folder%20&%20more/".into()));
        for entry in &list[1..] {
            let url = entry["url"].as_str().expect("a URL");
            let name = target(url);
            assert!(HOSTILE.contains(&name.as_slice()), "{entry}");
            assert_eq!(entry["name"], *String::from_utf8_lossy(&name));
            assert_eq!((&entry["type"], &entry["size"]), (&"file".into(), &4.into()));
            let modified = entry["modified"].as_str().expect("a time");
            assert!(modified.len() == 20 && modified.ends_with('Z'), "{modified}");
        }
        assert_eq!(text(&store, "/sub/folder%20&%20more/", "", ListingFormat::Json), "[\n]\n");
        let embedded = text(&ContentSource::default(), "/", "filter=favicon", ListingFormat::Json);
        assert!(embedded.contains("\"modified\":null,\"url\":\"favicon.svg\"}"), "{embedded}");
    }

    #[test]
    fn plain_listing_has_one_escaped_name_per_line() {
        let (_dir, store) = directory_with(&HOSTILE);
        let lines = text(&store, "/sub/", "", ListingFormat::Plain);
        assert_eq!(lines.lines().count(), HOSTILE.len() + 1);
        assert!(lines.starts_with("folder & more/\n"), "{lines}");
        assert!(lines.contains("\nnew\\nline\\ttab\\rreturn\n"), "{lines}");
        assert_eq!(text(&store, "/sub/folder%20&%20more/", "", ListingFormat::Plain), "");
    }

    #[test]
    fn slices_of_long_listing_stay_near_len_min() {
        let names: Vec<String> = (1..=900).map(|number| format!("{number}{}", "&".repeat(240))).collect();
        let (_dir, store) = directory_with(&names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
        for format in ListingFormat::ALL {
            let mut body = body(&store, "/sub/", "", format).into_bytes().expect_err("a part of it");
            let (mut slices, mut has_more) = (0, true);
            while has_more {
                let mut out = Vec::new();
                has_more = append_slice(&mut body, &mut out);
                assert!(out.len() <= SLICE_LEN_MIN + 10 * 1024, "{format:?}: {} bytes", out.len());
                slices += 1;
            }
            assert!(slices >= 900 / SLICE_ENTRIES_MAX, "{format:?}: {slices} slices");
            assert!(!append_slice(&mut body, &mut Vec::new()), "it is over");
        }
    }
}
