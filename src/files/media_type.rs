//! Media type by file name: extension, or a well-known name.
//!
//! `mime_guess` has the main table. This module corrects it and adds `charset=utf-8`, as readers guess a missing
//! charset. Content is never read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Type of unknown extensions (RFC 9110 section 8.3).
const UNKNOWN: &str = "application/octet-stream";

/// Text that browsers display instead of saving.
const PLAIN: &str = "text/plain; charset=utf-8";

/// Longest extension looked up; the longest known has 22 bytes.
const EXTENSION_LEN_MAX: usize = 24;

/// Text files by their whole name; `go.mod` is no video.
const TEXT_NAMES: &str = "authors build caddyfile changelog changes cname codeowners containerfile contributing contributors \
    copying copyright credits dockerfile faq gemfile gnumakefile go.mod go.sum go.work history inrelease \
    install jenkinsfile justfile kbuild kconfig licence license maintainers makefile md5sums news notice \
    packages pkgbuild procfile rakefile readme release sha1sums sha256sums sha512sums sources thanks todo \
    unlicense vagrantfile version workspace";

const COMPRESSIBLE: &str = include_str!("compressible.types");
const CHARSET: &str = "; charset=utf-8";

/// Types with a charset. JSON is UTF-8 by definition, without such a parameter (RFC 8259 section 11).
/// WebAssembly allows none.
const WITH_CHARSET: &str = "application/atom+xml application/rss+xml application/xhtml+xml application/xml image/svg+xml \
    text/calendar text/css text/csv text/html text/javascript text/markdown text/n3 text/plain \
    text/tab-separated-values text/turtle text/uri-list text/vcard text/vtt text/xml";

/// Text syntaxes (RFC 6838 section 4.2.8).
const STRUCTURED_SUFFIXES: [&str; 3] = ["+json", "+xml", "+yaml"];

/// By extension.
static CORRECTIONS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let lines = include_str!("mime.types").lines().filter(|line| !line.starts_with('#'));
    let types = lines.filter_map(|line| line.split_once(' '));
    types.flat_map(|(its, extensions)| extensions.split(' ').map(move |extension| (extension, its))).collect()
});

/// Configured media types, before the built-in types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaTypes {
    types: Vec<(String, String)>,
    /// Type of names that neither these nor the built-in types know.
    pub default: Option<String>,
}

impl MediaTypes {
    /// Sets the type of an extension, and of the file with that name if no dot precedes it, in any case.
    ///
    /// Text gets UTF-8 unless it names a charset. The error is the type already set.
    pub fn insert(&mut self, extension: &str, media_type: &str) -> Result<(), &str> {
        let extension = extension.to_ascii_lowercase();
        let plain = |extension: &str| extension.trim_start_matches('.').to_owned();
        if let Some(at) = self.types.iter().position(|(known, _)| plain(known) == plain(&extension)) {
            return Err(self.types.get(at).map_or("", |(_, media_type)| media_type));
        }
        self.types.push((extension, add_charset(media_type)));
        Ok(())
    }

    /// Configured type of a name or path; `tar.gz` before `gz`.
    pub fn get(&self, name: &[u8]) -> Option<&str> {
        let fitting = self.types.iter().filter(|(extension, _)| is_named(name, extension));
        let longest = fitting.max_by_key(|(extension, _)| extension.len());
        let default = || self.default.as_deref().filter(|_| known_type(name).is_none());
        longest.map(|(_, media_type)| media_type.as_str()).or_else(default)
    }
}

/// Whether a name or path has this extension; without a leading dot, also whether it is the name.
pub(super) fn is_named(name: &[u8], extension: &str) -> bool {
    let parts = name.len().checked_sub(extension.len()).and_then(|at| name.split_at_checked(at));
    parts.is_some_and(|(before, after)| {
        let starts_here = extension.starts_with('.') || matches!(before, [] | [.., b'.' | b'/']);
        starts_here && after.eq_ignore_ascii_case(extension.as_bytes())
    })
}

/// Adds UTF-8 to a text type that names no charset.
pub fn add_charset(media_type: &str) -> String {
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let essence = essence.trim().to_ascii_lowercase();
    let is_text = essence.starts_with("text/") || WITH_CHARSET.split(' ').any(|known| known == essence);
    let names_charset = parameters.split(';').any(|parameter| {
        parameter.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("charset"))
    });
    if is_text && !names_charset { media_type.to_owned() + CHARSET } else { media_type.to_owned() }
}

/// Media type of a name or path, with any charset.
///
/// Case-insensitive; `application/octet-stream` if unknown.
pub fn media_type(name: &[u8]) -> Cow<'static, str> {
    known_type(name).unwrap_or(UNKNOWN.into())
}

fn known_type(name: &[u8]) -> Option<Cow<'static, str>> {
    let segment = name.rsplit(|&byte| byte == b'/').next()?;
    let mut lower = [0; EXTENSION_LEN_MAX];
    let extension = lower_extension(segment, &mut lower);
    let is = |known: &str| segment.eq_ignore_ascii_case(known.as_bytes());
    // Only the names of Go have an extension.
    let may_be_listed = extension.is_none() || matches!(segment, [b'g' | b'G', b'o' | b'O', b'.', ..]);
    if may_be_listed && TEXT_NAMES.split(' ').any(is) {
        return Some(PLAIN.into());
    }
    let extension = extension?;
    CORRECTIONS
        .get(extension)
        .copied()
        .or_else(|| mime_guess::from_ext(extension).first_raw())
        .map(with_charset)
}

fn lower_extension<'a>(segment: &[u8], lower: &'a mut [u8; EXTENSION_LEN_MAX]) -> Option<&'a str> {
    let dot = segment.iter().rposition(|&byte| byte == b'.')?;
    let extension = segment.get(dot + 1..)?;
    let lower = lower.get_mut(..extension.len())?;
    lower.copy_from_slice(extension);
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}

/// Unlisted text becomes plain text: few browsers show `text/x-rust`, all show `text/plain`.
fn with_charset(essence: &'static str) -> Cow<'static, str> {
    match essence.starts_with("text/") {
        _ if WITH_CHARSET.split(' ').any(|known| known == essence) => (essence.to_owned() + CHARSET).into(),
        true => PLAIN.into(),
        false => essence.into(),
    }
}

/// Ignores case and parameters.
pub(super) fn is_compressible(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let is_text = essence.starts_with("text/") || COMPRESSIBLE.lines().any(|known| known == essence);
    is_text || STRUCTURED_SUFFIXES.iter().any(|syntax| essence.ends_with(syntax))
}

#[cfg(test)]
mod tests;
