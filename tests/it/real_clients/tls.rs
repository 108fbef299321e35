//! Clients of other people over TLS: curl, wget, Python, Node and openssl.
//!
//! Each trusts the certificate of its test, and nothing else.

use std::fs;

use super::{home, run, succeed};
use crate::harness::Server;
use crate::harness::secure::Certificate;

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
