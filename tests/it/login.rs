//! Login: who gets a response, who waits, and what a wrong password costs whom.
//!
//! Each hash is made here, by the crate that reads it, unless another program has published it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use argon2::{Argon2, PasswordHasher};
use base64::prelude::{BASE64_STANDARD, Engine};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::{Raw, Reply, Server, WAIT_MAX, at_once, names_in, pattern, reactor_server};

const FILE: (&str, &[u8]) = ("a.txt", b"hello\n");
/// The password is `Hello world!`; from the specification of SHA-crypt.
const SHA512: &str =
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
const SHA256: &str = "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA";

fn bcrypt(password: &str, cost: u32) -> String {
    let parts = bcrypt::hash_with_result(password, cost).expect("a hash");
    parts.format_for_version(bcrypt::Version::TwoY)
}

/// A password file outside the root.
struct Users(TempDir);

impl Users {
    fn new(text: &str) -> Self {
        let users = Self(tempfile::tempdir().expect("a directory"));
        users.replace(text);
        users
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("users")
    }

    fn replace(&self, text: &str) {
        let new = self.0.path().join("new");
        fs::write(&new, text).expect("a file");
        fs::set_permissions(&new, Permissions::from_mode(0o600)).expect("its mode");
        fs::rename(new, self.path()).expect("its name");
    }

    fn serve(&self, options: &[&str]) -> Server {
        let path = self.path();
        Server::with(&[FILE], &[&["--auth-file", path.to_str().expect("UTF-8")], options].concat())
    }

    fn expect_refused(&self, part: &str) {
        let output = reactor_server().arg("--check").arg("--auth-file").arg(self.path()).output();
        let output = output.expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(part), "{stderr}");
    }
}

fn wait_until(mut is_done: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT_MAX;
    while !is_done() {
        assert!(Instant::now() < deadline, "it never comes");
        thread::yield_now();
    }
}

fn basic(text: impl AsRef<[u8]>) -> String {
    format!("Authorization: Basic {}", BASE64_STANDARD.encode(text))
}

/// A GET of the file with this field.
fn get_with(client: &mut Raw, fields: &str) -> Reply {
    client.ask("GET /a.txt", fields)
}

fn log_in(server: &Server, text: impl AsRef<[u8]>) -> u16 {
    get_with(&mut server.connect(), &basic(text)).status
}

#[test]
fn each_kind_of_hash_lets_its_password_in() {
    let argon2 = Argon2::default().hash_password_with_salt(b"p", b"saltsalt").expect("a hash");
    let users = Users::new(&format!("b:{}\na:{argon2}\ns:{SHA512}\nt:{SHA256}\n", bcrypt("p:\u{fc}:", 5)));
    let server = users.serve(&["--auth", "plain:p:q"]);
    let mut client = server.connect();
    for text in ["b:p:\u{fc}:", "a:p", "s:Hello world!", "t:Hello world!", "plain:p:q"] {
        let reply = get_with(&mut client, &basic(text));
        assert_eq!((reply.status, reply.text()), (200, "hello\n"), "{text}");
        let other = text.split(':').next().expect("a user");
        let wrong = get_with(&mut client, &basic(format!("nobody{other}:Hello world!")));
        // Wrong passwords are delayed, but a cached success is not.
        assert!([401, 503].contains(&wrong.status), "{text}: {}", wrong.head);
        assert_eq!(get_with(&mut client, &basic(text)).status, 200, "{text}");
    }
}

#[test]
fn missing_or_malformed_credentials_get_challenge() {
    let server = Server::with(&[FILE], &["--auth", "u:secret"]);
    let mut client = server.connect();
    let encoded = |text: &[u8]| basic(text);
    let rows = [
        String::new(),
        "Authorization: Basic".to_owned(),
        "Authorization: Basic !!!".to_owned(),
        "Authorization: Basic dTpzZWNyZXQ".to_owned(),
        "Authorization: Bearer dTpzZWNyZXQ=".to_owned(),
        encoded(b"no colon"),
        encoded(b":secret"),
        encoded(b"u:secret\n"),
        encoded(&[&b"u:"[..], &[b'x'; 4000]].concat()),
    ];
    for fields in rows {
        let reply = get_with(&mut client, &fields);
        assert_eq!(reply.status, 401, "{fields}: {}", reply.head);
        let challenge = reply.field("WWW-Authenticate");
        assert_eq!(challenge, Some("Basic realm=\"reactor-server\", charset=\"UTF-8\""), "{fields}");
        assert!(!reply.text().contains("secret"), "{}", reply.text());
    }
    assert_eq!(get_with(&mut client, &basic(b"u:\xff\xfe")).status, 401, "bytes that are no UTF-8");
    assert_eq!(get_with(&mut client, "authorization: bASIC  dTpzZWNyZXQ=").status, 200);
    assert_eq!(client.ask("HEAD /a.txt", &basic("u:secret")).status, 200);
    assert_eq!(client.ask("OPTIONS *", "").status, 401);
    assert_eq!(client.ask("BREW /a.txt", "").status, 401);
    assert_eq!(client.get("/none").status, 401, "nobody learns what is not there");
    client.send("GET /a.txt HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply().status, 401);
}

#[test]
fn every_path_of_a_get_needs_the_login() {
    let files: &[(&str, &[u8])] =
        &[FILE, ("d/b.txt", b"b"), ("login.html", b"<p>log in</p>"), ("f.html", b"f")];
    let options = ["--auth=u:p", "--listing=auto", "--fallback=f.html", "--error-page=401=login.html"];
    let server = Server::with(files, &options);
    let mut client = server.connect();
    let login = basic("u:p");
    for path in ["/a.txt", "/d/", "/d/?archive=tar", "/nowhere", "/%", "/a.txt?q"] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.text()), (401, "<p>log in</p>"), "{path}");
        assert!(reply.field("WWW-Authenticate").is_some() && reply.field("ETag").is_none(), "{}", reply.head);
        // A second time, from whatever cache.
        assert_eq!(client.get(path).status, 401, "{path}");
    }
    let reply = get_with(&mut client, &login);
    let tag = reply.field("ETag").expect("a tag").to_owned();
    for fields in [format!("If-None-Match: {tag}"), "Range: bytes=0-1".to_owned()] {
        assert_eq!(get_with(&mut client, &fields).status, 401, "{fields}");
        let status = get_with(&mut client, &format!("{fields}\r\n{login}")).status;
        assert!([304, 206].contains(&status), "{fields}: {status}");
    }
    for _ in 0..3 {
        assert_eq!(get_with(&mut client, &login).status, 200);
        assert_eq!(get_with(&mut client, "").status, 401);
    }
    let list = client.ask("GET /d/", &format!("{login}\r\nAccept: text/plain"));
    assert!(list.status == 200 && list.text().contains("b.txt"), "{}", list.head);
}

#[test]
fn put_without_login_stores_nothing_and_gets_no_100() {
    let users = Users::new(&format!("u:{}\n", bcrypt("p", 5)));
    let server = users.serve(&["--upload", "--auth-for=writes"]);
    let mut client = server.connect();
    assert_eq!(client.get("/a.txt").status, 200, "reading is free");
    for method in ["PUT", "DELETE", "POST", "PATCH", "BREW"] {
        let reply = client.ask(&format!("{method} /new"), "Content-Length: 0");
        assert_eq!(reply.status, 401, "{method}");
    }
    client.send("PUT /new HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nbad");
    assert_eq!(client.reply().status, 401);
    let expecting = "Content-Length: 3\r\nExpect: 100-continue";
    assert_eq!(client.ask("PUT /new", expecting).status, 401, "before any 100");
    let mut client = server.connect();
    let wrong = format!("{expecting}\r\n{}", basic("u:wrong"));
    assert_eq!(client.ask("PUT /new", &wrong).status, 401);
    assert_eq!(names_in(&server.root()), ["a.txt"]);
    let mut client = server.connect();
    client.send(format!("PUT /new HTTP/1.1\r\nHost: test\r\n{expecting}\r\n{}\r\n\r\n", basic("u:p")));
    assert_eq!(client.reply().status, 100);
    client.send("yes");
    assert_eq!(client.reply().status, 201);
    let large = pattern(300_000);
    let head =
        format!("PUT /large HTTP/1.1\r\nHost: test\r\nContent-Length: 300000\r\n{}\r\n\r\n", basic("u:p"));
    client.send([head.as_bytes(), &large].concat());
    assert_eq!(client.reply().status, 201);
    assert_eq!(fs::read(server.root().join("large")).expect("the file"), large);
}

#[test]
fn preflight_needs_no_login_and_only_with_cors() {
    let preflight = "Origin: http://b\r\nAccess-Control-Request-Method: PUT\r\n\
                     Access-Control-Request-Headers: authorization";
    for (options, status) in [(&["--auth=u:p", "--cors"][..], 204), (&["--auth=u:p"], 401)] {
        let server = Server::with(&[FILE], options);
        let mut client = server.connect();
        let reply = client.ask("OPTIONS /a.txt", preflight);
        assert_eq!(reply.status, status, "{options:?}");
        assert_eq!(client.ask("OPTIONS /a.txt", "Origin: http://b").status, 401);
        assert_eq!(get_with(&mut client, preflight).status, 401, "a preflight is an OPTIONS request");
    }
}

#[test]
fn preflight_without_login_tells_of_no_file() {
    let options = ["--auth=u:p", "--cors", "--upload", "--allow-delete", "--allow-mkdir"];
    let server = Server::with(&[FILE], &options);
    let mut client = server.connect();
    for path in ["/a.txt", "/missing", "/", "/.hidden", "/%zz"] {
        let preflight = "Origin: http://b\r\nAccess-Control-Request-Method: PUT";
        let reply = client.ask(&format!("OPTIONS {path}"), preflight);
        assert_eq!(reply.field("Allow"), Some("GET, HEAD, OPTIONS, PUT, POST, DELETE, MKCOL"), "{path}");
    }
}

#[test]
fn get_beside_a_running_verification_is_answered_first() {
    // In two workers; a hash of this cost takes a second or more.
    let users = Users::new(&format!("slow:{}\n", bcrypt("p", 14)));
    for workers in ["--workers=1", "--workers=2"] {
        let server = users.serve(&["--auth=fast:p", workers]);
        let (mut slow, mut fast) = (server.connect(), server.connect());
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: test\r\n{}\r\n\r\n", basic("slow:p"));
        slow.send(&request);
        for _ in 0..20 {
            assert_eq!(get_with(&mut fast, &basic("fast:p")).status, 200);
        }
        // Of one address, one verification at a time, but the same credentials wait for the same one.
        let refused = get_with(&mut fast, &basic("slow:other"));
        assert_eq!((refused.status, refused.field("Retry-After")), (503, Some("1")));
        let mut joined = server.connect();
        joined.send(&request);
        slow.socket().set_nonblocking(true).expect("an option");
        let is_waiting = slow.socket().peek(&mut [0]).is_err();
        slow.socket().set_nonblocking(false).expect("an option");
        assert!(is_waiting, "the slow response came first");
        assert_eq!((slow.reply().status, joined.reply().status), (200, 200));
        // Both workers know it now.
        at_once(0..8, |_| assert_eq!(log_in(&server, "slow:p"), 200));
    }
}

#[test]
fn pipelined_requests_wait_for_the_login_in_order() {
    let users = Users::new(&format!("u:{}\n", bcrypt("p", 9)));
    let server = users.serve(&["--auth-for=writes", "--upload"]);
    let mut client = server.connect();
    let put = format!("PUT /new HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n{}\r\n\r\nnew", basic("u:p"));
    let get = "GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\nGET /new HTTP/1.1\r\nHost: t\r\n\r\n";
    client.send(format!("{get}{put}{get}"));
    let statuses: Vec<u16> = (0..5).map(|_| client.reply().status).collect();
    assert_eq!(statuses, [200, 404, 201, 200, 200]);
}

#[test]
fn changed_password_file_counts_at_once_after_sighup() {
    let users = Users::new(&format!("u:{}\n", bcrypt("old", 5)));
    for workers in ["--workers=1", "--workers=2"] {
        users.replace(&format!("u:{}\n", bcrypt("old", 5)));
        let server = users.serve(&[workers]);
        let mut client = server.connect();
        // In the cache of requests, too.
        (0..4).for_each(|_| assert_eq!(get_with(&mut client, &basic("u:old")).status, 200));
        users.replace("u:plain\n");
        server.signal(Signal::HUP);
        assert_eq!(get_with(&mut client, &basic("u:old")).status, 200, "the old file stays");
        users.replace(&format!("u:{}\n", bcrypt("new", 5)));
        // It is looked at each second.
        wait_until(|| log_in(&server, "u:new") == 200);
        assert_ne!(get_with(&mut client, &basic("u:old")).status, 200);
        users.replace("# nobody\n");
        server.signal(Signal::HUP);
        wait_until(|| get_with(&mut client, &basic("u:new")).status != 200);
    }
}

#[test]
fn unusable_password_file_is_told_once_and_old_one_stays() {
    let users = Users::new(&format!("u:{}\n", bcrypt("p", 5)));
    let server = users.serve(&[]);
    users.replace("# one\nu:plain\n");
    for _ in 0..2 {
        server.signal(Signal::HUP);
        // The tick that answers has seen the signal.
        assert_eq!(log_in(&server, "u:p"), 200);
    }
    let stderr = server.stop().stderr;
    let line = format!("--auth-file '{}': line 2 has no hash of bcrypt", users.path().display());
    assert_eq!(stderr.matches(&line).count(), 1, "{stderr}");
    assert!(stderr.contains("make one with htpasswd -B; the loaded passwords stay in use"), "{stderr}");
    fs::set_permissions(users.path(), Permissions::from_mode(0o644)).expect("its mode");
    users.expect_refused("line 2 has no hash");
    fs::write(users.path(), "").expect("a file");
    assert!(users.serve(&[]).stop().stderr.contains("other users can read the password file"));
}

#[test]
fn start_without_safe_login_is_refused_with_remedy() {
    let users = Users::new("");
    let root = users.0.path().to_str().expect("UTF-8");
    let upload = ["--bind=0.0.0.0", "--upload", "--root", root];
    let auth = ["--bind=0.0.0.0", "--auth=u:secret"];
    for (options, part) in [
        (&["--auth", "secret"][..], "--auth: a value is not a user, a colon and a password"),
        (&["--auth", ":secret"], "write it like user:password"),
        (
            &["--auth=u:p", "--auth-for", "all "],
            "--auth-for: 'all ' is invalid: it is all or writes; did you mean 'all'?",
        ),
        (&["--auth-for", "writes"], "--auth-for needs a login"),
        (&["--auth-insecure"], "--auth-insecure needs a login"),
        (&["--auth-file", "/none"], "cannot read the --auth-file '/none'"),
        (&["--auth-file", "/dev/null"], "it is not a regular file"),
        (&auth, "accept that with --auth-insecure"),
        (&upload, "accept that with --upload-open"),
        (&[&upload[..], &["--auth=u:p"]].concat(), "accept that with --auth-insecure"),
    ] {
        let output = reactor_server().arg("--check").args(options).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(part), "{options:?}: {stderr}");
        assert!(stderr.lines().count() == 1 && !stderr.contains(":secret"), "{stderr}");
    }
    for options in [
        &[&auth[..], &["--auth-insecure"]].concat()[..],
        &[&upload[..], &["--upload-open"]].concat(),
        &["--auth=u:secret", "--bind=127.0.0.2"],
    ] {
        let output = reactor_server().arg("--check").args(options).output().expect("it runs");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!stdout.contains("secret\"") && !stdout.contains("u:secret"), "{stdout}");
    }
}

#[test]
fn login_comes_from_the_environment_too() {
    let server = Server::spawn(&[FILE], &[], |command| {
        command.env("REACTOR_AUTH", "u:p\nv:q");
    });
    let statuses = ["u:p", "v:q", "u:q"].map(|text| log_in(&server, text));
    assert_eq!(statuses, [200, 200, 401]);
}

#[test]
fn log_shows_user_but_no_password() {
    for format in ["common", "combined", "json", "headers"] {
        let server = Server::with(&[FILE], &["--auth=a b\"c:hunter2", "--log-format", format]);
        let mut client = server.connect();
        for fields in [basic("a b\"c:hunter2"), basic("eve:hunter3"), String::new()] {
            get_with(&mut client, &fields);
            get_with(&mut client, &fields);
        }
        drop(client);
        let stopped = server.stop();
        let shown = match format {
            "json" => "\"user\":\"a b\\\"c\"",
            "headers" => "* user a b\"c\n",
            _ => "127.0.0.1 - a\\x20b\\\"c [",
        };
        assert_eq!(stopped.log.matches(shown).count(), 2, "{}", stopped.log);
        let encoded = BASE64_STANDARD.encode("a b\"c:hunter2");
        for secret in ["hunter2", "hunter3", "eve", &encoded] {
            assert!(!stopped.log.contains(secret), "{secret}: {}", stopped.log);
        }
    }
}

#[cfg(feature = "tls")]
#[test]
fn plain_port_beside_tls_takes_no_password() {
    use crate::harness::secure::over_tls;
    over_tls(|| {
        // The harness gives the certificate; its one port speaks TLS.
        let server = Server::with(&[FILE], &["--auth=u:p"]);
        assert_eq!((log_in(&server, "u:p"), server.get("/a.txt").status), (200, 401));
    });
    let certificate = crate::harness::secure::Certificate::new(&["localhost"]);
    let pair = certificate.options();
    let options: Vec<&str> = pair.iter().map(String::as_str).collect();
    let server = Server::with(&[FILE], &[&options[..], &["--tls-port=0", "--auth=u:p"]].concat());
    let mut client = server.connect();
    for fields in [basic("u:p"), basic("u:p"), String::new()] {
        let reply = get_with(&mut client, &fields);
        assert_eq!((reply.status, reply.field("WWW-Authenticate")), (403, None), "{fields}");
    }
    let server = Server::with(
        &[FILE],
        &[&options[..], &["--tls-port=0", "--auth=u:p", "--redirect-to-https"]].concat(),
    );
    assert_eq!(server.get("/a.txt").status, 308);
}
