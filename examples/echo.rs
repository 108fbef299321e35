//! Echo server on the reactor: `cargo run --example echo -- 7000`
use std::{net::SocketAddr, time::*};

use mio::net::TcpStream;
use reactor_http::{net::*, reactor::*};

struct EchoProtocol(Instant);

#[rustfmt::skip] impl Protocol for EchoProtocol {
    type Context = ();
    fn advance(&mut self, Io { recv_buf: input, send_queue: output, .. }: &mut Io<'_, ()>) -> Want {
        output.push_with(|buffer| buffer.extend_from_slice(input.bytes()));
        input.consume(input.bytes().len());
        let next = if input.is_eof() { Want::Close(CloseReason::Finished) } else { Want::Input };
        // No read before the peer took all earlier bytes: a connection holds one buffer at most.
        if output.is_empty() { next } else { Want::Drain }
    }
    fn deadline(&self) -> Option<Instant> { Some(self.0) }
}

struct EchoApp(Pool);

#[rustfmt::skip] impl App for EchoApp {
    type Conn = Connection<EchoProtocol>;
    fn accepted(&mut self, _: ListenerId, stream: TcpStream, _: SocketAddr, now: Now) -> Option<Self::Conn> {
        Some(Connection::accepted(stream.into(), EchoProtocol(now.instant + Duration::from_secs(600))))
    }
    fn drive(&mut self, _: Key, conn: &mut Self::Conn, ready: &mut Readiness, now: Now) -> Next {
        conn.pump(Tick::new(ready, &mut (), &mut self.0, now))
    }
}

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).map_or(0, |port| port.parse().expect("a port"));
    let listener = listen(([127, 0, 0, 1], port).into())?;
    println!("{}", listener.local_addr()?);
    let mut reactor = Reactor::new(EchoApp(Pool::new(16 * 1024, None)), Now::read())?;
    reactor.listen(listener)?;
    reactor.run().map(drop)
}
