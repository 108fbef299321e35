//! Programs without TLS: they say so wherever TLS is asked for.
//!
//! Run by `cargo test --no-default-features`.

use crate::harness::{client, reactor_server};

#[test]
fn versions_without_tls_say_so() {
    let server = reactor_server().arg("--version").output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&server.stdout), "reactor-server 0.2.0 without TLS\n");
    assert_eq!(client(&["--version"]).expect(0).text(), "reactor-client 0.2.0 without TLS\n");
}

#[test]
fn https_url_without_tls_is_refused_with_remedy() {
    for args in [&["https://localhost/"][..], &["-n", "1", "https://localhost/"]] {
        let outcome = client(args).expect(2);
        assert!(outcome.stderr.contains("build it with the cargo feature tls"), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    }
}

#[test]
fn tls_options_without_tls_are_refused_with_remedy() {
    for option in [
        "--tls-cert=a.pem",
        "--tls-key=a.pem",
        "--tls=self-signed",
        "--tls-port=0",
        "--redirect-to-https",
        "--hsts",
        "--tls-client-ca=a.pem",
    ] {
        for check in [&[][..], &["--check"]] {
            let output = reactor_server().args(["-p", "0", option]).args(check).output().expect("it runs");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{option}: {stderr}");
            let name = option.split('=').next().unwrap_or_default();
            assert!(stderr.contains(name) && stderr.contains("built without TLS"), "{option}: {stderr}");
            assert_eq!(stderr.lines().count(), 1, "{option}: {stderr}");
        }
    }
}
