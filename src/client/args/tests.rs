//! Tables of command lines with their meaning, or their error.
//!
//! No network.

use super::*;

use crate::cli::{UsageError, check_table};
use crate::client::config::FieldEdit;
use crate::client::source::{Data, Payload, Source};

use crate::load::args::{ClientTask, parse};

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

fn try_parse(args: &[&str]) -> Result<Command<ClientTask>, UsageError> {
    parse(args.iter().map(OsString::from).collect())
}

fn config(args: &[&str]) -> ClientConfig {
    match try_parse(args) {
        Ok(Command::Run(task)) => match *task {
            ClientTask::Fetch(config) => *config,
            ClientTask::Load(_) => panic!("{args:?}: load mode"),
        },
        other => panic!("{args:?}: {other:?}"),
    }
}

#[test]
fn no_arguments_get_root_from_localhost_8080() {
    let config = config(&[]);
    assert_eq!(config.target.authority(), "127.0.0.1:8080");
    assert_eq!(config.target.path, "/");
    assert_eq!(config.method, "GET");
    assert_eq!(config.output, OutputChoice::Stdout);
    assert_eq!((config.max_time, config.connect_timeout), (None, None));
    assert!(config.fields.is_empty() && !config.silent);
    assert!(!(config.include || config.verbose || config.silent || config.fail));
}

#[test]
fn options_parse_in_any_position_and_spelling() {
    let rows: [&[&str]; 8] = [
        &["-s", "-f", "-o", "FILE", "-p", "81", "GET", "/x"],
        &["GET", "/x", "-sfo", "FILE", "-p81"],
        &["-sfoFILE", "GET", "-p", "81", "/x"],
        &["--silent", "--fail", "--output", "FILE", "--port=81", "GET", "/x"],
        &["GET", "--output=FILE", "/x", "--port", "81", "-fs"],
        &["-p81", "-sfoFILE", "--", "GET", "/x"],
        &["-p81", "-s", "-ssfoFILE", "GET", "/x"],
        &["-sfoFILE", "-XGET", ":81/x"],
    ];
    let wanted = config(rows[0]);
    assert!(wanted.silent && wanted.fail && !wanted.show_error);
    assert_eq!(wanted.output, OutputChoice::File("FILE".into()));
    assert_eq!(wanted.target.authority(), "127.0.0.1:81");
    for args in rows {
        assert_eq!(config(args), wanted, "{args:?}");
    }
}

#[test]
fn a_value_may_look_like_an_option() {
    let config = config(&["-o", "-s", "-H", "-v: --help", "--", "-x.test"]);
    assert_eq!(config.output, OutputChoice::File("-s".into()));
    assert_eq!(config.fields[0].0, "-v");
    assert_eq!(config.target.host, "-x.test");
    assert!(!config.silent);
}

#[test]
fn every_flag_sets_its_field() {
    let config = config(&["-ivsSf"]);
    assert!(config.include && config.verbose && config.silent && config.fail);
    assert!(config.show_error);
}

#[test]
fn times_methods_and_fields_are_parsed() {
    let config = config(&[
        "-m1.5",
        "--connect-timeout=0.2",
        "-X",
        "PURGE",
        "--host",
        "[::1]",
        "-HAccept:",
        "--header=X: a=b",
    ]);
    assert_eq!(config.max_time, Some(Duration::from_millis(1500)));
    assert_eq!(config.connect_timeout, Some(Duration::from_millis(200)));
    assert_eq!(config.method, "PURGE");
    assert_eq!(config.target.host, "::1");
    let fields =
        [("Accept".to_owned(), FieldEdit::Remove), ("X".to_owned(), FieldEdit::Set("a=b".to_owned()))];
    assert_eq!(config.fields, fields);
}

#[test]
fn time_limit_defaults_to_seconds_and_zero_means_none() {
    let millis = |millis| Some(Duration::from_millis(millis));
    for (text, time) in
        [("2", millis(2000)), ("0.25", millis(250)), (".5", millis(500)), ("0", None), ("0.0", None)]
            .into_iter()
            .chain([("0s", None), ("500ms", millis(500)), ("1m30s", millis(90_000))])
    {
        assert_eq!(config(&["-m", text, "--connect-timeout", text]).max_time, time, "{text}");
        assert_eq!(config(&["-m", text, "--connect-timeout", text]).connect_timeout, time, "{text}");
    }
    for text in ["", ".", "-1", "+1", "1e3", "inf", "NaN", "1.2.3", "99999999999"] {
        assert!(try_parse(&["-m", text]).is_err(), "{text:?}");
    }
}

#[test]
fn log_defaults_to_off_and_to_headers_format() {
    let style = |format| LogStyle { format, ..LogStyle::default() };
    let plain = config(&[]);
    assert_eq!((plain.log, plain.log_style), (LogDestination::Off, style(LogFormat::Headers)));
    let named = config(&["--log", "a.log", "--log-format=json"]);
    assert_eq!((named.log, named.log_style), (LogDestination::File("a.log".into()), style(LogFormat::Json)));
    let shown = config(&["--log=-", "--log-secrets", "--log-headers", "Host"]);
    assert_eq!(shown.log, LogDestination::Stdout);
    assert!(shown.log_style.shows_secrets);
    assert_eq!(shown.log_style.headers, HeaderChoice::Only(vec!["Host".to_owned()]));
    for wrong in ["--log=", "--log-format=xml", "--log-headers=a:"] {
        assert!(try_parse(&[wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn head_option_sends_head_and_sets_include() {
    for args in [&["-I"][..], &["-I", "HEAD", "/"], &["-IX", "HEAD"]] {
        let config = config(args);
        assert_eq!(config.method, "HEAD");
        assert!(config.include);
    }
}

#[test]
fn put_sends_a_file_and_upload_file_defaults_to_put() {
    let file = |name: &str| Some(Payload::Source(Source::File(name.into())));
    let rows: [(&[&str], &str, &str, Option<Payload>); 7] = [
        (&["localhost", "8080", "PUT", "/a.txt"], "PUT", "/a.txt", file("a.txt")),
        (&["-X", "PUT", "/a.txt"], "PUT", "/a.txt", file("a.txt")),
        (&["-T", "x", "/a.txt"], "PUT", "/a.txt", file("x")),
        (&["-Tx", "PUT", ":81/in/"], "PUT", "/in/x", file("x")),
        (&["--upload-file=x", "-X", "POST", "/a"], "POST", "/a", file("x")),
        (&["-T-", "/a"], "PUT", "/a", Some(Payload::Source(Source::Stdin))),
        (&["-X", "POST", "/a"], "POST", "/a", None),
    ];
    for (args, method, path, upload) in rows {
        let config = config(args);
        assert_eq!((config.method.as_str(), config.target.path.as_str()), (method, path), "{args:?}");
        assert_eq!(config.upload, upload, "{args:?}");
    }
}

#[test]
fn output_options_choose_stdout_or_file() {
    let rows: [(&[&str], OutputChoice); 5] = [
        (&["/a"], OutputChoice::Stdout),
        (&["/a", "-o", "-"], OutputChoice::ForcedStdout),
        (&["/a", "-o-"], OutputChoice::ForcedStdout),
        (&["/a", "-o", "b/c"], OutputChoice::File("b/c".into())),
        (&["-O", "/a/b%20c?d"], OutputChoice::RemoteName("b c".into())),
    ];
    for (args, output) in rows {
        assert_eq!(config(args).output, output, "{args:?}");
    }
}

#[test]
fn non_utf8_operand_is_percent_encoded() {
    let args = vec![OsString::from_vec(b"/a b\xff%20".to_vec())];
    match parse(args) {
        Ok(Command::Run(task)) => match *task {
            ClientTask::Fetch(config) => assert_eq!(config.target.path, "/a%20b%FF%20"),
            ClientTask::Load(_) => panic!("load mode"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_usage_error_is_one_line_with_its_cause() {
    let rows: &[(&[&str], &str)] = &[
        (&["--quux"], "unknown option '--quux'"),
        (&["--quux=bar"], "unknown option '--quux'"),
        (&["-sw"], "unknown option '-w'"),
        (&["-é"], "unknown option '-é'"),
        (&["--f\noo"], "unknown option '--f\\noo'"),
        (&["-o"], "'-o' needs a value, such as -o page.html"),
        (&["-so"], "'-o' needs a value, such as -o page.html"),
        (&["--port"], "'--port' needs a value, such as --port 8080"),
        (&["--silent=yes"], "'--silent' takes no value"),
        (&["-p", "x"], "option '--port': 'x' is not a port: it is a number from 1 to 65535"),
        (&["--host", "a:1"], "option '--host': 'a:1' is not a host name or address"),
        (&["-m", "soon"], "option '--max-time': 'soon' is not a time; write it like 500ms, 10s, 1m30s or 2h"),
        (&["-H", "x"], "option '--header' with 'x': a header field is written 'Name: value'"),
        (&["-X", "A B"], "option '--request' with 'A B': a method is one word such as GET"),
        (&["CONNECT"], "word 'CONNECT': tunnels are not supported"),
        (&["-X", "PUT", "GET"], "two methods are given, GET and PUT: leave one out"),
        (&["-I", "GET"], "two methods are given, GET and HEAD: leave one out"),
        (&["-T", "x", "-d", "a", "/a"], "-T and -d both give a body: leave one out"),
        (&["-d", "@"], "option '--data' needs the name of a file after its @"),
        (&["-T", "x", "GET", "/a"], "-T sends a file, and GET fetches one: leave one out"),
        (&["-IT", "x", "/a"], "-T sends a file, and HEAD fetches one: leave one out"),
        (&["PUT"], "PUT '/': the path ends with a slash and names no file; name it with -T FILE"),
        (&["PUT", "/a", "-O"], "-O would overwrite the sent file with the response; use -o FILE"),
        (
            &["PUT", "/a", "-H", "content-length: 5"],
            "option '--header' with 'content-length': the file determines this field",
        ),
        (&["-O", "-o", "x", "/a"], "-o and -O both name the output file: leave one out"),
        (&["-o", ""], "option '--output' needs the name of a file"),
        (
            &["-O", "/a/"],
            "option '--remote-name' with '/a/': the path ends with a slash and names no file; use -o FILE",
        ),
        (&["/a", "/b"], "unexpected word '/b'"),
        (
            &["--warmup", "1s"],
            "option '--warmup' is for load mode, which begins with -c, -n, -z, -q, --steps, --ramp or --find-rate",
        ),
        (
            &["--no-keepalive", "/a"],
            "option '--no-keepalive' is for load mode, which begins with -c, -n, -z, -q, --steps, --ramp or --find-rate",
        ),
        (&["ftp://h/"], "'ftp://' is not supported; use http:// or https://"),
        (&["--key", "k", "https://h/"], "--key needs the certificate that it fits: name it with --cert"),
        (
            &["--resolve", "h:443", "/a"],
            "option '--resolve' with 'h:443': it is HOST:PORT:ADDRESS, such as example.com:443:127.0.0.1",
        ),
    ];
    for &(args, text) in rows {
        let error = try_parse(args).unwrap_err().to_string();
        let wanted = format!("{text}; see reactor-client --help");
        assert_eq!(error, wanted, "{args:?}");
    }
}

#[test]
fn contradicting_request_options_are_usage_errors() {
    let rows: &[(&[&str], &str)] = &[
        (&["-T", "x", "-T", "y", "/a"], "several -T need a path that ends with a slash, and no -"),
        (&["-T", "x", "-T", "-", "/a/"], "several -T need a path that ends with a slash, and no -"),
        (&["-u", "a:b", "-H", "authorization: c", "/"], "-u and -H both set Authorization: leave one out"),
        (
            &["--create-only", "--if-none-match", "a", "/"],
            "--create-only and --if-none-match set the same field: leave one out",
        ),
        (
            &["--if-match", "a\nb", "/"],
            "option '--if-match' with 'a\\nb': a field value cannot hold line ends or control characters",
        ),
        (
            &["--repr-digest", "md5", "/"],
            "option '--repr-digest' with 'md5': the digest is sha-256 or sha-512",
        ),
    ];
    for &(args, text) in rows {
        let error = try_parse(args).unwrap_err().to_string();
        assert_eq!(error, format!("{text}; see reactor-client --help"), "{args:?}");
    }
}

#[test]
fn help_lists_every_option_in_100_columns() {
    check_table(&PROGRAM, HELP);
    assert!(HELP.ends_with('\n') && !HELP.contains('\t'));
    assert!(HELP.lines().all(|line| line.len() <= 100));
    assert!(!HELP.lines().any(|line| line.ends_with(' ')));
}

#[test]
fn every_help_example_parses() {
    let examples = HELP.split("Examples\n").nth(1).unwrap();
    assert!(examples.lines().count() >= 6);
    for line in examples.lines() {
        let command = line.trim_start().split("   ").next().unwrap();
        let command = command.trim().replace('\'', "");
        let mut args = command.split(' ');
        assert_eq!(args.next(), Some("reactor-client"));
        let outcome = try_parse(&args.collect::<Vec<_>>());
        assert!(matches!(outcome, Ok(Command::Run(_))), "{line}: {outcome:?}");
    }
}

#[test]
fn data_defaults_to_post_with_form_content_type() {
    let rows: [(&[&str], &str, &str); 3] = [
        (&["-d", "a=1", "-d", "b", "/x"], "POST", "application/x-www-form-urlencoded"),
        (&["-d", "a=1", "-d", "b", "PUT", "/x/"], "PUT", "application/x-www-form-urlencoded"),
        (&["-da=1", "--data=b", "-H", "content-type: a/b", "/x"], "POST", "a/b"),
    ];
    let data = ["a=1", "b"].map(|text| Data::Text(text.into())).to_vec();
    for (args, method, media_type) in rows {
        let config = config(args);
        assert_eq!((config.method.as_str(), &config.upload), (method, &Some(Payload::Data(data.clone()))));
        let [(_, FieldEdit::Set(value))] = config.fields.as_slice() else { panic!("{args:?}") };
        assert_eq!(value, media_type, "{args:?}");
    }
}

#[test]
fn login_and_conditions_become_header_fields() {
    let rows: [(&[&str], &str, &str); 9] = [
        (&["-u", "al:a b:c"], "Authorization", "Basic YWw6YSBiOmM="),
        (&["-u", "x:y", "-u", "al:"], "Authorization", "Basic YWw6"),
        (&["http://al:p%40%2F@h/a@b"], "Authorization", "Basic YWw6cEAv"),
        (&["-u", "al:", "http://x:y@h/"], "Authorization", "Basic YWw6"),
        (&["--if-match", "v1"], "If-Match", "\"v1\""),
        (&["--if-match", "*"], "If-Match", "*"),
        (&["--if-none-match", "W/\"v1\""], "If-None-Match", "W/\"v1\""),
        (&["--create-only", "PUT", "/a"], "If-None-Match", "*"),
        (&["--repr-digest", "sha-512"], "Want-Repr-Digest", "sha-512=10"),
    ];
    for (args, name, value) in rows {
        let fields = config(args).fields;
        assert_eq!(fields, [(name.to_owned(), FieldEdit::Set(value.to_owned()))], "{args:?}");
    }
    for args in [&["-u", "al"][..], &["http://al@h/"]] {
        let config = config(args);
        assert_eq!((config.login_user, config.fields.len()), (Some("al".into()), 0), "{args:?}");
    }
    assert_eq!(config(&["/a?to=http://x:y@h/"]).target.path, "/a?to=http://x:y@h/");
}

#[test]
fn several_files_have_their_own_paths() {
    let config = config(&["-T", "d/a", "-T", "e/", "-T", "b c", "/in/?q"]);
    let source = |name: &str| Payload::Source(Source::File(name.into()));
    assert_eq!((config.upload, config.target.path.as_str()), (Some(source("d/a")), "/in/a?q"));
    let more = [(source("e/"), "/in/?q".to_owned()), (source("b c"), "/in/b%20c?q".to_owned())];
    assert_eq!(config.more_uploads, more);
}
