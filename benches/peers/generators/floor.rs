//! The floor: a load generator that understands nothing.
//!
//! For each answer it makes one `recv` and one `send`, beside its share of an `epoll_wait`, and counts
//! bytes: less cannot be done on these system calls. It times nothing, checks nothing and keeps no figures.
//! The requests are those of this project's client, byte for byte.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::round::Load;
use crate::responder;

/// What one read takes.
const READ_LEN: usize = 64 * 1024;
/// Kernel events taken at once, as many as the reactor takes.
const EVENTS_MAX: usize = 1024;

/// One connection.
struct Conn {
    stream: TcpStream,
    /// Bytes of the present answer that have come.
    received_len: usize,
}

/// Puts on the load until its time is over.
pub(crate) fn run(load: &Load) -> io::Result<()> {
    let began = Instant::now();
    let request = request(load);
    let answer_len = responder::answer().len();
    let mut poll = Poll::new()?;
    let mut conns = connect(load, &poll, &request)?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut buffer = vec![0; READ_LEN];
    while began.elapsed() < load.lasts {
        poll.poll(&mut events, Some(load.lasts))?;
        for event in &events {
            let Some(conn) = conns.get_mut(event.token().0) else { continue };
            match conn.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => conn.received_len += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            if conn.received_len >= answer_len {
                conn.received_len -= answer_len;
                ask(&mut conn.stream, &request)?;
            }
        }
    }
    Ok(())
}

/// What `reactor-client` sends.
fn request(load: &Load) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nUser-Agent: reactor-client/{}\r\nAccept: */*\r\n\r\n",
        load.address,
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes()
}

/// Opens the connections, each with a request under way.
fn connect(load: &Load, poll: &Poll, request: &[u8]) -> io::Result<Vec<Conn>> {
    let mut conns = Vec::with_capacity(load.connections);
    for index in 0..load.connections {
        let stream = std::net::TcpStream::connect(load.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        ask(&mut stream, request)?;
        conns.push(Conn { stream, received_len: 0 });
    }
    Ok(conns)
}

/// A request is far smaller than the room of a socket on which nothing else is under way.
fn ask(stream: &mut TcpStream, request: &[u8]) -> io::Result<()> {
    match stream.write(request)? {
        len if len == request.len() => Ok(()),
        _ => Err(ErrorKind::WriteZero.into()),
    }
}
