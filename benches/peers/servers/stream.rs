//! A blocking connection, plain or TLS.
//!
//! TLS is this project's transport on a blocking socket. It accepts any certificate.

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use reactor_http::net::{Stream, Transport};

/// Connection of [`super::exchange::Client`].
pub(crate) struct BlockingStream(Stream);

impl BlockingStream {
    pub(crate) fn connect(address: SocketAddr, timeout: Duration, has_tls: bool) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        let socket = mio::net::TcpStream::from_std(stream);
        if !has_tls {
            return Ok(Self(Stream::Tcp(socket)));
        }
        let mut stream = over_tls(socket, address)?;
        stream.drive_handshake().map_err(|error| io::Error::other(format!("{error:?}")))?;
        Ok(Self(stream))
    }

    /// Makes the drop send RST: no port waits for a minute then.
    pub(crate) fn reset_on_close(&mut self) {
        // A stream that fails here is closed as usual.
        let _ = self.0.reset_on_close();
    }
}

#[cfg(feature = "tls")]
fn over_tls(socket: mio::net::TcpStream, address: SocketAddr) -> io::Result<Stream> {
    use reactor_http::net::tls::{TlsConnector, TlsConnectorConfig};

    let config = TlsConnectorConfig { is_insecure: true, ..TlsConnectorConfig::default() };
    let connector = TlsConnector::new(&config).map_err(|error| io::Error::other(format!("{error:?}")))?;
    connector
        .connect(socket, &address.ip().to_string())
        .map(|stream| Stream::Tls(Box::new(stream)))
        .map_err(io::Error::other)
}

#[cfg(not(feature = "tls"))]
fn over_tls(_: mio::net::TcpStream, _: SocketAddr) -> io::Result<Stream> {
    Err(io::Error::other("built without TLS"))
}

impl Read for BlockingStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for BlockingStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&[IoSlice::new(bytes)], false)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.write(&[], false).map(drop)
    }
}
