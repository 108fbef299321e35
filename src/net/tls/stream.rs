//! TLS stream: a rustls session over another transport.
//!
//! It holds at most one piece of ciphertext that the socket has not taken. Plaintext that is decrypted gets no
//! event, so a read empties the session before it asks the socket.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::BorrowedFd;

use mio::net::TcpStream;
use rustls::{CertificateError, Connection, Error, HandshakeKind};

use super::certificate;
use crate::net::transport::{COPY_LEN_MAX, send_file_copy};
use crate::net::{Handshake, HandshakeError, TlsSession, Transport};

/// TLS over `T`.
#[derive(Debug)]
pub struct TlsStream<T = TcpStream> {
    socket: T,
    session: Connection,
    plaintext_len: usize,
    is_socket_drained: bool,
    ciphertext_sent: u64,
    plaintext_taken: u64,
    first_byte: Option<u8>,
    /// Response to a peer that speaks HTTP without TLS.
    plain_response: &'static [u8],
    has_failed: bool,
}

impl<T: Transport> TlsStream<T> {
    pub(super) fn new(socket: T, mut session: Connection, plain_response: &'static [u8]) -> Self {
        session.set_buffer_limit(Some(COPY_LEN_MAX));
        Self {
            socket,
            session,
            plaintext_len: 0,
            is_socket_drained: false,
            ciphertext_sent: 0,
            plaintext_taken: 0,
            first_byte: None,
            plain_response,
            has_failed: false,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            let sent = match self.session.write_tls(&mut Ciphertext(&mut self.socket)) {
                // Plaintext that the session has taken must not be written again.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                sent => sent?,
            };
            if sent == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            self.ciphertext_sent += sent as u64;
        }
        Ok(())
    }

    /// False at the end.
    fn receive(&mut self) -> Result<bool, ReceiveError> {
        let mut input = CiphertextInput { socket: &mut self.socket, is_drained: false, first_byte: None };
        let len = self.session.read_tls(&mut input).map_err(ReceiveError::Io)?;
        self.first_byte = self.first_byte.or(input.first_byte);
        match self.session.process_new_packets() {
            Ok(state) => {
                self.plaintext_len = state.plaintext_bytes_to_read();
                // A `close_notify` that came with data gets no event.
                self.is_socket_drained = input.is_drained && !state.peer_has_closed();
            }
            Err(error) => {
                self.has_failed = true;
                if !self.is_plain_http() {
                    let _ = self.flush();
                }
                return Err(ReceiveError::Tls(error));
            }
        }
        Ok(len > 0)
    }

    /// Takes at most a piece; the rest waits in the session.
    fn encrypt(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let taken = match slices {
            [one] => self.session.writer().write(one)?,
            many => self.session.writer().write_vectored(many)?,
        };
        self.plaintext_taken += taken as u64;
        if more {
            return Ok(taken);
        }
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn session(&self) -> TlsSession {
        let suite = self.session.negotiated_cipher_suite();
        let peer = self.session.peer_certificates().and_then(<[_]>::first);
        TlsSession {
            version: match self.session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            cipher: suite
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or_default()
                .replace("TLS13_", "TLS_"),
            server_name: match &self.session {
                Connection::Server(session) => session.server_name().map(str::to_owned),
                Connection::Client(_) => None,
            },
            is_resumed: self.session.handshake_kind() == Some(HandshakeKind::Resumed),
            peer: peer.map(certificate::describe),
        }
    }

    fn is_plain_http(&self) -> bool {
        !self.plain_response.is_empty() && self.first_byte.is_some_and(|byte| byte.is_ascii_alphabetic())
    }

    fn handshake_error(&mut self, error: ReceiveError) -> HandshakeError {
        match error {
            ReceiveError::Io(error) => HandshakeError::Io(error),
            ReceiveError::Tls(_) if self.is_plain_http() => {
                let _ = self.socket.write(&[IoSlice::new(self.plain_response)], false);
                HandshakeError::Protocol("the peer speaks plain HTTP".to_owned())
            }
            ReceiveError::Tls(_) if self.first_byte.is_some_and(|byte| !matches!(byte, 0x14..=0x17)) => {
                HandshakeError::Protocol("the peer does not speak TLS".to_owned())
            }
            ReceiveError::Tls(Error::InvalidCertificate(CertificateError::Other(error))) => {
                HandshakeError::Certificate(error.to_string())
            }
            ReceiveError::Tls(Error::InvalidCertificate(error)) => {
                HandshakeError::Certificate(certificate::explain(&error))
            }
            ReceiveError::Tls(Error::AlertReceived(alert)) => HandshakeError::Protocol(alert_text(alert)),
            ReceiveError::Tls(error) => HandshakeError::Protocol(error.to_string()),
        }
    }
}

enum ReceiveError {
    Io(io::Error),
    Tls(Error),
}

/// Name in RFC 8446 section 6.
fn peer_closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the peer closed the connection")
}

fn alert_text(alert: rustls::AlertDescription) -> String {
    let name = alert.as_str().unwrap_or("unknown");
    let mut text = String::new();
    for (index, c) in name.char_indices() {
        if c.is_ascii_uppercase() && index > 0 {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    format!("the peer refused it with the alert {}", text.replace("c_a", "ca"))
}

impl<T: Transport> Transport for TlsStream<T> {
    fn needs_handshake(&self) -> bool {
        true
    }

    #[inline(never)]
    fn drive_handshake(&mut self) -> Result<Handshake, HandshakeError> {
        loop {
            match self.flush() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Handshake::NeedsRoom),
                Err(error) => return Err(HandshakeError::Io(error)),
            }
            if !self.session.is_handshaking() {
                return Ok(Handshake::Complete(self.session()));
            }
            match self.receive() {
                Ok(true) => {}
                Err(ReceiveError::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                Ok(false) => return Err(HandshakeError::Io(peer_closed())),
                Err(ReceiveError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Handshake::NeedsInput);
                }
                Err(error) => return Err(self.handshake_error(error)),
            }
        }
    }

    fn is_drained(&self, _: usize, _: usize) -> bool {
        self.plaintext_len == 0 && self.is_socket_drained
    }

    // Not inlined, as `write`: plain TCP passes by.
    #[inline(never)]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_failed {
            return self.socket.read(buffer);
        }
        // The socket may have received bytes since an earlier call.
        self.is_socket_drained = false;
        if self.plaintext_len == 0 {
            match self.receive() {
                Ok(_) => {}
                Err(ReceiveError::Io(error)) => return Err(error),
                Err(ReceiveError::Tls(Error::AlertReceived(alert))) => {
                    return Err(io::Error::new(ErrorKind::ConnectionAborted, alert_text(alert)));
                }
                Err(ReceiveError::Tls(error)) => return Err(io::Error::new(ErrorKind::InvalidData, error)),
            }
        }
        match self.session.reader().read(buffer) {
            Ok(len) => {
                self.plaintext_len = self.plaintext_len.saturating_sub(len);
                Ok(len)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(ErrorKind::Interrupted.into()),
            Err(error) => Err(error),
        }
    }

    #[inline(never)]
    fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        self.flush()?;
        if slices.is_empty() { Ok(0) } else { self.encrypt(slices, more) }
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize> {
        self.flush()?;
        send_file_copy(self, file, offset, len)
    }

    fn notify_close(&mut self) {
        if !self.has_failed {
            self.session.send_close_notify();
            // Without room, the peer sees a truncated stream.
            let _ = self.flush();
        }
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.socket.close_write()
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        self.socket.reset_on_close()
    }

    fn has_pending_output(&self) -> bool {
        self.session.wants_write()
    }

    fn file_len_per_byte(&mut self) -> usize {
        1
    }

    fn acked_total(&mut self) -> Option<u64> {
        let overhead = self.ciphertext_sent.saturating_sub(self.plaintext_taken);
        Some(self.socket.acked_total()?.saturating_sub(overhead))
    }

    fn socket(&mut self) -> &mut TcpStream {
        self.socket.socket()
    }
}

struct Ciphertext<'a, T>(&'a mut T);

impl<T: Transport> Write for Ciphertext<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&[IoSlice::new(bytes)], false)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write(slices, false)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct CiphertextInput<'a, T> {
    socket: &'a mut T,
    is_drained: bool,
    first_byte: Option<u8>,
}

impl<T: Transport> Read for CiphertextInput<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.socket.read(buffer)?;
        self.is_drained = self.socket.is_drained(len, buffer.len());
        self.first_byte = buffer.first().copied().filter(|_| len > 0);
        Ok(len)
    }
}

#[cfg(test)]
mod tests;
