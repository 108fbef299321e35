//! HTML page of a listing.
//!
//! Only filtering while typing needs the script. [`POLICY`] blocks everything that is not in the page.

use std::fmt::{self, Display, Formatter};

use super::query::ListingQuery;
use super::utc;
use crate::files::listing::{Entry, Listing, SortKey};
use crate::files::media_type;
use crate::http::{ListingFormat, percent_encode_path};
use crate::text::units::{Grouped, plural, size};
use crate::text::{HtmlText, OneLine, append, is_deceptive, printable};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const UPLOAD_SCRIPT: &str = include_str!("upload.js");
const ICONS: &str = include_str!("icons.svg");

/// Content Security Policy: own style and script by digest, own icon, forms to this server.
const POLICY: &str = "default-src 'none'; img-src data:; \
    style-src 'sha256-31fpHYlrn1d3Hjie9Qf3uuwA42QTuQJdhiVgpyN/LOA='; \
    script-src 'sha256-mC6vu9GzWNEtv6+3KdLQ+2aB7OKAc0nu9rSvcfcPb2g='; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

const UPLOAD_POLICY: &str =
    "; connect-src 'self'; script-src 'sha256-Nwi9MVDN/zjizNL25yTLdxzp1DsMqByA45GPW7bylK0=' ";

/// Most breadcrumb links, the nearest directories: total length grows with the square of their number.
const BREADCRUMB_LINKS_MAX: usize = 32;

const UPLOAD_FORM: &str =
    "<form class=\"upload\" method=\"post\" enctype=\"multipart/form-data\" action=\"./\"";
const REPLACE_INPUT: &str =
    "<label><input type=\"checkbox\" name=\"replace\"> Replace files of the same name</label>";
const UPLOAD_INPUTS: &str = "<input type=\"file\" name=\"file\" aria-label=\"Files\" multiple required>\
    <button>Upload</button></form>\n";
const SEPARATOR: &str = "<span aria-hidden=\"true\">/</span>";

#[derive(Debug, Default)]
pub(super) struct HtmlWriter {
    /// Decoded, without outer slashes.
    pub(super) path: Vec<u8>,
    pub(super) query: ListingQuery,
    pub(super) upload: Option<UploadForm>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UploadForm {
    pub(super) replace: bool,
    pub(super) mkdir: bool,
    pub(super) remove: bool,
}

impl HtmlWriter {
    pub(super) fn policy(&self) -> String {
        if self.upload.is_some() {
            POLICY.replacen("; script-src ", UPLOAD_POLICY, 1)
        } else {
            POLICY.to_owned()
        }
    }

    /// The script puts its buttons in place of the fields.
    fn upload_form(&self, out: &mut Vec<u8>) {
        let Some(form) = self.upload else { return };
        let may = [("replace", form.replace), ("mkdir", form.mkdir), ("remove", form.remove)];
        let may = may.into_iter().filter(|(_, may)| *may).map(|(name, _)| format!(" data-{name}=\"yes\""));
        // Before the files: the server knows it when they come.
        let replace = if form.replace { REPLACE_INPUT } else { "" };
        append(out, format_args!("{UPLOAD_FORM}{}>{replace}{UPLOAD_INPUTS}", may.collect::<String>()));
    }

    pub(super) fn drop_box_page(&self, is_stored: bool) -> Vec<u8> {
        let mut out = Vec::new();
        self.start(&mut out);
        out.extend_from_slice(b"<p>Files that are sent here are not shown.</p>\n");
        self.upload_form(&mut out);
        let said = if is_stored { "<p role=\"status\">The files are stored.</p>\n" } else { "" };
        append(
            &mut out,
            format_args!("</header>\n<main>\n{said}</main>\n<script>{UPLOAD_SCRIPT}</script>\n"),
        );
        out.extend_from_slice(b"</body>\n</html>\n");
        out
    }

    fn start(&self, out: &mut Vec<u8>) {
        // A title cannot have markup.
        let (name, path) = (printable(self.name().unwrap_or(b"Home")), printable(&self.path));
        let (name, path) = (HtmlText(&name), HtmlText(&path));
        append(
            out,
            format_args!(
                include_str!("page_head.html"),
                name = name,
                path = path,
                style = STYLE,
                icons = ICONS
            ),
        );
        self.breadcrumbs(out);
    }

    pub(super) fn head(&self, out: &mut Vec<u8>, listing: &Listing) {
        self.start(out);
        out.extend_from_slice(b"<div class=\"bar\">\n");
        self.summary(out, listing);
        self.filter(out, listing);
        out.extend_from_slice(b"</div>\n");
        self.upload_form(out);
        out.extend_from_slice(b"</header>\n<main>\n");
        self.page_links(out, listing);
        self.table_head(out);
        if self.name().is_some() {
            out.extend_from_slice(
                b"<tr class=\"up\"><td><a href=\"../\"><svg><use href=\"#u\"/></svg>Parent folder</a></td>\
                  <td></td><td></td></tr>\n",
            );
        }
        if listing.page.len == 0 {
            let message =
                if self.query.filter.is_empty() { "This folder is empty." } else { "No name matches." };
            append(out, format_args!("<tr class=\"none\"><td colspan=\"3\">{message}</td></tr>\n"));
        }
    }

    pub(super) fn entry(out: &mut Vec<u8>, entry: &Entry<'_>) {
        let (class, slash) = if entry.is_directory { ("e d", "/") } else { ("e", "") };
        let (link, icon, name) = (LinkHtml(entry.name), icon(entry), NameHtml(entry.name));
        append(
            out,
            format_args!(
                "<tr class=\"{class}\"><td><a href=\"{link}{slash}\"><svg><use href=\"#{icon}\"/></svg>\
                 <span><bdi>{name}</bdi>{slash}</span></a></td><td"
            ),
        );
        match entry {
            Entry { is_directory: true, .. } => out.push(b'>'),
            Entry { len: 0..1000, .. } => append(out, format_args!(">{}", size(entry.len))),
            Entry { len, .. } => {
                append(out, format_args!(" title=\"{} bytes\">{}", Grouped(*len), size(*len)));
            }
        }
        out.extend_from_slice(b"</td><td>");
        if let Some(time) = entry.modified_secs.and_then(utc) {
            append(out, format_args!("<time datetime=\"{time}Z\">{time:#}</time>"));
        }
        out.extend_from_slice(b"</td></tr>\n");
    }

    pub(super) fn foot(&self, out: &mut Vec<u8>, listing: &Listing) {
        out.extend_from_slice(b"</tbody>\n</table>\n");
        self.page_links(out, listing);
        out.extend_from_slice(b"</main>\n<footer>\n");
        button_form(out, [("archive", "tar".to_owned())].into_iter(), "Download as .tar");
        for (format, name) in [(ListingFormat::Json, "JSON"), (ListingFormat::Plain, "Plain text")] {
            let query = ListingQuery { format: Some(format), page: None, ..self.query.clone() };
            button_form(out, query.pairs(), name);
        }
        append(out, format_args!("</footer>\n<script>{SCRIPT}</script>\n"));
        if self.upload.is_some() {
            append(out, format_args!("<script>{UPLOAD_SCRIPT}</script>\n"));
        }
        out.extend_from_slice(b"</body>\n</html>\n");
    }

    fn name(&self) -> Option<&[u8]> {
        self.path.rsplit(|&byte| byte == b'/').next().filter(|name| !name.is_empty())
    }

    fn breadcrumbs(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<nav aria-label=\"Folders\"><h1>");
        let Some(name) = self.name() else { return out.extend_from_slice(b"Home</h1></nav>\n") };
        let directories: Vec<&[u8]> = self.path.split(|&byte| byte == b'/').collect();
        let left_out = (directories.len() - 1).saturating_sub(BREADCRUMB_LINKS_MAX);
        let above = std::iter::once(&b"Home"[..]).chain(directories.iter().copied()).take(directories.len());
        for (depth, directory) in above.enumerate() {
            let (up, name) = ("../".repeat(directories.len() - depth), NameHtml(directory));
            match depth {
                1 if left_out > 0 => append(out, format_args!("<span>\u{2026}</span>{SEPARATOR}")),
                depth if depth > 0 && depth <= left_out => {}
                _ => append(out, format_args!("<a href=\"{up}\"><bdi>{name}</bdi></a>{SEPARATOR}")),
            }
        }
        append(out, format_args!("<bdi aria-current=\"page\">{}</bdi></h1></nav>\n", NameHtml(name)));
    }

    fn summary(&self, out: &mut Vec<u8>, listing: &Listing) {
        let totals = listing.totals;
        out.extend_from_slice(b"<p>");
        if totals.directories > 0 {
            append(out, format_args!("{}, ", plural(totals.directories as u64, "folder")));
        }
        append(out, format_args!("{}", plural(totals.files as u64, "file")));
        if totals.files > 0 {
            append(out, format_args!(", {}", size(totals.files_len)));
        }
        if !self.query.filter.is_empty() {
            let (text, all) = (NameHtml(self.query.filter.as_bytes()), self.unfiltered().link());
            append(
                out,
                format_args!(
                    " matching \u{201c}<bdi>{text}</bdi>\u{201d} \u{b7} <a href=\"{all}\">Show all</a>"
                ),
            );
        }
        out.extend_from_slice(b" <span role=\"status\"></span></p>\n");
    }

    fn unfiltered(&self) -> ListingQuery {
        ListingQuery { filter: String::new(), page: None, ..self.query.clone() }
    }

    fn filter(&self, out: &mut Vec<u8>, listing: &Listing) {
        let is_whole = listing.page.count == 1 && self.query.filter.is_empty();
        let whole = if is_whole { "yes" } else { "no" };
        append(out, format_args!("<form role=\"search\" data-whole=\"{whole}\">"));
        hidden_inputs(out, self.unfiltered().pairs());
        append(
            out,
            format_args!(
                "<input type=\"search\" name=\"filter\" placeholder=\"Filter by name\" \
                 aria-label=\"Filter by name\" autocomplete=\"off\" spellcheck=\"false\" value=\"{}\">\
                 <button>Filter</button></form>\n",
                HtmlText(&self.query.filter)
            ),
        );
    }

    fn table_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<table>\n<thead><tr>");
        let order = self.query.order;
        for (key, label, starts_descending) in [
            (SortKey::Name, "Name", false),
            (SortKey::Size, "Size", true),
            (SortKey::Time, "Modified <small>UTC</small>", true),
        ] {
            let mut query = ListingQuery { page: None, ..self.query.clone() };
            query.order.key = key;
            query.order.descending = if key == order.key { !order.descending } else { starts_descending };
            let sorted = match (key == order.key, order.descending) {
                (false, _) => "",
                (true, false) => " aria-sort=\"ascending\"",
                (true, true) => " aria-sort=\"descending\"",
            };
            append(out, format_args!("<th scope=\"col\"{sorted}>"));
            button_form(out, query.pairs(), label);
            out.extend_from_slice(b"</th>");
        }
        out.extend_from_slice(b"</tr></thead>\n<tbody>\n");
    }

    fn page_links(&self, out: &mut Vec<u8>, listing: &Listing) {
        let page = listing.page;
        if page.count == 1 {
            return;
        }
        out.extend_from_slice(b"<nav class=\"pages\" aria-label=\"Pages\">\n");
        self.page_link(out, "First", "", (page.number > 1).then_some(1));
        self.page_link(out, "Previous", " rel=\"prev\"", (page.number > 1).then(|| page.number - 1));
        let (first, last) = (Grouped(page.skipped as u64 + 1), Grouped((page.skipped + page.len) as u64));
        let entries = Grouped(listing.totals.entries() as u64);
        append(out, format_args!("<span>{first}\u{2013}{last} of {entries}</span>\n"));
        let is_last = page.number == page.count;
        self.page_link(out, "Next", " rel=\"next\"", (!is_last).then(|| page.number + 1));
        self.page_link(out, "Last", "", (!is_last).then_some(page.count));
        out.extend_from_slice(b"</nav>\n");
    }

    fn page_link(&self, out: &mut Vec<u8>, label: &str, relation: &str, number: Option<usize>) {
        let Some(number) = number else { return append(out, format_args!("<a>{label}</a>\n")) };
        let query = ListingQuery { page: Some(number).filter(|&number| number > 1), ..self.query.clone() };
        append(out, format_args!("<a{relation} href=\"{}\">{label}</a>\n", query.link()));
    }
}

/// Crawlers follow links, not buttons: they would fetch each directory many times.
fn button_form(out: &mut Vec<u8>, pairs: impl Iterator<Item = (&'static str, String)>, label: &str) {
    out.extend_from_slice(b"<form>");
    hidden_inputs(out, pairs);
    append(out, format_args!("<button>{label}</button></form>"));
}

fn hidden_inputs(out: &mut Vec<u8>, pairs: impl Iterator<Item = (&'static str, String)>) {
    for (name, value) in pairs {
        let value = HtmlText(&value);
        append(out, format_args!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"));
    }
}

fn icon(entry: &Entry<'_>) -> &'static str {
    if entry.is_directory {
        return "d";
    }
    let media_type = media_type(entry.name);
    let essence = media_type.split(';').next().unwrap_or_default();
    match essence.split_once('/') {
        Some(("image", _)) => "i",
        Some(("audio" | "video", _)) => "m",
        Some(("text", "plain" | "markdown" | "csv" | "rtf")) | Some(("application", "pdf" | "rtf")) => "t",
        Some(("text", _)) => "c",
        Some(("application", kind)) if CODE_TYPE_SUFFIXES.iter().any(|code| kind.ends_with(code)) => "c",
        Some(("application", kind)) if ARCHIVE_TYPE_PARTS.iter().any(|archive| kind.contains(archive)) => "a",
        _ => "f",
    }
}

const CODE_TYPE_SUFFIXES: [&str; 6] = ["json", "xml", "javascript", "x-sh", "toml", "yaml"];
const ARCHIVE_TYPE_PARTS: [&str; 9] =
    ["zip", "tar", "zstd", "x-7z", "x-rar", "vnd.rar", "x-bzip", "x-xz", "compress"];

/// File name: invalid UTF-8 becomes U+FFFD, a deceptive character an escape in `<i>`.
struct NameHtml<'a>(&'a [u8]);

impl Display for NameHtml<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for part in String::from_utf8_lossy(self.0).split_inclusive(is_deceptive) {
            let (run, deceptive) = part.split_at(part.trim_end_matches(is_deceptive).len());
            write!(f, "{}", HtmlText(run))?;
            if !deceptive.is_empty() {
                write!(f, "<i>{}</i>", OneLine(deceptive.as_bytes()))?;
            }
        }
        Ok(())
    }
}

struct LinkHtml<'a>(&'a [u8]);

impl Display for LinkHtml<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut link = Vec::with_capacity(self.0.len() * 3);
        percent_encode_path(&mut link, self.0);
        HtmlText(&String::from_utf8_lossy(&link)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    #[test]
    fn name_html_escapes_markup_and_deceptive_characters() {
        for (bytes, page) in [
            (&b"a b.txt"[..], "a b.txt"),
            (b"<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;"),
            (b"&lt;", "&amp;lt;"),
            (b"a\nb\tc\rd", "a<i>\\n</i>b<i>\\t</i>c<i>\\r</i>d"),
            (b"\x1b[2J", "<i>\\x1b</i>[2J"),
            (b"a\\n", "a\\n"),
            (b"\xff.txt", "\u{fffd}.txt"),
            ("a\u{202e}txt.exe".as_bytes(), "a<i>\\u{202e}</i>txt.exe"),
            ("\u{85}\u{2028}".as_bytes(), "<i>\\u{85}</i><i>\\u{2028}</i>"),
            ("\u{e9}\u{5d0}".as_bytes(), "\u{e9}\u{5d0}"),
        ] {
            assert_eq!(NameHtml(bytes).to_string(), page);
        }
    }

    #[test]
    fn link_html_percent_encodes_exact_bytes() {
        for (path, expected) in [
            (&b"a b"[..], "a%20b"),
            (b"a:b?c#d%", "a%3Ab%3Fc%23d%25"),
            (b"a&lt;'\"<>", "a&amp;lt;&#39;%22%3C%3E"),
            (b"\xff\n", "%FF%0A"),
            (b"a/b", "a/b"),
        ] {
            assert_eq!(LinkHtml(path).to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn name_html_any_text_has_no_markup(text in "[<&\"'\\\\\n\u{202e}\0ae\u{e9};]{0,12}") {
            let page = NameHtml(text.as_bytes()).to_string();
            prop_assert!(!page.replace("<i>", "").replace("</i>", "").contains(['<', '>', '"', '\'']));
            prop_assert!(!page.contains(is_deceptive));
        }

        #[test]
        fn link_html_any_bytes_round_trip(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let link = LinkHtml(&path).to_string().replace("&#39;", "'").replace("&amp;", "&");
            prop_assert!(link.bytes().all(|byte| byte.is_ascii_graphic() && !b":?#\"<>".contains(&byte)));
            prop_assert_eq!(percent_encoding::percent_decode_str(&link).collect::<Vec<u8>>(), path);
        }
    }
}
