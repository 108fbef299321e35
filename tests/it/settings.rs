//! Settings from a file and from the environment, and `--check`, through the real binary.
//!
//! How each kind of value is read, and what is said of mistakes, is tested beside the code; here it is
//! what a person meets: files that are there or not, processes with an environment, exit codes.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::harness::{Raw, Server, WAIT_MAX, lay_out, lines, reactor_server, wait};

/// Names and values of the environment.
type Variables<'a> = &'a [(&'a str, &'a str)];

const PAGES: &[(&str, &[u8])] = &[("index.html", b"a site"), ("404.html", b"not here"), ("b.html", b"b")];

/// A folder with a site and this file of settings.
fn settings_directory(settings: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary folder");
    lay_out(directory.path(), &[("site/index.html", b"a site"), ("other/index.html", b"another")]);
    fs::write(directory.path().join("site.toml"), settings).expect("the settings");
    directory
}

/// What a run comes to that ends by itself.
fn run(directory: &Path, args: &[&str], variables: Variables<'_>) -> Output {
    let mut command = reactor_server();
    command.args(args).envs(variables.iter().copied()).env_remove("RUST_LOG").current_dir(directory);
    assert_cmd::Command::from_std(command).timeout(WAIT_MAX).output().expect("it ends")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a check prints.
fn check_output(directory: &Path, args: &[&str], variables: Variables<'_>) -> String {
    let output = run(directory, &[&["--check"], args].concat(), variables);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{args:?} {variables:?}");
    stdout(&output)
}

/// The lines without their comments.
fn values(settings: &str) -> Vec<&str> {
    settings.lines().filter_map(|line| Some(line.split_once("  # ")?.0)).collect()
}

#[test]
fn config_file_sets_every_kind_of_option() {
    let settings = "port = 0\nbind = '127.0.0.1'\nroot = 'site'\naccess-log = 'access.log'\n\
                    [error-page]\n404 = 'index.html'\n[header]\nX-Made-By = 'us: all'\n\
                    [cache-control]\n'*.css' = 'no-store'\n'*' = 'no-cache'\n";
    let directory = settings_directory(settings);
    let other_directory = tempfile::tempdir().expect("another folder");
    let mut child = reactor_server()
        .env("REACTOR_HOST", "*")
        .arg("--config")
        .arg(directory.path().join("site.toml"))
        .current_dir(other_directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let printed = lines(child.stdout.take().expect("its stdout")).recv_timeout(WAIT_MAX).expect("a line");
    let address =
        printed.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')).expect("an address");
    let address: SocketAddr = address.parse().expect("an address");
    let mut client = Raw::connect(address);
    let home = client.get("/");
    assert_eq!(home.text(), "a site");
    assert_eq!((home.field("X-Made-By"), home.field("Cache-Control")), (Some("us: all"), Some("no-cache")));
    let missing = client.get("/missing");
    assert_eq!((missing.status, missing.text()), (404, "a site"));
    kill_process(Pid::from_child(&child), Signal::TERM).expect("the signal is sent");
    assert_eq!(wait(child).code(), Some(0));
    let log = fs::read_to_string(directory.path().join("access.log")).expect("a log beside the file");
    assert_eq!(log.lines().count(), 2, "{log}");
    assert_eq!(fs::read_dir(other_directory.path()).expect("a folder").count(), 0);
}

#[test]
fn environment_sets_index_error_page_and_upload() {
    let server = Server::spawn(PAGES, &[], |command| {
        command.env("REACTOR_INDEX", "b.html").env("REACTOR_ERROR_PAGE", "403=b.html\n404=404.html");
        command.env("REACTOR_UPLOAD", "1").env("REACTOR_MAX_UPLOAD", "4").env("REACTOR_VERBOSE", "0");
    });
    let mut client = server.connect();
    assert_eq!(client.get("/").text(), "b");
    assert_eq!(client.get("/missing").text(), "not here");
    for (body, status) in [("1234", 201), ("12345", 413)] {
        let put = format!("PUT /new HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        assert_eq!(server.connect().send(put).reply().status, status);
    }
}

#[test]
fn precedence_is_command_line_environment_file() {
    let directory = settings_directory(
        "port = 1\nroot = 'site'\nindex = 'file.html'\nquiet = true\nbind = ['::1', '::']",
    );
    let path = |name: &str| format!("root = \"{}\"", directory.path().join(name).display());
    let (site, other) = (path("site"), path("other"));
    let file: &[&str] = &["-c", "site.toml"];
    let both = &[("REACTOR_PORT", "2"), ("REACTOR_INDEX", "environment.html"), ("REACTOR_QUIET", "no")];
    let cases: &[(&[&str], Variables<'_>, &[&str])] = &[
        (&[], &[], &["port = 8080", "index = \"index.html\"", "quiet = false"]),
        (file, &[], &["port = 1", &site, "index = \"file.html\"", "quiet = true", "access-log = \"off\""]),
        (&[], both, &["port = 2", "index = \"environment.html\"", "quiet = false"]),
        (file, both, &["port = 2", "index = \"environment.html\"", "quiet = false", &site]),
        (&["-p3"], both, &["port = 3", "index = \"environment.html\""]),
        (&["3", "-cother/../site.toml"], &[], &["port = 3", "index = \"file.html\"", "quiet = true"]),
        (
            &["3", "other", "-c", "site.toml", "-i", "a", "-q"],
            both,
            &["port = 3", &other, "index = \"a\"", "quiet = true"],
        ),
        (file, &[("REACTOR_BIND", "127.0.0.1")], &["bind = [\"127.0.0.1\"]", "port = 1"]),
        (&["-b127.0.0.2", "-c", "site.toml"], &[("REACTOR_BIND", "127.0.0.1")], &["bind = [\"127.0.0.2\"]"]),
        (
            &[],
            &[("REACTOR_CONFIG", "site.toml"), ("REACTOR_PORT", "2")],
            &["port = 2", "quiet = true", &site],
        ),
    ];
    for (args, variables, expected) in cases {
        let settings = check_output(directory.path(), args, variables);
        for line in *expected {
            assert!(values(&settings).contains(line), "{args:?} {variables:?}: {line}\n{settings}");
        }
    }
}

#[test]
fn check_output_used_as_config_gives_same_settings() {
    let directory = settings_directory("quiet = true\n[error-page]\n404 = 'b'\n403 = 'a'\n");
    lay_out(directory.path(), &[("site/in/.keep", b""), ("site/a", b"a"), ("site/b", b"b")]);
    let args = [
        "-c",
        "site.toml",
        "-d./site",
        "-u=in",
        "--access-log=a.log",
        "--grace=1.5s",
        "--upload-open",
        "-b::",
        "-b::1",
    ];
    let settings = check_output(directory.path(), &args, &[("REACTOR_IDLE_TIMEOUT", "90")]);
    let comments = ["# site.toml:1", "# command line", "# REACTOR_IDLE_TIMEOUT", "# default"];
    assert!(comments.iter().all(|comment| settings.contains(comment)), "{settings}");
    let other_directory = tempfile::tempdir().expect("another folder");
    fs::write(other_directory.path().join("copy.toml"), &settings).expect("the copy");
    let again = check_output(other_directory.path(), &["-c", "copy.toml"], &[]);
    assert_eq!(values(&again), values(&settings));
    assert!(again.contains("idle-timeout = 90  # copy.toml:"), "{again}");
    assert!(!directory.path().join("a.log").exists(), "a check makes nothing");
}

#[test]
fn check_reports_the_same_errors_as_start() {
    let directory = settings_directory("root = 'missing'");
    let table: &[(&[&str], &str)] = &[
        (&["-c", "site.toml"], "cannot serve 'missing'"),
        (&["/dev/null"], "name the directory that holds it with --root"),
        (&["site", "--upload=incoming"], "there is no such directory"),
        (&["site", "--access-log=missing/log"], "cannot write the access log 'missing/log'"),
        (&["site", "--access-log=site"], "cannot write the access log 'site'"),
    ];
    for (args, expected) in table {
        let output = run(directory.path(), &[&["--check"], *args].concat(), &[]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()), "{args:?}");
        let printed = stderr(&output);
        assert!(printed.lines().count() == 1 && printed.contains(expected), "{args:?}: {printed}");
    }
    let output = run(directory.path(), &["--check", "site", "--fallback=missing.html"], &[]);
    assert_eq!(output.status.code(), Some(0), "it may come later");
    assert!(stderr(&output).contains("--fallback: cannot serve"), "{}", stderr(&output));
    let output = run(directory.path(), &["--check", "site", "--max-connections=999999999"], &[]);
    let printed = stderr(&output);
    assert_eq!((output.status.code(), printed.lines().count()), (Some(0), 1), "{printed}");
    assert!(
        printed.contains("and --max-connections is 999999999; raise the limit with `ulimit -n"),
        "{printed}"
    );
}

#[test]
fn check_succeeds_while_the_port_is_in_use() {
    let server = Server::serving(PAGES);
    let port = server.address().port().to_string();
    let args = ["-b127.0.0.1", "-p", &port];
    let settings = check_output(&server.root(), &args, &[]);
    assert!(values(&settings).contains(&&*format!("port = {port}")), "{settings}");
}

/// Exactly one line on standard error, and exit code 2.
fn expect_refusal(directory: &Path, args: &[&str], variables: Variables<'_>, expected: &str) {
    for args in [args.to_vec(), [&["--check"], args].concat()] {
        let output = run(directory, &args, variables);
        let printed = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{args:?}: {printed}");
        assert!(printed.starts_with(&format!("reactor-server: {expected}")), "{args:?}: {printed}");
        assert_eq!(printed.lines().count(), 1, "{args:?}: {printed}");
    }
}

#[test]
fn config_file_errors_name_the_line() {
    let cases = [
        ("\n\nprot = 1", "site.toml:3: unknown key 'prot'; did you mean 'port'? see reactor-server --help"),
        ("quite = true", "site.toml:1: unknown key 'quite'; did you mean 'quiet'?"),
        ("[site]\nport = 1", "site.toml:1: unknown key 'site'; see"),
        ("port = true", "site.toml:1: port: expected a number such as 8080, found true"),
        ("quiet = 'yes'", "site.toml:1: quiet: expected true or false, found a string"),
        ("# one\nbind = ['::1',\n'nowhere']", "site.toml:3: bind: 'nowhere' is not an IP address"),
        ("[error-page]\n404 = 'a'\n400 = 'b'", "site.toml:3: error-page: '400' cannot have a page"),
        ("port = 'http'", "site.toml:1: port: 'http' is not a port; write 0 to 65535"),
        ("idle-timeout = 0", "site.toml:1: idle-timeout: '0' is too short"),
        ("grace = 1\r\ngrace = 2\r\n", "site.toml:2: invalid TOML: duplicate key"),
        ("root = site", "site.toml:1: invalid TOML: string values must be quoted"),
        ("check = true", "site.toml:1: 'check' is not a setting; use it on the command line"),
        ("no-http = true", "site.toml:1: '--no-http' needs --sum-port, which is not given"),
    ];
    for (settings, expected) in cases {
        expect_refusal(settings_directory(settings).path(), &["-c", "site.toml"], &[], expected);
    }
}

#[test]
fn config_file_with_crlf_and_bom_is_parsed() {
    let directory =
        settings_directory("\u{feff}# made elsewhere\r\nport = 7\r\nbind = [\r\n  '::1',\r\n]\r\n");
    let settings = check_output(directory.path(), &["-c", "site.toml"], &[]);
    assert!(settings.contains("port = 7  # site.toml:2\n"), "{settings}");
    assert!(settings.contains("bind = [\"::1\"]  # site.toml:4\n"), "{settings}");
}

#[test]
fn unreadable_config_file_prints_remedy_and_exits_2() {
    let directory = settings_directory("");
    let path = directory.path();
    symlink("loop", path.join("loop")).expect("a link");
    fs::write(path.join("latin.toml"), b"index = 'caf\xe9'").expect("the file");
    fs::write(path.join("long.toml"), vec![b'#'; 2 << 20]).expect("the file");
    let cases = [
        ("none.toml", "--config: cannot read 'none.toml': No such file or directory (os error 2); create it"),
        ("site", "--config: cannot read 'site': Is a directory (os error 21); name another"),
        ("loop", "--config: cannot read 'loop': Too many levels"),
        ("long.toml", "--config: cannot read 'long.toml': it is longer than 1 MiB; name another"),
        ("latin.toml", "latin.toml:1: invalid TOML: it is not UTF-8"),
        ("a\nb", "--config: cannot read 'a\\nb': No such file"),
    ];
    for (name, expected) in cases {
        expect_refusal(path, &["--config", name], &[], expected);
    }
    let expected = "REACTOR_CONFIG: cannot read 'none.toml': No such file";
    expect_refusal(path, &[], &[("REACTOR_CONFIG", "none.toml")], expected);
    if geteuid().is_root() {
        eprintln!("skipped in part: root may read everything");
        return;
    }
    fs::set_permissions(path.join("site.toml"), fs::Permissions::from_mode(0o000)).expect("its mode");
    expect_refusal(path, &["-c", "site.toml"], &[], "--config: cannot read 'site.toml': Permission denied");
}

#[test]
fn environment_variable_errors_name_the_variable() {
    let directory = settings_directory("");
    for (name, value, expected) in [
        ("REACTOR_PORT", "http", "REACTOR_PORT: 'http' is not a port; write 0 to 65535"),
        ("REACTOR_QUIET", "maybe", "REACTOR_QUIET: 'maybe' is neither on nor off; write 1 or 0"),
        ("REACTOR_BIND", "::1\n::1", "REACTOR_BIND: address ::1 is given twice; leave one out"),
        ("REACTOR_ERROR_PAGE", "404", "REACTOR_ERROR_PAGE: '404' is not a status and a file"),
        ("REACTOR_UPLOAD", "../x", "REACTOR_UPLOAD: '../x' is not a path beneath the root"),
    ] {
        expect_refusal(directory.path(), &[], &[(name, value)], expected);
    }
}

#[test]
fn unknown_environment_variable_is_a_warning() {
    let server = Server::spawn(PAGES, &[], |command| {
        command.env("REACTOR_SERVICE_HOST", "10.0.0.1").env("REACTOR_QUITE", "1").env_remove("RUST_LOG");
    });
    assert_eq!(server.get("/").text(), "a site");
    let printed = server.stop().stderr;
    let warned =
        |expected: &str| printed.lines().any(|line| line.contains("WARN") && line.ends_with(expected));
    assert!(warned("REACTOR_SERVICE_HOST is not a setting"), "{printed}");
    assert!(warned("REACTOR_QUITE is not a setting; did you mean REACTOR_QUIET?"), "{printed}");
}

#[test]
fn help_ignores_invalid_config_file_and_variables() {
    let directory = settings_directory("nonsense");
    let output = run(directory.path(), &["-c", "site.toml", "--check", "-h"], &[("REACTOR_PORT", "x")]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    assert!(stdout(&output).starts_with("reactor-server serves"));
}
