//! Programs of other people over TLS: the clients curl, wget, Python, Node and openssl; the servers of openssl and nginx.
//!
//! Each trusts the certificate of its test, and nothing else.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{home, run, succeed};
use crate::harness::secure::Certificate;
use crate::harness::{Outcome, Server, client};

const TEXT: &[u8] = b"read over TLS\n";

fn serve(certificate: &Certificate) -> Server {
    let options = certificate.options();
    let options: Vec<&str> = options.iter().map(String::as_str).chain(["--upload"]).collect();
    Server::with(&[("a.txt", TEXT), ("large", &crate::harness::pattern(3_000_000))], &options)
}

#[test]
fn curl_wget_python_and_node_fetch_over_tls() {
    let certificate = Certificate::new(&["localhost"]);
    let server = serve(&certificate);
    let chain = certificate.chain.to_str().expect("UTF-8");
    let url = |path: &str| format!("https://localhost:{}{path}", server.address().port());
    let home = home();
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let read = succeed("curl", home.path(), &["-sS", "--cacert", chain, version, &url("/a.txt")]);
        assert!(read.is_none_or(|text| text.as_bytes() == TEXT));
    }
    let ranges = ["-sS", "--cacert", chain, "-r", "5-9", &url("/a.txt")];
    assert!(succeed("curl", home.path(), &ranges).is_none_or(|text| text == "over "));
    fs::write(home.path().join("sent"), "sent over TLS").expect("a file");
    let upload = ["-sS", "--fail", "--cacert", chain, "-T", "sent", &url("/sent")];
    if succeed("curl", home.path(), &upload).is_some() {
        assert_eq!(fs::read(server.root().join("sent")).expect("a file"), b"sent over TLS");
    }
    let large = ["-q", "--ca-certificate", chain, "-O", "large", &url("/large")];
    if succeed("wget", home.path(), &large).is_some() {
        assert_eq!(fs::read(home.path().join("large")).expect("a file"), crate::harness::pattern(3_000_000));
    }
    let python = "import ssl, sys, urllib.request\n\
        context = ssl.create_default_context(cafile=sys.argv[1])\n\
        print(urllib.request.urlopen(sys.argv[2], context=context).read().decode(), end='')";
    let read = succeed("python3", home.path(), &["-c", python, chain, &url("/a.txt")]);
    assert!(read.is_none_or(|text| text.as_bytes() == TEXT));
    let node = "const [ca, url] = process.argv.slice(1); require('https').get(url, { ca: require('fs').readFileSync(ca) }, \
        response => response.pipe(process.stdout))";
    let read = succeed("node", home.path(), &["-e", node, chain, &url("/a.txt")]);
    assert!(read.is_none_or(|text| text.as_bytes() == TEXT));
}

#[test]
fn openssl_verifies_certificate_and_resumes_session() {
    let certificate = Certificate::new(&["localhost"]);
    let server = serve(&certificate);
    let chain = certificate.chain.to_str().expect("UTF-8");
    let address = format!("localhost:{}", server.address().port());
    let home = home();
    let fixed = ["s_client", "-connect", &address, "-servername", "localhost", "-CAfile", chain, "-tls1_2"];
    for (more, part) in
        [(["-sess_out", "session"], "New, TLSv1.2"), (["-sess_in", "session"], "Reused, TLSv1.2")]
    {
        let Some(output) = run("openssl", home.path(), &[&fixed[..], &more].concat()) else { return };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(part) && text.contains("Verify return code: 0 (ok)"), "{text}");
    }
    let Some(output) = run("openssl", home.path(), &["s_client", "-connect", &address, "-tls1_1"]) else {
        return;
    };
    assert!(!output.status.success(), "TLS 1.1 is refused");
}

/// A server of other people, ended when dropped.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program that may not be there, in this directory.
fn start(program: &str, home: &Path, arguments: &[&str]) -> Option<Other> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home).stdin(Stdio::null()).stdout(Stdio::piped());
    match command.stderr(Stdio::null()).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            super::skipped(program);
            None
        }
        child => Some(Other(child.expect("it starts"))),
    }
}

/// `openssl s_server`, which sends files, and its port.
fn openssl_server(home: &Path, arguments: &[&str]) -> Option<(Other, u16)> {
    let fixed = ["s_server", "-accept", "127.0.0.1:0", "-WWW"];
    let mut server = start("openssl", home, &[&fixed[..], arguments].concat())?;
    let lines = BufReader::new(server.0.stdout.take().expect("its output")).lines();
    let port = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("ACCEPT")?.rsplit(':').next()?.parse().ok());
    Some((server, port.expect("a port")))
}

fn fetch(port: u16, options: &[&str]) -> Outcome {
    client(&[options, &["-s", "-S", &format!("https://localhost:{port}/a.txt")]].concat())
}

#[test]
fn client_fetches_from_openssl_in_both_versions() {
    let certificate = Certificate::new(&["localhost"]);
    let [chain, key] = [&certificate.chain, &certificate.key].map(|path| path.to_str().expect("UTF-8"));
    let home = home();
    fs::write(home.path().join("a.txt"), TEXT).expect("a file");
    for version in ["-tls1_2", "-tls1_3"] {
        let options = ["-cert", chain, "-key", key, version];
        let Some((_server, port)) = openssl_server(home.path(), &options) else { return };
        assert_eq!(fetch(port, &["--cacert", chain]).expect(0).stdout, TEXT);
        fetch(port, &[]).expect(60);
    }
    let options = ["-cert", chain, "-key", key, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
    let Some((_server, port)) = openssl_server(home.path(), &options) else { return };
    fetch(port, &["--cacert", chain]).expect(35);
}

#[test]
fn client_refuses_weak_rsa_key() {
    let home = home();
    let words = "req -x509 -newkey rsa:1024 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout key.pem -out chain.pem";
    if succeed("openssl", home.path(), &words.split_whitespace().collect::<Vec<_>>()).is_none() {
        return;
    }
    let options = ["-cert", "chain.pem", "-key", "key.pem", "-cipher", "DEFAULT@SECLEVEL=0"];
    let Some((_server, port)) = openssl_server(home.path(), &options) else { return };
    let chain = home.path().join("chain.pem");
    let outcome = fetch(port, &["--cacert", chain.to_str().expect("UTF-8")]).expect(60);
    assert!(outcome.complaint().contains("weak key"), "{}", outcome.stderr);
}

#[test]
fn client_fetches_from_nginx_over_tls() {
    let certificate = Certificate::new(&["localhost"]);
    let home = home();
    fs::write(home.path().join("a.txt"), TEXT).expect("a file");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    let (root, chain, key) = (home.path().display(), certificate.chain.display(), certificate.key.display());
    let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {root}/{kind}; "))
        .concat();
    let text = format!(
        "daemon off; master_process off; {user} pid {root}/pid; error_log {root}/error.log; events {{}}
        http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port} ssl; root {root};
        ssl_certificate {chain}; ssl_certificate_key {key}; }} }}"
    );
    let file = home.path().join("nginx.conf");
    fs::write(&file, text).expect("a file");
    let program = if Path::new("/usr/sbin/nginx").is_file() { "/usr/sbin/nginx" } else { "nginx" };
    let Some(_server) = start(program, home.path(), &["-c", file.to_str().expect("UTF-8")]) else { return };
    let deadline = std::time::Instant::now() + crate::harness::WAIT_MAX;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < deadline, "nginx never listens");
        std::thread::yield_now();
    }
    let trusted = ["--cacert", certificate.chain.to_str().expect("UTF-8")];
    assert_eq!(fetch(port, &trusted).expect(0).stdout, TEXT);
}
