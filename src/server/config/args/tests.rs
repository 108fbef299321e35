//! Command line of the server: the effect of each option, and the error for each mistake.
//!
//! Values are tested beside their parsers.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::cli::{UsageError, check_table};
use crate::files::{CacheLimits, MediaTypes, RelativePath};
use crate::http::Status;
use crate::net::ListenIp;
use crate::server::{CacheMode, Durability, ErrorPage, LOOPBACK, ProcessEnv};
use crate::sum::Name;

/// Environment without directory, variables and files.
pub(super) const EMPTY_ENV: ProcessEnv = ProcessEnv {
    content_exists: false,
    working_directory: PathBuf::new(),
    variables: Vec::new(),
    read_file: |_| Err(io::ErrorKind::NotFound.into()),
};

/// Parses the arguments with an empty environment.
pub(super) fn parse(args: Vec<OsString>, content_exists: bool) -> Result<Command<ServerConfig>, UsageError> {
    let process_env = ProcessEnv { content_exists, ..EMPTY_ENV };
    Ok(match command(args, &process_env)? {
        Command::Help => Command::Help,
        Command::Version => Command::Version,
        Command::Run(invocation) => Command::Run(Box::new(invocation.config)),
    })
}

fn parsed(line: &[&str]) -> Result<Command<ServerConfig>, UsageError> {
    parse(line.iter().map(OsString::from).collect(), false)
}

fn config(line: &[&str]) -> ServerConfig {
    match parsed(line) {
        Ok(Command::Run(config)) => *config,
        other => panic!("{line:?} gave {other:?}"),
    }
}

fn config_with(change: impl FnOnce(&mut ServerConfig)) -> ServerConfig {
    let mut config = ServerConfig::default();
    change(&mut config);
    config
}

fn directory(path: &str) -> RootChoice {
    RootChoice::Directory(PathBuf::from(path))
}

#[test]
fn no_arguments_serve_content_directory_if_present() {
    let expected = ServerConfig {
        port: 8080,
        bind: LOOPBACK.into(),
        hosts: Vec::new(),
        trusted_proxies: Vec::new(),
        root: directory("."),
        one_file: false,
        user: None,
        sandbox: SandboxMode::Auto,
        sandbox_read: Vec::new(),
        index: "index.html".to_owned(),
        fallback: None,
        error_pages: Vec::new(),
        media_types: MediaTypes::default(),
        hidden: false,
        clean_urls: false,
        headers: Vec::new(),
        cache_control: Vec::new(),
        cors: None,
        redirects: Vec::new(),
        compress: true,
        access_log: LogDestination::Stdout,
        log_style: LogStyle::default(),
        idle_timeout: Duration::from_secs(60),
        header_timeout: Duration::from_secs(10),
        grace: Duration::from_secs(10),
        cache: CacheMode::Fresh,
        cache_len_max: CacheLimits::DEFAULT.bytes_max,
        cache_files_max: CacheLimits::DEFAULT.descriptors_max,
        connections_max: None,
        connections_per_ip_max: None,
        rate_limit: None,
        bandwidth: None,
        bandwidth_total: None,
        memory_max: None,
        workers: Some(1),
        quiet: false,
        sum: None,
        http: true,
        verbose: false,
        upload: None,
        upload_len_max: 1 << 30,
        free_min: 0,
        durability: Durability::Full,
        require_conditions: false,
        require_digest: false,
        no_overwrite: false,
        allow_delete: false,
        allow_mkdir: false,
        upload_only: false,
        auth: None,
        resumable_for: Duration::from_secs(86_400),
        tls: None,
        listing: None,
    };
    assert_eq!((config(&[]), ServerConfig::default()), (expected.clone(), expected));
    let with_content = config_with(|config| config.root = directory(CONTENT_DIRECTORY));
    let command = parse(Vec::new(), true).unwrap();
    assert_eq!(command, Command::Run(Box::new(with_content)));
    let named = parse(vec!["site".into()], true).unwrap();
    let with_site = config_with(|config| config.root = directory("site"));
    assert_eq!(named, Command::Run(Box::new(with_site)));
}

#[test]
fn port_and_directory_accepted_in_any_form() {
    let both = config_with(|config| {
        config.port = 0;
        config.root = directory("./site");
    });
    let cases: &[&[&str]] = &[
        &["0", "./site"],
        &["./site", "0"],
        &["./site", "--port", "0"],
        &["--port=0", "./site"],
        &["-p0", "./site"],
        &["-p=0", "-d./site"],
        &["-p", "0", "--root", "./site"],
        &["--root=./site", "-p", "0"],
        &["-d", "./site", "0"],
        &["0", "--", "./site"],
        &["--", "./site", "0"],
    ];
    for line in cases {
        assert_eq!(config(line), both, "{line:?}");
    }
}

#[test]
fn directory_accepts_any_name() {
    let cases: &[(&[&str], &str)] = &[
        (&["--root", "8080"], "8080"),
        (&["./8080"], "./8080"),
        (&["80a"], "80a"),
        (&["--", "-odd"], "-odd"),
        (&["--", "--"], "--"),
        (&["--", "--help"], "--help"),
        (&["--root=a=b"], "a=b"),
        (&["+80"], "+80"),
        (&["-"], "-"),
    ];
    for (line, path) in cases {
        let expected = config_with(|config| config.root = directory(path));
        assert_eq!(config(line), expected, "{line:?}");
    }
    let bytes = OsStr::from_bytes(b"caf\xe9");
    for line in [
        vec![bytes.to_owned()],
        vec!["-d".into(), bytes.to_owned()],
        vec![OsStr::from_bytes(b"--root=caf\xe9").to_owned()],
        vec![OsStr::from_bytes(b"-dcaf\xe9").to_owned()],
    ] {
        let expected = config_with(|config| config.root = RootChoice::Directory(bytes.into()));
        let command = parse(line.clone(), true).unwrap();
        assert_eq!(command, Command::Run(Box::new(expected)), "{line:?}");
    }
}

#[test]
fn each_option_sets_its_config_field() {
    type Change = fn(&mut ServerConfig);
    let cases: &[(&[&str], Change)] = &[
        (&["-i", "home.htm"], |config| config.index = "home.htm".into()),
        (&["--index=home.htm"], |config| config.index = "home.htm".into()),
        (&["--fallback", "a/b.html"], |config| config.fallback = RelativePath::parse(b"/a/b.html").ok()),
        (&["--no-compress"], |config| config.compress = false),
        (&["--error-page", "404=a.html", "--error-page=503=b.html"], |config| {
            let page = |status, name: &str| ErrorPage {
                status,
                path: RelativePath::parse_plain(name.as_bytes()).unwrap(),
            };
            config.error_pages =
                vec![page(Status::NOT_FOUND, "a.html"), page(Status::SERVICE_UNAVAILABLE, "b.html")];
        }),
        (&["--idle-timeout", "2m"], |config| config.idle_timeout = Duration::from_secs(120)),
        (&["--header-timeout=1.5s"], |config| {
            config.header_timeout = Duration::from_millis(1500);
        }),
        (&["--grace", "0"], |config| config.grace = Duration::ZERO),
        (&["--max-connections", "7"], |config| config.connections_max = Some(7)),
        (&["--max-connections-per-ip", "7"], |config| config.connections_per_ip_max = Some(7)),
        (&["--workers", "auto"], |config| config.workers = None),
        (&["--cache", "stat"], |config| config.cache = CacheMode::Stat),
        (&["-b", "localhost"], |config| config.bind = LOOPBACK.into()),
        (&["-b::", "--bind", "10.0.0.1"], |config| {
            let required = |ip: &str| ListenIp { ip: ip.parse().unwrap(), optional: false };
            config.bind = ["::", "10.0.0.1"].map(required).into();
        }),
        (&["--access-log", "off"], |config| config.access_log = LogDestination::Off),
        (&["--access-log=-"], |config| config.access_log = LogDestination::Stdout),
        (&["--access-log", "-"], |config| config.access_log = LogDestination::Stdout),
        (&["--access-log", "a.log"], |config| {
            config.access_log = LogDestination::File("a.log".into());
        }),
        (&["--log-format", "json"], |config| config.log_style.format = LogFormat::Json),
        (&["--log-headers=none"], |config| config.log_style.headers = HeaderChoice::None),
        (&["--log-secrets"], |config| config.log_style.shows_secrets = true),
        (&["-v"], |config| config.verbose = true),
        (&["-u"], |config| config.upload = Some(PathBuf::new())),
        (&["--upload"], |config| config.upload = Some(PathBuf::new())),
        (&["-u=incoming"], |config| config.upload = Some("incoming".into())),
        (&["--upload=a/b/"], |config| config.upload = Some("a/b".into())),
        (&["-u", "--max-upload", "5k"], |config| {
            config.upload = Some(PathBuf::new());
            config.upload_len_max = 5_000;
        }),
        (&["--upload", "site"], |config| {
            config.upload = Some(PathBuf::new());
            config.root = directory("site");
        }),
        (&["-q"], |config| {
            config.quiet = true;
            config.access_log = LogDestination::Off;
        }),
        (&["--quiet", "--access-log=-"], |config| config.quiet = true),
        (&["--sum-port", "9042"], |config| {
            config.sum = Some(SumConfig { port: 9042, name: None, number: 42 });
        }),
        (&["--sum-port=0", "--sum-name", "Zo\u{eb}: 1", "--sum-number", "-7", "--no-http"], |config| {
            let name = Name::new("Zo\u{eb}: 1").ok();
            config.sum = Some(SumConfig { port: 0, name, number: -7 });
            config.http = false;
        }),
    ];
    for (line, change) in cases {
        assert_eq!(config(line), config_with(change), "{line:?}");
    }
}

#[test]
fn each_mistake_gets_one_line_error() {
    let cases: &[(&[&str], &str)] = &[
        (&["-x"], "unknown option '-x'"),
        (&["--root", "--", "x"], "'--root' needs a value, such as --root ./site"),
        (&["-q", "--quiet"], "'--quiet' is given twice; once is enough"),
        (&[""], "the directory's name is empty; for this one, write ."),
        (&["80", "81"], "the port is given twice, '80' and '81'; leave one out"),
        (&["-p80", "80"], "the port is given twice, '80' and '80'; leave one out"),
        (&["-p80", "--port=81"], "--port is given twice, '80' and '81'; leave one out"),
        (&["a", "b"], "the directory is given twice, 'a' and 'b'; leave one out"),
        (&["-da", "--", "-b"], "the directory is given twice, 'a' and '-b'; leave one out"),
        (&["-i", "a", "-i", "b"], "--index is given twice, 'a' and 'b'; leave one out"),
        (&["--grace=1", "--grace=1"], "--grace is given twice, '1' and '1'; leave one out"),
        (&["65536"], "port 65536 is too large; ports go up to 65535"),
        (&["--port", "x"], "'x' is not a port; write 0 to 65535"),
        (&["-b::1", "-b[::1]"], "address ::1 is given twice; leave one out"),
        (
            &["--index", "a/b"],
            "'a/b' cannot be an index; it must be a plain file name, not hidden, \
             without a slash",
        ),
        (&["--fallback=a", "--fallback=b"], "--fallback is given twice, 'a' and 'b'; leave one out"),
        (&["--idle-timeout", "0"], "--idle-timeout: '0' is too short; it must be above 0"),
        (&["--header-timeout", "0s"], "--header-timeout: '0s' is too short; it must be above 0"),
        (&["--grace", "soon"], "--grace: 'soon' is not a time; write it like 500ms, 10s, 1m30s or 2h"),
        (
            &["--log-format", "xml"],
            "--log-format: 'xml' is invalid: a log format is combined, common, json or headers",
        ),
        (
            &["--log-headers", "Host:"],
            "--log-headers: 'Host:' is invalid: write all, none, or names of header fields with \
             commas between them",
        ),
        (&["--sum-port", "x"], "'x' is not a port; write 0 to 65535"),
        (&["--sum-port=0", "--sum-number=1.5"], "--sum-number: '1.5' is not an integer of 64 bits"),
        (
            &["--sum-port=0", "--sum-name=a\nb"],
            "--sum-name: 'a\\nb' cannot be a name; a name is a short text without control characters",
        ),
        (&["--sum-name", "Ada"], "'--sum-name' needs --sum-port, which is not given"),
        (&["--sum-number", "1"], "'--sum-number' needs --sum-port, which is not given"),
        (&["--no-http"], "'--no-http' needs --sum-port, which is not given"),
        (&["-u", "--upload=a"], "--upload is given twice, '' and 'a'; leave one out"),
        (&["--upload="], "'--upload' needs a value, such as --upload=incoming"),
        (
            &["--upload=../x"],
            "--upload: '../x' is not a path beneath the root; write it like incoming or \
             notes/incoming, with no name that begins with a dot",
        ),
        (&["-u", "--max-upload=5x"], "--max-upload: '5x' is not a size; write it like 500k, 20M, 1GiB"),
        (&["--max-upload=5k"], "--max-upload is for uploads, which are off; turn them on with --upload"),
        (&["--upload-open"], "--upload-open is for uploads, which are off; turn them on with --upload"),
        (
            &["--upload", "--upload-only", "--allow-delete"],
            "--allow-delete would tell what --upload-only hides; leave one of them out",
        ),
        (&["--allow-mkdir"], "--allow-mkdir is for uploads, which are off; turn them on with --upload"),
        (&["--durability=none"], "--durability is for uploads, which are off; turn them on with --upload"),
        (&["-u", "--durability=x"], "--durability: 'x' is invalid: it is full, file or none"),
        (&["--max-connections", "0"], "--max-connections: '0' is not a number from 1 up"),
    ];
    for (line, expected) in cases {
        let error = parsed(line).unwrap_err().to_string();
        assert_eq!(error, format!("{expected}; see reactor-server --help"), "{line:?}");
    }
}

#[test]
fn limits_of_an_address_and_a_connection_set_their_fields() {
    let limit = RateLimit::parse("5/s,9").ok();
    assert_eq!(config(&["--rate-limit", "5/s,9"]), config_with(|config| config.rate_limit = limit));
    for text in ["64KiB", "64KiB/s"] {
        assert_eq!(config(&["--bandwidth", text]), config_with(|config| config.bandwidth = Some(1 << 16)));
        let total = config_with(|config| config.bandwidth_total = Some(1 << 16));
        assert_eq!(config(&["--bandwidth-total", text]), total);
    }
    for (line, expected) in [
        (["--bandwidth", "16000"], "--bandwidth: '16000' is too slow; it must be at least 16KiB/s"),
        (["--bandwidth-total", "1/s"], "--bandwidth-total: '1/s' is too slow; it must be at least 16KiB/s"),
        (
            ["--rate-limit", "0.0001/s"],
            "--rate-limit: '0.0001/s' is invalid: the rate must be at least 0.001/s",
        ),
    ] {
        let error = parsed(&line).unwrap_err().to_string();
        assert_eq!(error, format!("{expected}; see reactor-server --help"), "{line:?}");
    }
}

#[test]
fn help_lists_every_option_within_100_columns() {
    check_table(&PROGRAM, HELP);
    let longest = HELP.lines().map(str::len).max();
    assert!(longest <= Some(100), "{longest:?}");
    assert!(HELP.is_ascii());
}
