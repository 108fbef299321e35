//! Command line of `reactor-client` for single requests.
//!
//! `load` parses load runs. One-letter options match curl's; those of load mode, hey's and oha's.

use super::config::{ClientConfig, FieldEdit, OutputChoice};
use super::options::{
    LOAD_MODE, file_name, overrides, parse_time, read_known_hosts, read_request, read_tls,
    refuse_load_options,
};
use super::source::{Payload, Source, remote_name};
use crate::access_log::{HeaderChoice, LogDestination, LogFormat, LogStyle};
use crate::cli::{OptionKind, OptionSpec, ParsedArgs, Program, ValueCheck, parse_choice, quote, value};
use crate::http::DigestAlgorithm;

pub use crate::cli::Command;

/// Text of `--help`.
pub const HELP: &str = include_str!("help.txt");

/// Text of `--version`.
pub const VERSION: &str = match cfg!(feature = "tls") {
    true => concat!("reactor-client ", env!("CARGO_PKG_VERSION"), "\n"),
    false => concat!("reactor-client ", env!("CARGO_PKG_VERSION"), " without TLS\n"),
};

/// As in curl.
const REDIRECTS_MAX_DEFAULT: u32 = 50;

/// Program name and options.
pub const PROGRAM: Program = Program {
    name: "reactor-client",
    specs: &[
        OptionSpec::flag(None, "--allow-client-bound").only_in(LOAD_MODE),
        OptionSpec::value(None, "--assert", "'p99<10ms'").only_in(LOAD_MODE),
        OptionSpec::value(None, "--cacert", "authorities.pem"),
        OptionSpec::value(Some('E'), "--cert", "client.pem"),
        OptionSpec::value(None, "--compare", "before.run").only_in(LOAD_MODE),
        OptionSpec::value(Some('c'), "--concurrency", "50").only_in(LOAD_MODE),
        OptionSpec::value(None, "--connect-timeout", "5").single("--timeout covers connecting"),
        OptionSpec::flag(None, "--create-only"),
        OptionSpec::value(Some('d'), "--data", "'n={SEQ}'").kind(OptionKind::Repeated),
        OptionSpec::value(Some('z'), "--duration", "10s").only_in(LOAD_MODE),
        OptionSpec::value(None, "--every", "10s").only_in(LOAD_MODE),
        OptionSpec::flag(Some('f'), "--fail").single("--assert checks a run"),
        OptionSpec::value(None, "--fail-on", "'p99>+10%'").only_in(LOAD_MODE),
        OptionSpec::flag(None, "--find-rate").only_in(LOAD_MODE),
        OptionSpec::value(None, "--format", "json").only_in(LOAD_MODE),
        OptionSpec::flag(Some('I'), "--head"),
        OptionSpec::value(Some('H'), "--header", "'Accept: text/html'").kind(OptionKind::Repeated),
        OptionSpec::action(Some('h'), "--help"),
        OptionSpec::value(None, "--host", "localhost"),
        OptionSpec::value(None, "--if-match", "'\"v1\"'"),
        OptionSpec::value(None, "--if-none-match", "'\"v1\"'"),
        OptionSpec::flag(Some('i'), "--include").single("responses are counted, not shown"),
        OptionSpec::flag(Some('k'), "--insecure"),
        OptionSpec::value(None, "--key", "key.pem"),
        OptionSpec::flag(Some('L'), "--location").single("redirects are counted, not followed"),
        OptionSpec::value(None, "--log", "exchanges.log").single("responses are counted, not logged"),
        OptionSpec::value(None, "--log-format", "json").single("responses are counted, not logged"),
        OptionSpec::value(None, "--log-headers", "Host,Server").single("responses are counted, not logged"),
        OptionSpec::flag(None, "--log-secrets").single("responses are counted, not logged"),
        OptionSpec::value(None, "--max-redirs", "50").single("redirects are counted, not followed"),
        OptionSpec::value(Some('m'), "--max-time", "30").single("-z ends the run, --timeout a request"),
        OptionSpec::flag(None, "--no-keepalive").only_in(LOAD_MODE),
        OptionSpec::value(None, "--order", "random").only_in(LOAD_MODE),
        OptionSpec::value(None, "--out", "report.json").only_in(LOAD_MODE),
        OptionSpec::value(Some('o'), "--output", "page.html").single("--out FILE saves the report"),
        OptionSpec::value(None, "--pipeline", "8").only_in(LOAD_MODE),
        OptionSpec::value(Some('p'), "--port", "8080"),
        OptionSpec::value(None, "--ramp", "0..5000/60s").only_in(LOAD_MODE),
        OptionSpec::value(Some('q'), "--rate", "1000").only_in(LOAD_MODE),
        OptionSpec::flag(Some('O'), "--remote-name").single("--out FILE saves the report"),
        OptionSpec::value(None, "--repr-digest", "sha-256").single("responses are counted, not checked"),
        OptionSpec::value(Some('X'), "--request", "OPTIONS"),
        OptionSpec::value(Some('n'), "--requests", "10k").only_in(LOAD_MODE),
        OptionSpec::value(None, "--requests-per-connection", "100").only_in(LOAD_MODE),
        OptionSpec::value(None, "--resolve", "example.com:443:127.0.0.1").kind(OptionKind::Repeated),
        OptionSpec::flag(None, "--resume").single("a request that fails is counted"),
        OptionSpec::value(None, "--save", "before.run").only_in(LOAD_MODE),
        OptionSpec::value(None, "--seed", "1").only_in(LOAD_MODE),
        OptionSpec::flag(Some('S'), "--show-error").single("errors are always shown"),
        OptionSpec::flag(Some('s'), "--silent"),
        OptionSpec::value(None, "--slo", "'p99<10ms'").only_in(LOAD_MODE),
        OptionSpec::value(None, "--steps", "100:30s,200:30s").only_in(LOAD_MODE),
        OptionSpec::value(None, "--threads", "2").only_in(LOAD_MODE),
        OptionSpec::value(None, "--timeout", "5s").only_in(LOAD_MODE),
        OptionSpec::value(None, "--tls-resume", "off").only_in(LOAD_MODE),
        OptionSpec::value(Some('T'), "--upload-file", "notes.txt").kind(OptionKind::Repeated),
        OptionSpec::value(None, "--urls", "urls.txt").only_in(LOAD_MODE),
        OptionSpec::value(Some('u'), "--user", "name"),
        OptionSpec::flag(Some('v'), "--verbose").single("responses are counted, not shown"),
        OptionSpec::action(Some('V'), "--version"),
        OptionSpec::value(None, "--warmup", "2s").only_in(LOAD_MODE),
        OptionSpec::flag(Some('y'), "--yes").single("nothing is asked"),
    ],
    value_check: ValueCheck::Any,
};

pub(crate) fn read_config(args: &mut ParsedArgs) -> Result<ClientConfig, String> {
    refuse_load_options(args)?;
    let overrides = overrides(args, false)?;
    let mut request = read_request(args, &overrides, false)?;
    let has_remote_name = args.clone().flag("--remote-name");
    let output = output(args, &request.target.path)?;
    let parse_digest = |text: &str| parse_choice("the digest", &DigestAlgorithm::ALL, text);
    let repr_digest = value(args, "--repr-digest", parse_digest)?;
    if has_remote_name && matches!(request.payload, Some(Payload::Source(_))) {
        return Err("-O would overwrite the sent file with the response; use -o FILE".to_owned());
    }
    let (resume, is_put) = (args.flag("--resume"), request.method == "PUT");
    if resume && !(is_put && matches!(request.payload, Some(Payload::Source(Source::File(_))))) {
        return Err(
            "--resume needs a file to send by PUT: name it with -T; - cannot be read again".to_owned()
        );
    }
    if let (Some(algorithm), None) = (repr_digest, &request.payload) {
        let wanted = FieldEdit::Set(format!("{}=10", algorithm.name()));
        request.fields.push(("Want-Repr-Digest".to_owned(), wanted));
    }
    Ok(ClientConfig {
        method: request.method,
        fields: request.fields,
        output,
        include: args.flag("--include") || request.has_head_option,
        verbose: args.flag("--verbose"),
        silent: args.flag("--silent"),
        show_error: args.flag("--show-error"),
        fail: args.flag("--fail"),
        redirects_max: redirects_max(args)?,
        max_time: value(args, "--max-time", parse_time)?.filter(|time| !time.is_zero()),
        connect_timeout: value(args, "--connect-timeout", parse_time)?.filter(|time| !time.is_zero()),
        log: match file_name(args, "--log")? {
            None => LogDestination::Off,
            Some(file) if file.as_os_str() == "-" => LogDestination::Stdout,
            Some(file) => LogDestination::File(file),
        },
        log_style: LogStyle {
            format: value(args, "--log-format", LogFormat::parse)?.unwrap_or(LogFormat::Headers),
            headers: value(args, "--log-headers", HeaderChoice::parse)?.unwrap_or_default(),
            shows_secrets: args.flag("--log-secrets"),
        },
        tls: read_tls(args)?,
        known_hosts: read_known_hosts(args)?,
        target: request.target,
        upload: request.payload,
        more_uploads: request.more_uploads,
        repr_digest,
        resume,
        login_user: request.login_user,
        assume_yes: args.flag("--yes"),
    })
}

fn redirects_max(args: &mut ParsedArgs) -> Result<Option<u32>, String> {
    let parse = |text: &str| match text {
        "-1" => Ok(u32::MAX),
        text => text.parse().map_err(|_| "it is a number, or -1 for no limit"),
    };
    let max = value(args, "--max-redirs", parse)?.unwrap_or(REDIRECTS_MAX_DEFAULT);
    Ok(args.flag("--location").then_some(max))
}

fn output(args: &mut ParsedArgs, path: &str) -> Result<OutputChoice, String> {
    match (file_name(args, "--output")?, args.flag("--remote-name")) {
        (Some(_), true) => Err("-o and -O both name the output file: leave one out".to_owned()),
        (Some(file), false) if file.as_os_str() == "-" => Ok(OutputChoice::ForcedStdout),
        (Some(file), false) => Ok(OutputChoice::File(file)),
        (None, true) => remote_name(path)
            .map(OutputChoice::RemoteName)
            .map_err(|error| format!("option '--remote-name' with {}: {error}; use -o FILE", quote(path))),
        (None, false) => Ok(OutputChoice::Stdout),
    }
}

#[cfg(test)]
mod tests;
