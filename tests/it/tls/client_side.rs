//! TLS of the client and of the load generator.
//!
//! The servers are the real one, and scripted ones.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::{FILE, Signed, fetch, serve, signed, text, url};
use crate::harness::secure::Certificate;
use crate::harness::{Client, Outcome, Screen, Server, client};

#[test]
fn client_says_why_a_certificate_is_refused() {
    let self_signed = Certificate::new(&["localhost"]);
    let server = serve(&self_signed, &[]);
    let refused = |outcome: Outcome, part: &str| {
        let outcome = outcome.expect(60);
        assert!(outcome.complaint().contains(part), "{}", outcome.stderr);
        assert!(outcome.stdout.is_empty());
    };
    refused(fetch(&server, "localhost", &[]), "self-signed: -k accepts it, --cacert trusts it");
    assert_eq!(fetch(&server, "localhost", &["-k"]).expect(0).text(), "hello\n");
    let trusted = ["--cacert", text(&self_signed.chain)];
    assert_eq!(fetch(&server, "localhost", &trusted).expect(0).text(), "hello\n");
    refused(fetch(&server, "127.0.0.1", &trusted), "the certificate is for localhost, not 127.0.0.1");
    let port = server.address().port();
    let resolve = format!("other.example:{port}:127.0.0.1");
    let by_name = fetch(&server, "other.example", &[&trusted[..], &["--resolve", &resolve]].concat());
    refused(by_name, "the certificate is for localhost, not other.example");

    let Signed { authority, leaf } =
        signed(&["localhost"], |params| params.not_after = date_time_ymd(2020, 2, 1));
    let server = serve(&leaf, &[]);
    refused(fetch(&server, "localhost", &["--cacert", text(&authority.chain)]), "expired on 2020-02-01");

    let Signed { authority, leaf } = signed(&["localhost"], |_| ());
    let server = serve(&leaf, &[]);
    refused(
        fetch(&server, "localhost", &["--cacert", text(&self_signed.chain)]),
        "its issuer is CN=test authority",
    );
    assert_eq!(
        fetch(&server, "localhost", &["--cacert", text(&authority.chain)]).expect(0).text(),
        "hello\n"
    );
}

#[test]
fn chain_without_its_intermediate_is_refused() {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        (params, KeyPair::generate().expect("a key"))
    };
    let ((root, root_key), (intermediate, key)) = (authority("root"), authority("intermediate"));
    let root_pem = root.self_signed(&root_key).expect("it is signed").pem();
    let trusted = Certificate::of(&root_pem, &root_key.serialize_pem());
    let intermediate_pem =
        intermediate.signed_by(&key, &Issuer::new(root, root_key)).expect("it is signed").pem();
    let leaf_key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(intermediate, key)).expect("it is signed").pem();
    let options = ["--cacert", text(&trusted.chain)];
    let server = serve(&Certificate::of(&leaf, &leaf_key.serialize_pem()), &[]);
    let outcome = fetch(&server, "localhost", &options).expect(60);
    assert!(outcome.complaint().contains("an intermediate certificate is missing"), "{}", outcome.stderr);
    let whole = Certificate::of(&(leaf + &intermediate_pem), &leaf_key.serialize_pem());
    assert_eq!(fetch(&serve(&whole, &[]), "localhost", &options).expect(0).text(), "hello\n");
}

#[test]
fn system_authorities_are_those_of_ssl_cert_file() {
    let (own, other) = (Certificate::new(&["localhost"]), Certificate::new(&["localhost"]));
    let server = serve(&own, &[]);
    for (file, code) in [(&own.chain, 0), (&other.chain, 60)] {
        let start = |command: &mut Command| {
            command.env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR");
        };
        let url = url(&server, "localhost");
        Client::start(&["-s", "-S", &url], Screen::None, start).finish().expect(code);
    }
}

#[test]
fn resolve_ignores_the_dot_at_the_end_of_a_name() {
    let certificate = Certificate::new(&["host.example"]);
    let server = serve(&certificate, &[]);
    let trusted = ["--cacert", text(&certificate.chain)];
    for (named, known) in [
        ("host.example.", "host.example"),
        ("host.example", "host.example."),
        ("host.example.", "host.example."),
    ] {
        let resolve = format!("{known}:{}:127.0.0.1", server.address().port());
        let outcome = fetch(&server, named, &[&trusted[..], &["--resolve", &resolve]].concat());
        assert_eq!(outcome.expect(0).text(), "hello\n", "{named} by {known}");
    }
}

/// Such as `openssl req -x509` makes: webpki alone refuses it.
#[test]
fn cacert_trusts_the_servers_own_certificate() {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let own = params.self_signed(&key).expect("it is signed").pem();
    let authority = Certificate::of(&own, &key.serialize_pem());
    let Signed { leaf, .. } = signed(&["localhost"], |_| ());
    for certificate in [&authority, &leaf] {
        let server = serve(certificate, &[]);
        let trusted = ["--cacert", text(&certificate.chain)];
        assert_eq!(fetch(&server, "localhost", &trusted).expect(0).text(), "hello\n");
        let other = fetch(&server, "127.0.0.1", &trusted).expect(60);
        assert!(other.complaint().contains("is for localhost, not 127.0.0.1"), "{}", other.stderr);
        fetch(&server, "localhost", &[]).expect(60);
    }
    params.not_after = date_time_ymd(2020, 2, 1);
    let own = params.self_signed(&key).expect("it is signed").pem();
    let server = serve(&Certificate::of(&own, &key.serialize_pem()), &[]);
    let expired = fetch(&server, "localhost", &["--cacert", text(&authority.chain)]).expect(60);
    assert!(expired.complaint().contains("expired on 2020-02-01"), "{}", expired.stderr);
}

#[test]
fn client_tls_errors_have_curls_exit_codes() {
    let certificate = Certificate::new(&["localhost"]);
    let server = serve(&certificate, &[]);
    let missing = certificate.chain.with_file_name("missing.pem");
    let rows: [(&[&str], i32); 4] = [
        (&["--cacert", text(&missing)], 77),
        (&["--cacert", text(&certificate.key)], 77),
        (&["-k", "--cert", text(&missing)], 58),
        (&["-k", "--cert", text(&certificate.chain)], 58),
    ];
    for (options, code) in rows {
        let outcome = fetch(&server, "localhost", options).expect(code);
        assert!(outcome.complaint().contains("name a PEM file"), "{}", outcome.stderr);
    }
    let plain = Server::serving(&[FILE]);
    let outcome = fetch(&plain, "localhost", &["-k"]).expect(35);
    assert!(outcome.complaint().contains("does not speak TLS"), "{}", outcome.stderr);
}

#[test]
fn verbose_client_shows_version_cipher_and_certificate() {
    let certificate = Certificate::new(&["localhost"]);
    let server = serve(&certificate, &[]);
    let outcome = client(&["-v", "-k", &url(&server, "localhost")]).expect(0);
    for part in ["* TLSv1.3, TLS_AES_", "* certificate of CN=", ", issued by CN=", ", expires on "] {
        assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
    }
}

/// A server that ends its TLS stream without `close_notify` in the middle of a body without a length.
#[test]
fn response_without_close_notify_is_an_error() {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = Certificate::new(&["localhost"]);
    let chain = vec![CertificateDer::from_pem_file(&certificate.chain).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(&certificate.key).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config =
        builder.expect("versions").with_no_client_auth().with_single_cert(chain, key).expect("a pair");
    let config = Arc::new(config);
    for notifies in [true, false] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let config = Arc::clone(&config);
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut session = rustls::ServerConnection::new(config).expect("a session");
            let mut tls = rustls::Stream::new(&mut session, &mut stream);
            let mut request = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                let len = tls.read(&mut request).expect("a request");
                if request[..len].ends_with(b"\r\n\r\n") {
                    break;
                }
            }
            // Before any flush, so that both come by one read.
            tls.conn.writer().write_all(b"HTTP/1.1 200 OK\r\n\r\npart").expect("room");
            if notifies {
                tls.conn.send_close_notify();
            }
            tls.flush().expect("room");
            // The end of TLS is enough. Without it, the end of TCP is an error.
            if !notifies {
                let _ = stream.shutdown(std::net::Shutdown::Write);
            }
            // Discards the client's own `close_notify`, so that no reset follows.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let outcome = client(&["-k", "-s", "-S", "--max-time", "20", &format!("https://localhost:{port}/")]);
        peer.join().expect("no panic");
        assert_eq!(outcome.code, Some(if notifies { 0 } else { 56 }), "{}", outcome.stderr);
    }
}

#[test]
fn load_tells_full_and_resumed_handshakes_apart() {
    let certificate = Certificate::new(&["localhost"]);
    let server = serve(&certificate, &[]);
    let run = |resumption: &str| {
        let url = url(&server, "localhost");
        let options =
            ["-k", "-n", "40", "-c", "2", "--no-keepalive", "--format", "json", "--tls-resume", resumption];
        let outcome = client(&[&options[..], &[&url]].concat()).expect(0);
        let report: serde_json::Value = serde_json::from_str(outcome.text()).expect("JSON");
        assert_eq!(report["requests"]["answered"], 40, "{report}");
        ["tls_full", "tls_resumed"].map(|name| report[name]["count"].as_u64().unwrap_or(0))
    };
    // The last connections may find no request left.
    assert!(matches!(run("off"), [40..=42, 0]));
    let [full, resumed] = run("on");
    assert!(full <= 4 && (40..=42).contains(&(full + resumed)), "{full} full, {resumed} resumed");
}

#[test]
fn load_against_untrusted_certificate_fails_with_its_reason() {
    let server = serve(&Certificate::new(&["localhost"]), &[]);
    let outcome = client(&["-n", "10", "-c", "2", &url(&server, "localhost")]).expect(60);
    assert!(outcome.text().contains("certificate-refused"), "{}", outcome.text());
    assert!(outcome.complaint().contains("not trusted"), "{}", outcome.stderr);
    let plain = Server::serving(&[FILE]);
    client(&["-k", "-n", "10", "-c", "2", &url(&plain, "localhost")]).expect(35);
}
