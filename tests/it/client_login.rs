//! Login, conditions, and what asks at a terminal before it sends.
//!
//! The terminal is a pseudo-terminal.

use rustix::termios::{LocalModes, tcgetattr};

use crate::harness::{Client, Screen, Scripted, Server, client, client_in};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn is_echoing(terminal: &std::fs::File) -> bool {
    tcgetattr(terminal).expect("its modes").local_modes.contains(LocalModes::ECHO | LocalModes::ICANON)
}

#[test]
fn password_is_asked_without_echo_and_never_shown() {
    let server = Scripted::answering(OK);
    let args = ["-v", "-u", "al", "-p", &server.port(), "/"];
    let mut running = Client::start(&args, Screen::Keyboard, |_| ());
    running.stderr().wait_for("password of al: ");
    let terminal = running.type_text("wrong\u{15}secr\u{e9}\u{7f}et\n");
    let outcome = running.finish().expect(0);
    assert!(is_echoing(&terminal));
    let request = server.request();
    assert!(request.contains("\r\nAuthorization: Basic YWw6c2VjcmV0"), "{request}");
    assert!(outcome.stderr.contains("> Authorization: (redacted)"), "{}", outcome.stderr);
    for secret in ["secr", "wrong", "YWw6"] {
        assert!(!outcome.stderr.contains(secret), "{}", outcome.stderr);
    }
}

#[test]
fn ctrl_c_at_the_password_restores_echo_and_exits_130() {
    for (typed, code) in [("sec\u{3}", 130), ("\u{4}", 2)] {
        let mut running = Client::start(&["-u", "al", "http://127.0.0.1:1/"], Screen::Keyboard, |_| ());
        running.stderr().wait_for("password of al: ");
        let terminal = running.type_text(typed);
        let outcome = running.finish().expect(code);
        assert!(is_echoing(&terminal));
        assert!(!outcome.stderr.contains("sec"), "{}", outcome.stderr);
    }
}

#[test]
fn load_mode_asks_for_the_password_too() {
    let server = Server::serving(&[("a", b"a")]);
    let url = format!("http://al@{}/a", server.address());
    let mut running = Client::start(&["-n1", &url, "--out", "/dev/null"], Screen::Keyboard, |_| ());
    running.stderr().wait_for("password of al: ");
    running.type_text("\n");
    running.finish().expect(0);
}

#[test]
fn question_without_a_terminal_exits_2_with_remedy() {
    if std::fs::File::open("/dev/tty").is_ok() {
        eprintln!("skipped: there is a terminal, at which the client would ask");
        return;
    }
    let outcome = client(&["DELETE", "http://127.0.0.1:1/"]).expect(2);
    let words = "cannot ask whether to delete: there is no terminal; -y deletes without a question";
    assert_eq!(outcome.complaint(), format!("reactor-client: {words}"));
    let outcome = client(&["-u", "al", "http://127.0.0.1:1/"]).expect(2);
    let words = "cannot ask for the password of 'al': there is no terminal; write -u 'al:...'";
    assert_eq!(outcome.complaint(), format!("reactor-client: {words}"));
}

#[test]
fn delete_asks_and_sends_only_after_yes() {
    for (typed, code) in
        [("y\n", 0), ("YES \n", 0), ("\n", 42), ("no\n", 42), ("yesterday\n", 42), ("\u{4}", 2)]
    {
        let server = Scripted::answering("HTTP/1.1 204 No Content\r\n\r\n");
        let args = ["DELETE", "-p", &server.port(), "/a%20b"];
        let mut running = Client::start(&args, Screen::Keyboard, |_| ());
        running.stderr().wait_for(&format!("delete http://127.0.0.1:{}/a%20b? [y/N] ", server.port()));
        running.type_text(typed);
        let outcome = running.finish().expect(code);
        let is_deleted = outcome.stderr.contains("deleted /a%20b: 204 No Content");
        assert_eq!(is_deleted, code == 0, "{typed:?}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.contains("connected to"), code == 0, "{typed:?}");
    }
}

#[test]
fn refused_delete_exits_22_in_the_words_of_the_server() {
    let problem = "{\"title\": \"Conflict\", \"detail\": \"The directory\u{202e} is\\nnot empty.\"}";
    for (status, kind, body, words) in [
        (
            "409 Conflict",
            "application/problem+json",
            problem,
            "refused it with 409 Conflict: The directory\u{fffd} is",
        ),
        (
            "403 Forbidden",
            "Text/Plain; charset=utf-8",
            "403 Forbidden\n\nNot here.\nx",
            "403 Forbidden: Not here",
        ),
        ("403 Forbidden", "text/html", "<p>Not", "refused it with 403 Forbidden"),
        ("403 Forbidden", "application/problem+json", "{", "refused it with 403 Forbidden"),
        ("507 Full", "text/plain", "No room.", "failed with 507 Full: No room"),
        ("401 Unauthorized", "text/plain", "Who?", "401 Unauthorized: Who?; log in with -u USER"),
        ("421 Elsewhere", "text/plain", "", "refused it with 421 Elsewhere"),
        (
            "428 Precondition Required",
            "a/b",
            "",
            "428 Precondition Required; set a condition with --create-only or --if-match ETAG",
        ),
    ] {
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        for option in ["-y", "-yf"] {
            let server = Scripted::answering(format!("{head}{body}"));
            let outcome = client(&[option, "DELETE", "-p", &server.port(), "/a"]).expect(22);
            let line = outcome.complaint();
            assert!(
                line.starts_with("reactor-client: not deleted: the server ") && line.ends_with(words),
                "{line}"
            );
            assert_eq!(outcome.text(), if option == "-y" { body } else { "" });
        }
    }
}

#[test]
fn failed_condition_exits_22_and_says_what_it_was() {
    let server = Server::with(&[], &["--upload"]);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), "a").expect("a file");
    let url = format!("http://{}/a", server.address());
    client_in(folder.path(), &["--create-only", "PUT", &url]).expect(0);
    for (args, hint) in [
        (&["--create-only"][..], "; there is something of this name"),
        (&["--if-match", "other"], "; what is there does not meet the condition"),
    ] {
        let outcome = client_in(folder.path(), &[args, &["PUT", &url]].concat()).expect(22);
        let line = outcome.complaint();
        assert!(
            line.contains("not stored: the server refused it with 412 ") && line.ends_with(hint),
            "{line}"
        );
    }
    let server = Scripted::answering("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    let outcome = client(&["-f", "-u", "al:ice", "-p", &server.port(), "/a"]).expect(22);
    assert!(outcome.complaint().ends_with("; the user name or the password is wrong"), "{}", outcome.stderr);
}

#[test]
fn login_is_not_in_the_log() {
    let server = Scripted::answering(OK);
    let url = format!("http://al:ice@127.0.0.1:{}/", server.port());
    let outcome = client(&["--log", "-", "-v", &url]).expect(0);
    assert!(server.request().contains("Authorization: Basic YWw6aWNl"));
    for shown in [outcome.text(), &outcome.stderr] {
        assert!(!shown.contains("YWw6aWNl") && !shown.contains("ice@"), "{shown}");
    }
}
