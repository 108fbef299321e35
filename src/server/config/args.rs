//! Command line of `reactor-server`: a [`Command`] or one error line.
//!
//! Owns options and defaults; `cli` owns the syntax.

mod auth;
mod files;
mod precedence;
mod rules;
mod tls;
mod values;

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::access_log::{HeaderChoice, LogDestination, LogFormat, LogStyle};
use crate::cli::OptionKind::{Pairs, Path, Paths, Repeated, Secrets, SettingsFile};

use crate::cli::{OptionSpec, ParsedArgs, Program, ValueCheck, duplicate_message};
use crate::files::CacheLimits;
use crate::server::rules::{
    CacheRule, Header, HostName, Network, RateLimit, Redirect, check_header_conflicts, check_loops,
};
use crate::server::{CacheMode, Durability, RootChoice, SandboxMode, ServerConfig, SumConfig};
use files::UPLOADS;
use values::{
    parse_bandwidth, parse_bind, parse_choice, parse_count, parse_destination, parse_index, parse_memory,
    parse_name, parse_number, parse_port, parse_size, parse_time, parse_user, parse_with, parse_workers,
};

pub use crate::cli::Command;
pub use precedence::{Invocation, command};

/// Text of `--help`.
pub const HELP: &str = include_str!("help.txt");

/// Text of `--version`.
pub const VERSION: &str = match cfg!(feature = "tls") {
    true => concat!("reactor-server ", env!("CARGO_PKG_VERSION"), "\n"),
    false => concat!("reactor-server ", env!("CARGO_PKG_VERSION"), " without TLS\n"),
};

/// Directory served by default, if it exists.
pub const CONTENT_DIRECTORY: &str = "content";

const SUM_NUMBER_DEFAULT: i64 = 42;

/// Program and its options.
pub const PROGRAM: Program = Program {
    name: "reactor-server",
    specs: &[
        OptionSpec::value(Some('p'), "--port", "8080").defaults_to("8080"),
        OptionSpec::value(Some('b'), "--bind", "0.0.0.0").kind(Repeated).defaults_to("localhost"),
        OptionSpec::value(None, "--host", "files.example").kind(Repeated),
        OptionSpec::value(None, "--trusted-proxy", "10.0.0.0/8").kind(Repeated),
        OptionSpec::value(Some('d'), "--root", "./site").kind(Path(&[])),
        OptionSpec::flag(None, "--welcome"),
        OptionSpec::value(Some('i'), "--index", "index.html").defaults_to("index.html"),
        OptionSpec::value(None, "--fallback", "index.html"),
        OptionSpec::value(None, "--error-page", "404=404.html").kind(Pairs("=")),
        OptionSpec::value(None, "--mime", "foo=text/plain").kind(Pairs("=")),
        OptionSpec::value(None, "--default-type", "application/octet-stream"),
        OptionSpec::flag(None, "--clean-urls"),
        OptionSpec::flag(None, "--hidden"),
        OptionSpec::value(Some('H'), "--header", "'X-Frame-Options: DENY'").kind(Pairs(": ")),
        OptionSpec::value(None, "--cache-control", "'*.html=no-cache'").kind(Pairs("=")),
        OptionSpec::optional_value(None, "--cors", "https://example.com"),
        OptionSpec::value(None, "--redirect", "/old=/new").kind(Pairs("=")),
        OptionSpec::value(None, "--listing", "auto"),
        OptionSpec::flag(None, "--no-compress"),
        OptionSpec::value(None, "--access-log", "access.log").kind(Path(&["-", "off"])).defaults_to("-"),
        OptionSpec::value(None, "--log-format", "json").defaults_to("combined"),
        OptionSpec::value(None, "--log-headers", "Host,User-Agent").defaults_to("all"),
        OptionSpec::flag(None, "--log-secrets"),
        // Longer than most readers need until the next click.
        OptionSpec::value(None, "--idle-timeout", "60s").defaults_to("60s"),
        // Enough for the slowest honest client, short for one that holds connections on purpose.
        OptionSpec::value(None, "--header-timeout", "10s").defaults_to("10s"),
        // Service managers and containers commonly wait this long before they kill.
        OptionSpec::value(None, "--grace", "10s").defaults_to("10s"),
        OptionSpec::value(None, "--max-connections", "1000"),
        OptionSpec::value(None, "--max-connections-per-ip", "100"),
        OptionSpec::value(None, "--rate-limit", "20/s,100"),
        OptionSpec::value(None, "--bandwidth", "1MiB/s"),
        OptionSpec::value(None, "--bandwidth-total", "10MiB/s"),
        OptionSpec::value(None, "--memory", "512MiB"),
        // One core serves more visitors than most sites have.
        OptionSpec::value(None, "--workers", "auto").defaults_to("1"),
        OptionSpec::value(None, "--cache", "stat").defaults_to("fresh"),
        OptionSpec::value(None, "--cache-size", "256MiB").defaults_to("64MiB"),
        OptionSpec::optional_value(Some('u'), "--upload", "incoming"),
        // A film fits; an endless stream does not fill the disk.
        OptionSpec::value(None, "--max-upload", "1GiB").defaults_to("1GiB").only_in(UPLOADS),
        OptionSpec::value(None, "--min-free", "1GiB").only_in(UPLOADS),
        OptionSpec::value(None, "--durability", "file").defaults_to("full").only_in(UPLOADS),
        OptionSpec::flag(None, "--require-conditions").only_in(UPLOADS),
        OptionSpec::flag(None, "--require-digest").only_in(UPLOADS),
        OptionSpec::flag(None, "--no-overwrite").only_in(UPLOADS),
        OptionSpec::flag(None, "--allow-delete").only_in(UPLOADS),
        OptionSpec::flag(None, "--allow-mkdir").only_in(UPLOADS),
        OptionSpec::flag(None, "--upload-only").only_in(UPLOADS),
        OptionSpec::flag(None, "--upload-open").only_in(UPLOADS),
        OptionSpec::value(None, "--auth", "user:password").kind(Secrets),
        OptionSpec::value(None, "--auth-file", "users.htpasswd").kind(Path(&[])),
        OptionSpec::value(None, "--auth-for", "writes").defaults_to("all"),
        OptionSpec::flag(None, "--auth-insecure"),
        // From one evening to the next.
        OptionSpec::value(None, "--resumable-for", "24h").defaults_to("24h").only_in(UPLOADS),
        OptionSpec::value(None, "--user", "nobody:nogroup"),
        OptionSpec::value(None, "--sandbox", "require").defaults_to("auto"),
        OptionSpec::value(None, "--sandbox-read", "/srv").kind(Paths),
        OptionSpec::flag(Some('q'), "--quiet"),
        OptionSpec::flag(Some('v'), "--verbose"),
        OptionSpec::value(None, "--tls-cert", "chain.pem").kind(Paths),
        OptionSpec::value(None, "--tls-key", "key.pem").kind(Paths),
        OptionSpec::value(None, "--tls", "self-signed"),
        OptionSpec::value(None, "--tls-port", "8443"),
        OptionSpec::flag(None, "--redirect-to-https"),
        OptionSpec::optional_value(None, "--hsts", "31536000"),
        OptionSpec::value(None, "--tls-client-ca", "clients.pem").kind(Path(&[])),
        OptionSpec::value(None, "--sum-port", "9042"),
        OptionSpec::value(None, "--sum-name", "'Room 12'"),
        OptionSpec::value(None, "--sum-number", "42"),
        OptionSpec::flag(None, "--no-http"),
        OptionSpec::value(Some('c'), "--config", "site.toml").kind(SettingsFile),
        OptionSpec::action(None, "--check"),
        OptionSpec::action(Some('h'), "--help"),
        OptionSpec::action(Some('V'), "--version"),
    ],
    value_check: ValueCheck::Checked,
};

const LISTINGS: [(&str, bool); 2] = [("auto", true), ("off", false)];
const CACHE_MODES: [(&str, CacheMode); 3] =
    [("fresh", CacheMode::Fresh), ("stat", CacheMode::Stat), ("off", CacheMode::Off)];
const SANDBOX_MODES: [(&str, SandboxMode); 3] =
    [("auto", SandboxMode::Auto), ("require", SandboxMode::Require), ("off", SandboxMode::Off)];
const DURABILITIES: [(&str, Durability); 3] =
    [("full", Durability::Full), ("file", Durability::File), ("none", Durability::None)];

fn read_config(parsed: &mut ParsedArgs, content_exists: bool) -> Result<ServerConfig, String> {
    let config = ServerConfig {
        quiet: parsed.flag_once("--quiet")?,
        access_log: read_log_destination(parsed)?,
        log_style: LogStyle {
            shows_secrets: parsed.flag_once("--log-secrets")?,
            format: parsed
                .value("--log-format", |text| parse_with("--log-format", text, LogFormat::parse))?,
            headers: parsed
                .value("--log-headers", |text| parse_with("--log-headers", text, HeaderChoice::parse))?,
        },
        verbose: parsed.flag_once("--verbose")?,
        index: parsed.value("--index", parse_index)?,
        fallback: parsed.read("--fallback", |text| files::parse_document("--fallback", text))?,
        error_pages: files::parse_error_pages(&parsed.all("--error-page"))?,
        compress: !parsed.flag_once("--no-compress")?,
        media_types: rules::read_media_types(parsed)?,
        clean_urls: parsed.flag_once("--clean-urls")?,
        hidden: parsed.flag_once("--hidden")?,
        headers: rules::read_all(parsed, "--header", Header::parse)?,
        cache_control: rules::read_all(parsed, "--cache-control", CacheRule::parse)?,
        redirects: rules::read_all(parsed, "--redirect", Redirect::parse)?,
        cors: parsed.read("--cors", rules::parse_origin)?,
        listing: parsed.read("--listing", |text| parse_choice("--listing", &LISTINGS, text))?,
        cache: parsed.value("--cache", |text| parse_choice("--cache", &CACHE_MODES, text))?,
        cache_len_max: files::read_cache_size(parsed)?,
        cache_files_max: CacheLimits::DEFAULT.descriptors_max,
        idle_timeout: parsed.value("--idle-timeout", |text| parse_time("--idle-timeout", text, false))?,
        header_timeout: parsed
            .value("--header-timeout", |text| parse_time("--header-timeout", text, false))?,
        grace: parsed.value("--grace", |text| parse_time("--grace", text, true))?,
        connections_max: read_count(parsed, "--max-connections")?,
        connections_per_ip_max: read_count(parsed, "--max-connections-per-ip")?,
        rate_limit: parsed.read("--rate-limit", |text| parse_with("--rate-limit", text, RateLimit::parse))?,
        bandwidth: read_bandwidth(parsed, "--bandwidth")?,
        bandwidth_total: read_bandwidth(parsed, "--bandwidth-total")?,
        memory_max: parsed.read("--memory", parse_memory)?,
        workers: parsed.value("--workers", parse_workers)?,
        http: !parsed.flag_once("--no-http")?,
        sum: read_sum(parsed)?,
        auth: auth::read(parsed)?,
        tls: tls::read(parsed)?,
        upload: parsed.read("--upload", files::parse_upload_directory)?,
        upload_len_max: parsed.value("--max-upload", |text| parse_size("--max-upload", text))?,
        free_min: parsed.read("--min-free", |text| parse_size("--min-free", text))?.unwrap_or(0),
        resumable_for: parsed.value("--resumable-for", |text| parse_time("--resumable-for", text, false))?,
        durability: parsed.value("--durability", |text| parse_choice("--durability", &DURABILITIES, text))?,
        require_conditions: parsed.flag_once("--require-conditions")?,
        require_digest: parsed.flag_once("--require-digest")?,
        no_overwrite: parsed.flag_once("--no-overwrite")?,
        allow_delete: parsed.flag_once("--allow-delete")?,
        allow_mkdir: parsed.flag_once("--allow-mkdir")?,
        upload_only: parsed.flag_once("--upload-only")?,
        bind: parse_bind(&parsed.all("--bind")).map_err(|error| parsed.locate_error_of("--bind", &error))?,
        port: parsed.value("--port", parse_port)?,
        hosts: rules::read_all(parsed, "--host", HostName::parse)?,
        trusted_proxies: rules::read_all(parsed, "--trusted-proxy", Network::parse)?,
        root: read_root(parsed, content_exists)?,
        user: parsed.read("--user", parse_user)?,
        sandbox: parsed.value("--sandbox", |text| parse_choice("--sandbox", &SANDBOX_MODES, text))?,
        sandbox_read: parsed.all("--sandbox-read").into_iter().map(PathBuf::from).collect(),
        one_file: false,
    };
    files::check_upload_options(parsed)?;
    auth::check_exposure(&config, parsed)?;
    check_header_conflicts(&config.headers, config.cors.is_some())?;
    check_loops(&config.redirects)?;
    Ok(config)
}

fn read_count(parsed: &mut ParsedArgs, name: &'static str) -> Result<Option<usize>, String> {
    parsed.read(name, |text| parse_count(name, text))
}

fn read_bandwidth(parsed: &mut ParsedArgs, name: &'static str) -> Result<Option<u64>, String> {
    parsed.read(name, |text| parse_bandwidth(name, text))
}

fn read_root(parsed: &mut ParsedArgs, content_exists: bool) -> Result<RootChoice, String> {
    match (parsed.once("--root")?, parsed.flag_once("--welcome")?) {
        (Some(_), true) => Err("--welcome and --root exclude each other; leave one of them out".to_owned()),
        (Some(path), false) => Ok(RootChoice::Directory(path.into())),
        (None, true) => Ok(RootChoice::Embedded),
        (None, false) if content_exists => Ok(RootChoice::Directory(CONTENT_DIRECTORY.into())),
        (None, false) => Ok(RootChoice::Directory(".".into())),
    }
}

pub(super) fn default_config() -> ServerConfig {
    match PROGRAM.command(Vec::new(), |parsed| read_config(parsed, false)) {
        Ok(Command::Run(config)) => *config,
        // The defaults do not depend on input; a test reads them.
        other => unreachable!("the defaults are in the table of options: {other:?}"),
    }
}

fn read_log_destination(parsed: &mut ParsedArgs) -> Result<LogDestination, String> {
    match parsed.peek("--access-log").is_none() && parsed.peek("--quiet").is_some() {
        true => Ok(LogDestination::Off),
        false => parsed.value("--access-log", |text| Ok(parse_destination(text))),
    }
}

fn read_sum(parsed: &mut ParsedArgs) -> Result<Option<SumConfig>, String> {
    let Some(port) = parsed.read("--sum-port", parse_port)? else {
        let mut others = ["--sum-name", "--sum-number", "--no-http"].into_iter();
        return match others.find(|name| parsed.peek(name).is_some()) {
            Some(option) => Err(format!("'{option}' needs --sum-port, which is not given")),
            None => Ok(None),
        };
    };
    let name = parsed.read("--sum-name", parse_name)?;
    let number = parsed.read("--sum-number", parse_number)?.unwrap_or(SUM_NUMBER_DEFAULT);
    Ok(Some(SumConfig { port, name, number }))
}

fn assign_operands(parsed: &mut ParsedArgs) -> Result<(), String> {
    for operand in parsed.operands() {
        if operand.is_empty() {
            return Err("the directory's name is empty; for this one, write .".to_owned());
        }
        let is_number = operand.as_bytes().iter().all(u8::is_ascii_digit);
        let (option, what) = match is_number {
            true => ("--port", "the port"),
            false => ("--root", "the directory"),
        };
        if let Some(first) = parsed.peek(option) {
            return Err(duplicate_message(what, first, &operand));
        }
        parsed.set_from_operand(option, operand);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
