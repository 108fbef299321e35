//! Proactive negotiation of media type and content coding (RFC 9110 section 12).
//!
//! Never rejects a request: unreadable fields are ignored, and `identity` can always be sent.
//! Never allocates.

use std::cmp::Reverse;

use crate::http::syntax::{after_prefix, elements, trim_ows};

/// Content coding (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContentCoding {
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878).
    Zstd,
    /// `gzip` (RFC 1952), also named `x-gzip`.
    Gzip,
}

impl ContentCoding {
    /// Server order, usually fewest bytes first; decides ties.
    const ALL: [ContentCoding; 3] = [ContentCoding::Brotli, ContentCoding::Zstd, ContentCoding::Gzip];

    /// Name in Content-Encoding.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// Accepted codings, best first.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct AcceptedCodings([Option<ContentCoding>; ContentCoding::ALL.len()]);

impl AcceptedCodings {
    /// Whether only `identity` is accepted.
    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    /// Codings, best first.
    pub fn iter(&self) -> impl Iterator<Item = ContentCoding> {
        self.0.into_iter().flatten()
    }
}

/// Weights of the Accept-Encoding fields, as one list.
///
/// Unreadable elements are ignored. A repeated coding has its lowest weight: if forbidden, it stays so.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct CodingWeights {
    named: [Option<Weight>; ContentCoding::ALL.len()],
    wildcard: Option<Weight>,
    identity: Option<Weight>,
}

impl CodingWeights {
    pub(crate) fn add_field(&mut self, value: &[u8]) {
        for element in elements(value) {
            let mut parts = element.splitn(2, |&byte| byte == b';').map(trim_ows);
            let slot = self.weight_mut(parts.next().unwrap_or_default());
            let weight = parts.next().map_or(Some(WEIGHT_MAX), parse_weight);
            if let (Some(slot), Some(weight)) = (slot, weight) {
                *slot = Some(slot.map_or(weight, |other| other.min(weight)));
            }
        }
    }

    fn weight_mut(&mut self, name: &[u8]) -> Option<&mut Option<Weight>> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let [brotli, zstd, gzip] = &mut self.named;
        Some(match name.len() {
            1 if is("*") => &mut self.wildcard,
            2 if is("br") => brotli,
            4 if is("gzip") => gzip,
            4 if is("zstd") => zstd,
            6 if is("x-gzip") => gzip,
            8 if is("identity") => &mut self.identity,
            _ => return None,
        })
    }

    /// Codings with at least the weight of `identity`, if any.
    pub(crate) fn accepted(&self) -> AcceptedCodings {
        if self.wildcard.is_none() && self.named.iter().all(Option::is_none) {
            return AcceptedCodings::default();
        }
        let least = self.identity.unwrap_or(0).max(1);
        let weight = |coding: ContentCoding| self.named[coding as usize].or(self.wildcard).unwrap_or(0);
        let mut weighed = ContentCoding::ALL.map(|coding| (weight(coding), coding));
        // Stable sort: equal weights keep their order.
        weighed.sort_by_key(|(weight, _)| Reverse(*weight));
        AcceptedCodings(weighed.map(|(weight, coding)| (weight >= least).then_some(coding)))
    }
}

/// Listing format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListingFormat {
    /// `text/html`, for browsers.
    Html,
    /// `application/json`, for programs.
    Json,
    /// `text/plain`, for terminals and scripts.
    #[default]
    Plain,
}

/// Match of a media range; the most exact one counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum MatchedBy {
    Wildcard,
    TypeWildcard,
    Exact,
}

impl ListingFormat {
    /// Server order; decides ties.
    pub const ALL: [ListingFormat; 3] = [ListingFormat::Html, ListingFormat::Json, ListingFormat::Plain];

    /// Media type, perhaps with charset.
    pub fn media_type(self) -> &'static str {
        match self {
            ListingFormat::Html => "text/html; charset=utf-8",
            ListingFormat::Json => "application/json",
            ListingFormat::Plain => "text/plain; charset=utf-8",
        }
    }

    fn matched_by(self, range: &[u8]) -> Option<MatchedBy> {
        let is = |known: &str| range.eq_ignore_ascii_case(known.as_bytes());
        let (exact, kind) = match self {
            ListingFormat::Html => (is("text/html") || is("application/xhtml+xml"), is("text/*")),
            ListingFormat::Json => (is("application/json"), is("application/*")),
            ListingFormat::Plain => (is("text/plain"), is("text/*")),
        };
        match (exact, kind, is("*/*")) {
            (true, _, _) => Some(MatchedBy::Exact),
            (_, true, _) => Some(MatchedBy::TypeWildcard),
            (_, _, true) => Some(MatchedBy::Wildcard),
            _ => None,
        }
    }

    fn weight(self, accept: &[u8]) -> Option<(MatchedBy, Weight)> {
        best_weight(accept, |range| self.matched_by(range))
    }
}

fn best_weight(
    accept: &[u8],
    matched_by: impl Fn(&[u8]) -> Option<MatchedBy>,
) -> Option<(MatchedBy, Weight)> {
    let named = elements(accept).filter_map(|range| {
        let mut parts = range.split(|&byte| byte == b';').map(trim_ows);
        let matched_by = matched_by(parts.next().unwrap_or_default())?;
        let weight = parts.find(|parameter| matches!(parameter, [b'q' | b'Q', b'=', ..]));
        Some((matched_by, weight.map_or(Some(WEIGHT_MAX), parse_weight)?))
    });
    named.max()
}

/// Listing format with the highest weight, then the most exact match.
///
/// HTML without Accept and by a wildcard: crawlers and mirrors need links.
pub fn listing_format(accept: Option<&[u8]>) -> ListingFormat {
    let accept = accept.unwrap_or_default();
    // Weight 0: not acceptable.
    let refused = matches!(ListingFormat::Html.weight(accept), Some((_, 0)));
    let mut best = (0, MatchedBy::Exact, if refused { ListingFormat::Plain } else { ListingFormat::Html });
    for format in ListingFormat::ALL {
        let Some((matched_by, weight)) = format.weight(accept) else { continue };
        if (weight, matched_by) > (best.0, best.1)
            && (matched_by > MatchedBy::Wildcard || format == ListingFormat::Html)
        {
            best = (weight, matched_by, format);
        }
    }
    best.2
}

/// Whether a page can be what a client wants: it names HTML, or it names no media type at all.
pub fn accepts_page(accept: Option<&[u8]>) -> bool {
    let accept = accept.unwrap_or_default();
    match ListingFormat::Html.weight(accept) {
        Some((MatchedBy::TypeWildcard | MatchedBy::Exact, weight)) => weight > 0,
        _ => elements(accept).all(|range| range.is_empty() || range.starts_with(b"*/*")),
    }
}

/// Format of error pages and redirects; JSON is `application/problem+json` (RFC 9457).
pub type ErrorFormat = ListingFormat;

/// JSON if named with at least the weight of the others; HTML if named (or `text/*`) with that of plain text.
///
/// Browsers name HTML; curl, wget and scripts send `*/*` or nothing, and get plain text.
pub fn error_format(accept: Option<&[u8]>) -> ErrorFormat {
    let accept = accept.unwrap_or_default();
    let plain = ListingFormat::Plain.weight(accept).map_or(0, |(_, weight)| weight);
    let html = ListingFormat::Html.weight(accept).filter(|(matched_by, _)| *matched_by > MatchedBy::Wildcard);
    let html = html.map_or(0, |(_, weight)| weight);
    let is_json = |range: &[u8]| {
        let mut names = ["application/json", "application/problem+json"].into_iter();
        names.any(|name| range.eq_ignore_ascii_case(name.as_bytes())).then_some(MatchedBy::Exact)
    };
    let json = best_weight(accept, is_json).map_or(0, |(_, weight)| weight);
    match () {
        () if json > 0 && json >= html.max(plain) => ErrorFormat::Json,
        () if html > 0 && html >= plain => ErrorFormat::Html,
        () => ErrorFormat::Plain,
    }
}

/// [`error_format`] by the first Accept line of a rejected request, without the bytes after its head.
pub fn error_format_of_rejected(received: &[u8]) -> ErrorFormat {
    let lines = received.split(|&byte| byte == b'\n').skip_while(|line| line.trim_ascii().is_empty());
    let mut lines = lines.take_while(|line| !line.trim_ascii().is_empty());
    error_format(lines.find_map(|line| after_prefix(line, "Accept:")).map(<[u8]>::trim_ascii))
}

/// Thousandths: 1000 is `q=1`.
type Weight = u16;

/// Weight without `q`.
const WEIGHT_MAX: Weight = 1000;

/// `q=` and a `qvalue` (RFC 9110 section 12.4.2): 0 to 1, at most three decimals.
fn parse_weight(parameter: &[u8]) -> Option<Weight> {
    let (whole, decimals) = match parameter {
        [b'q' | b'Q', b'=', whole @ (b'0' | b'1')] => (*whole, &b""[..]),
        [b'q' | b'Q', b'=', whole @ (b'0' | b'1'), b'.', decimals @ ..] => (*whole, decimals),
        _ => return None,
    };
    if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = decimals.iter().copied().chain(std::iter::repeat(b'0')).take(3);
    let weight =
        digits.fold(Weight::from(whole - b'0'), |weight, digit| weight * 10 + Weight::from(digit - b'0'));
    (weight <= WEIGHT_MAX).then_some(weight)
}

#[cfg(test)]
mod tests;
