//! Options shared by single requests and load mode.
//!
//! Opens nothing.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, percent_encode};

use super::config::{FieldEdit, NamedEdit, parse_field, parse_method};
use super::request::last_edit;
use super::source::{self, DATA_TYPE, Payload, ends_with_slash, parse_data_option};
use super::target::{ClientTarget, KnownHost, Overrides, parse_operands, take_login};
use super::tls::TlsOptions;
use crate::cli::{ParsedArgs, parse_host, parse_port, parse_value, quote, value};
use crate::text::parse_duration;

/// Mode of the options that a single request has not.
pub(super) const LOAD_MODE: &str = "load mode";

/// Longest time, one year: more is a typing error and could overflow an `Instant`.
const HOURS_MAX: u32 = 365 * 24;

pub(crate) struct RequestArgs {
    pub(crate) target: ClientTarget,
    pub(crate) method: String,
    pub(crate) fields: Vec<NamedEdit>,
    pub(crate) payload: Option<Payload>,
    pub(crate) more_uploads: Vec<(Payload, String)>,
    pub(crate) login_user: Option<OsString>,
    pub(crate) has_head_option: bool,
}

pub(crate) fn read_request(
    args: &mut ParsedArgs,
    overrides: &Overrides,
    has_list: bool,
) -> Result<RequestArgs, String> {
    // Percent-encode a non-UTF-8 file name, as paths are sent anyway.
    let encoded = |word: &OsString| percent_encode(word.as_bytes(), &AsciiSet::EMPTY).to_string();
    let text = |word: &OsString| word.to_str().map_or_else(|| encoded(word), str::to_owned);
    let mut words: Vec<String> = args.operands().iter().map(text).collect();
    let url_login = words.iter_mut().find_map(take_login);
    let (word, mut target) = parse_operands(&words, overrides)?;
    let has_target = words.len() > usize::from(word.is_some());
    if let Some(last) = words.last().filter(|_| has_list && has_target) {
        return Err(format!("{} and --urls both name a target: leave one out", quote(last)));
    }
    let has_head_option = args.flag("--head");
    let (files, data) = (args.all("--upload-file"), args.all("--data"));
    if files.len() > 1 && (files.iter().any(|file| file == "-") || !ends_with_slash(&target.path)) {
        return Err("several -T need a path that ends with a slash, and no -".to_owned());
    }
    let file = files.first().cloned();
    let default = match (file.is_some(), data.is_empty()) {
        (true, true) => "PUT",
        (false, false) => "POST",
        (true, false) => return Err("-T and -d both give a body: leave one out".to_owned()),
        (false, true) => "GET",
    };
    let method = method(args, word, has_head_option, default)?;
    let more_uploads = files.iter().skip(1).map(|file| {
        let mut path = target.path.clone();
        let source = source::choose(Some(file.clone()), &method, &mut path)?;
        Ok(source.map(|source| (Payload::Source(source), path)))
    });
    let more_uploads = more_uploads.filter_map(Result::transpose).collect::<Result<_, String>>()?;
    let payload = match data.is_empty() {
        false => Some(Payload::Data(data.into_iter().map(parse_data_option).collect::<Result<_, _>>()?)),
        true if has_list && file.is_none() && method == "PUT" => {
            return Err("PUT sends a file, and --urls names none: name it with -T FILE".to_owned());
        }
        true => source::choose(file, &method, &mut target.path)?.map(Payload::Source),
    };
    let headers = args.all("--header");
    let fields = headers.iter().map(|header| parse_value("--header", header, parse_field));
    let mut fields = fields.collect::<Result<Vec<_>, _>>()?;
    add_conditions(args, &mut fields)?;
    let login_user = add_login(args.all("--user").pop().or(url_login), &mut fields)?;
    if payload.is_some() {
        check_framing(&fields)?;
    }
    if matches!(payload, Some(Payload::Data(_))) && last_edit(&fields, "content-type").is_none() {
        fields.push(("Content-Type".to_owned(), FieldEdit::Set(DATA_TYPE.to_owned())));
    }
    Ok(RequestArgs { target, method, fields, payload, more_uploads, login_user, has_head_option })
}

fn add_conditions(args: &mut ParsedArgs, fields: &mut Vec<NamedEdit>) -> Result<(), String> {
    for (option, name) in [("--if-match", "If-Match"), ("--if-none-match", "If-None-Match")] {
        // Shells remove the quotes of an entity tag.
        let parse = |tag: &str| match tag.starts_with(['"', '*']) || tag.starts_with("W/\"") {
            true => parse_field(&format!("{name}: {tag}")),
            false => parse_field(&format!("{name}: \"{tag}\"")),
        };
        fields.extend(value(args, option, parse)?);
    }
    if args.flag("--create-only") {
        if last_edit(fields, "if-none-match").is_some() {
            return Err("--create-only and --if-none-match set the same field: leave one out".to_owned());
        }
        fields.push(("If-None-Match".to_owned(), FieldEdit::Set("*".to_owned())));
    }
    Ok(())
}

/// A user without password is returned. Messages never show `login`.
fn add_login(login: Option<OsString>, fields: &mut Vec<NamedEdit>) -> Result<Option<OsString>, String> {
    let Some(login) = login else { return Ok(None) };
    if last_edit(fields, "authorization").is_some() {
        return Err("-u and -H both set Authorization: leave one out".to_owned());
    }
    if !login.as_bytes().contains(&b':') {
        return Ok(Some(login));
    }
    fields.push(basic_login(login.as_bytes()));
    Ok(None)
}

/// RFC 7617.
pub(super) fn basic_login(login: &[u8]) -> NamedEdit {
    ("Authorization".to_owned(), FieldEdit::Set(format!("Basic {}", STANDARD.encode(login))))
}

pub(crate) fn overrides(args: &mut ParsedArgs, keeps_braces: bool) -> Result<Overrides, String> {
    let host = value(args, "--host", parse_host)?;
    Ok(Overrides { host, port: value(args, "--port", parse_port)?, keeps_braces })
}

pub(crate) fn read_tls(args: &mut ParsedArgs) -> Result<TlsOptions, String> {
    let options = TlsOptions {
        authorities: file_name(args, "--cacert")?,
        is_insecure: args.flag("--insecure"),
        certificate: file_name(args, "--cert")?,
        key: file_name(args, "--key")?,
    };
    if options.key.is_some() && options.certificate.is_none() {
        return Err("--key needs the certificate that it fits: name it with --cert".to_owned());
    }
    Ok(options)
}

pub(crate) fn read_known_hosts(args: &mut ParsedArgs) -> Result<Vec<KnownHost>, String> {
    args.all("--resolve").iter().map(|text| parse_value("--resolve", text, KnownHost::parse)).collect()
}

fn check_framing(fields: &[NamedEdit]) -> Result<(), String> {
    let framing = ["Content-Length", "Transfer-Encoding"];
    let is_framing = |name: &str| framing.iter().any(|known| known.eq_ignore_ascii_case(name));
    fields.iter().find(|(name, _)| is_framing(name)).map_or(Ok(()), |(name, _)| {
        Err(format!("option '--header' with {}: the file determines this field", quote(name)))
    })
}

fn method(args: &mut ParsedArgs, word: Option<String>, head: bool, default: &str) -> Result<String, String> {
    let parse = |word: String| parse_method(&word).map_err(|error| format!("word {}: {error}", quote(&word)));
    let word = word.map(parse).transpose()?;
    let request = value(args, "--request", parse_method)?;
    let head = head.then(|| "HEAD".to_owned());
    let mut methods = [word, request, head].into_iter().flatten();
    let method = methods.next().unwrap_or_else(|| default.to_owned());
    match methods.find(|other| *other != method) {
        Some(other) => Err(format!("two methods are given, {method} and {other}: leave one out")),
        None => Ok(method),
    }
}

pub(crate) fn file_name(args: &mut ParsedArgs, name: &'static str) -> Result<Option<PathBuf>, String> {
    match args.once(name)? {
        Some(file) if file.is_empty() => Err(format!("option '{name}' needs the name of a file")),
        file => Ok(file.map(PathBuf::from)),
    }
}

pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    parse_duration(text, true, HOURS_MAX).map_err(|fault| format!("{} {fault}", quote(text)))
}

pub(crate) fn parse_positive_time(text: &str) -> Result<Duration, String> {
    parse_duration(text, false, HOURS_MAX).map_err(|fault| format!("{} {fault}", quote(text)))
}

pub(crate) fn refuse_load_options(args: &ParsedArgs) -> Result<(), String> {
    let modes = args.settings().iter().filter(|setting| setting.spec.mode == Some(LOAD_MODE));
    match modes.map(|setting| setting.spec.long).min() {
        Some(name) => Err(format!(
            "option '{name}' is for {LOAD_MODE}, which begins with -c, -n, -z, -q, --steps, --ramp or --find-rate"
        )),
        None => Ok(()),
    }
}
