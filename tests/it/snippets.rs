//! The longer snippets of docs/adding-a-feature.md, compiled and run.
//!
//! The page has the lines between the markers, letter for letter.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream as BlockingStream};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use reactor_http::net::{CloseReason, Connection, Io, Pool, Protocol, SendQueue, Tick, Transport, Want};
use reactor_http::reactor::{Next, Now, Readiness};

// Snippet.
struct Echo {
    deadline: Instant,
}

impl Protocol for Echo {
    type Context = ();

    fn advance(&mut self, io: &mut Io<'_, ()>) -> Want {
        let len = io.recv_buf.bytes().len();
        io.send_queue.push_with(|out| out.extend_from_slice(io.recv_buf.bytes()));
        io.recv_buf.consume(len);
        self.deadline = io.now.instant + Duration::from_secs(30);
        match (io.recv_buf.is_eof(), io.send_queue.is_empty()) {
            (true, true) => Want::Close(CloseReason::PeerClosed),
            (true, false) => Want::Drain,
            (false, _) => Want::Input,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn on_timeout(&mut self, _: &mut Io<'_, ()>) -> Want {
        Want::Close(CloseReason::TimedOut("input"))
    }

    fn closed(&mut self, reason: CloseReason, _: &SendQueue, _: &mut (), _: Now) {
        log::info!("closed: {reason}");
    }
}
// Snippet.
/// Counts what a transport reads.
struct Counted<T> {
    inner: T,
    read_len: u64,
}

impl<T: Transport> Transport for Counted<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.read_len += len as u64;
        Ok(len)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        self.inner.write(slices, more)
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize> {
        self.inner.send_file(file, offset, len)
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.inner.close_write()
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        self.inner.reset_on_close()
    }

    fn has_pending_output(&self) -> bool {
        self.inner.has_pending_output()
    }

    fn socket(&mut self) -> &mut TcpStream {
        self.inner.socket()
    }
}
// Snippet.

#[test]
fn page_has_the_snippets() {
    let page = include_str!("../../docs/adding-a-feature.md");
    let snippets: Vec<&str> = include_str!("snippets.rs").split("\n// Snippet.\n").collect();
    assert_eq!(snippets.len(), 4);
    for snippet in &snippets[1..3] {
        assert!(
            page.contains(&format!("\n```rust\n{snippet}\n```\n")),
            "the page has another version of\n{snippet}"
        );
    }
}

#[test]
fn echo_over_counted_transport_returns_input() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut client = BlockingStream::connect(listener.local_addr().expect("bound")).expect("connects");
    let (stream, _) = listener.accept().expect("a connection");
    stream.set_nonblocking(true).expect("a socket");
    let (mut ready, mut pool, now) = (Readiness::assume_ready(), Pool::new(1024, None), Now::read());
    let transport = Counted { inner: TcpStream::from_std(stream), read_len: 0 };
    let protocol = Echo { deadline: now.instant + Duration::from_secs(30) };
    let mut connection = Connection::accepted(transport, protocol);
    client.write_all(b"hello").expect("room");
    assert_eq!(connection.pump(Tick::new(&mut ready, &mut (), &mut pool, now)), Next::Wait);
    let mut echoed = [0; 5];
    client.read_exact(&mut echoed).expect("five bytes");
    assert_eq!(&echoed, b"hello");
}
