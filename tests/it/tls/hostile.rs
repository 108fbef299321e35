//! Hostile TLS clients: floods without data, and renegotiation.
//!
//! No deadline ends them here, unless a test sets one. Others are served meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::crypto::cipher::{AeadKey, Iv, OutboundChunks, OutboundPlainMessage};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite,
};

use super::{connect, get, serve};
use crate::harness::secure::{Certificate, client_config};
use crate::harness::{Server, wait};

/// Sends these bytes 1000 times. The server has to end the connection, with an alert or without.
fn expect_end(stream: &mut TcpStream, bytes: &[u8]) {
    // It may be closed before all is sent.
    let _ = stream.write_all(&bytes.repeat(1000));
    let rest = rest(stream);
    assert!(matches!(rest.first(), None | Some(&0x15)), "{bytes:?}: {rest:?}");
}

/// All that comes until the server ends the connection.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest).map_err(|error| error.kind());
    assert!(matches!(end, Ok(_) | Err(ErrorKind::ConnectionReset)), "{end:?}");
    rest
}

fn patient(certificate: &Certificate) -> Server {
    serve(certificate, &["--header-timeout", "24h", "--idle-timeout", "24h", "--workers", "1"])
}

/// A client with a complete handshake, and its socket.
fn session(server: &Server, certificate: &Certificate) -> (ClientConnection, TcpStream) {
    let mut config = (*client_config(&certificate.chain, &[&TLS13])).clone();
    config.enable_secret_extraction = true;
    let name = "localhost".try_into().expect("a name");
    let mut session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut stream = connect(server);
    while session.is_handshaking() || session.wants_write() {
        session.complete_io(&mut stream).expect("a handshake");
    }
    (session, stream)
}

/// Encrypted records of this type and content, for the client of a session.
fn records(session: ClientConnection, typ: ContentType, content: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let suite = session.negotiated_cipher_suite().expect("a suite");
    let SupportedCipherSuite::Tls13(suite) = suite else { panic!("it is TLS 1.3") };
    let (first, secrets) = session.dangerous_extract_secrets().expect("secrets").tx;
    let (key, iv): (AeadKey, Iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } | ConnectionTrafficSecrets::Aes256Gcm { key, iv } => {
            (key, iv)
        }
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
        _ => panic!("another suite"),
    };
    let mut encrypter = suite.aead_alg.encrypter(key, iv);
    (first..).map(move |number| {
        let payload = OutboundChunks::Single(content);
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
        encrypter.encrypt(message, number).expect("a record").encode()
    })
}

#[test]
fn floods_before_the_handshake_end_the_connection() {
    let certificate = Certificate::new(&["localhost"]);
    let server = patient(&certificate);
    let config = client_config(&certificate.chain, &[&TLS13]);
    let empty_handshake = b"\x16\x03\x03\x00\x00";
    let warning_alert = b"\x15\x03\x03\x00\x02\x01\x5a";
    let change_cipher_spec = b"\x14\x03\x03\x00\x01\x01";
    let endless_hello = b"\x16\x03\x01\x00\x04\x01\xff\xff\xff";
    for bytes in [&empty_handshake[..], warning_alert, change_cipher_spec, endless_hello] {
        expect_end(&mut connect(&server), bytes);
        get(&server, &config, "localhost").expect("others are served");
    }
    assert!(server.stop().status.success());
}

#[test]
fn key_update_and_warning_floods_end_the_connection() {
    let certificate = Certificate::new(&["localhost"]);
    let server = patient(&certificate);
    let (mut client, mut stream) = session(&server, &certificate);
    let mut send_update = || {
        client.refresh_traffic_keys().expect("new keys");
        client.write_tls(&mut stream)
    };
    // The kernel may take all before the server reads.
    let _ = (0..10_000).any(|_| send_update().is_err());
    rest(&mut stream);
    let (client, mut stream) = session(&server, &certificate);
    let mut alerts = records(client, ContentType::Alert, b"\x01\x5a").take(10_000);
    let _ = alerts.any(|record| stream.write_all(&record).is_err());
    rest(&mut stream);
    get(&server, &client_config(&certificate.chain, &[&TLS13]), "localhost").expect("others are served");
}

#[test]
fn empty_records_delay_nobody_and_end_by_the_deadline() {
    let certificate = Certificate::new(&["localhost"]);
    let server = serve(&certificate, &["--idle-timeout", "500ms", "--workers", "1"]);
    let (client, mut stream) = session(&server, &certificate);
    let flood = std::thread::spawn(move || {
        records(client, ContentType::ApplicationData, b"").any(|record| stream.write_all(&record).is_err())
    });
    let config = client_config(&certificate.chain, &[&TLS13]);
    while !flood.is_finished() {
        get(&server, &config, "localhost").expect("others are served");
    }
    assert!(flood.join().expect("no panic"));
}

#[test]
fn renegotiation_is_refused() {
    let certificate = Certificate::new(&["localhost"]);
    let server = patient(&certificate);
    let address = server.address().to_string();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-tls1_2", "-connect", &address]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Err(error) if error.kind() == ErrorKind::NotFound => return eprintln!("skipped: openssl"),
        child => child.expect("openssl starts"),
    };
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(b"R\n").expect("it reads");
    let mut stderr = child.stderr.take().expect("its messages");
    let mut text = String::new();
    stderr.read_to_string(&mut text).expect("its messages");
    assert!(!wait(child).success() && text.contains("no renegotiation"), "{text}");
    get(&server, &client_config(&certificate.chain, &[&TLS12]), "localhost").expect("others are served");
}
