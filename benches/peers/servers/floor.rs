//! The floor: a server that understands nothing.
//!
//! For each request it makes one `recv` and one `send` of an answer made beforehand, beside its share of an
//! `epoll_wait`: less cannot be done on these system calls. A large body leaves by `sendfile` behind its
//! head. What has come is read right after accepting, and a connection that is answered once is never
//! registered. The end of a connection's first request is looked for once; from then on requests are counted
//! by their length, for all of them are the same. It keeps no time and checks nothing.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Ipv4Addr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use pico_args::Arguments;
use reactor_http::net;
use slab::Slab;

/// What this program is started with to be this floor.
pub(crate) const OPTION: &str = "--floor-server";
/// What one read takes: as much as that of the server it is compared with.
const READ_LEN: usize = 64 * 1024;
/// Answers that leave in one write when as many requests came in one read.
const BATCH_MAX: usize = 16;
/// Kernel events taken at once, as many as the reactor takes.
const EVENTS_MAX: usize = 1024;
const LISTENER: Token = Token(usize::MAX);

/// One connection.
#[derive(Default)]
struct Conn {
    request_len: Option<usize>,
    /// Bytes that have come of a request that is not whole.
    part_len: usize,
    /// Bytes that are to be sent, of answers and of the file behind them, and how much of the first has been.
    owed_len: usize,
    sent_len: usize,
    file_owed_len: usize,
    /// It is told of room only once it has lacked some.
    awaits_room: bool,
}

struct Floor {
    listener: TcpListener,
    conns: Slab<(TcpStream, Conn)>,
    /// The answer, as often as a batch has it.
    answers: Vec<u8>,
    file: Option<(File, usize)>,
    closes: bool,
    buffer: Vec<u8>,
}

/// Serves until it is ended.
pub(crate) fn run(words: Vec<OsString>) -> Result<(), String> {
    let mut args = Arguments::from_vec(words);
    let text = |error: pico_args::Error| error.to_string();
    let port = args.value_from_str("--port").map_err(text)?;
    let answer: String = args.value_from_str("--answer").map_err(text)?;
    let file: Option<String> = args.opt_value_from_str("--sendfile").map_err(text)?;
    let closes = args.contains("--closes");
    serve(port, &answer, file.as_deref(), closes).map_err(|error| error.to_string())
}

fn serve(port: u16, answer: &str, file: Option<&str>, closes: bool) -> io::Result<()> {
    let mut listener = net::listen((Ipv4Addr::LOCALHOST, port).into())?;
    net::defer_accept(&listener)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let file = file.map(File::open).transpose()?;
    let file = file.map(|file| Ok::<_, io::Error>((file.metadata()?.len() as usize, file))).transpose()?;
    let mut floor = Floor {
        listener,
        conns: Slab::new(),
        answers: fs::read(answer)?.repeat(BATCH_MAX),
        file: file.map(|(len, file)| (file, len)),
        closes,
        buffer: vec![0; READ_LEN],
    };
    let mut events = Events::with_capacity(EVENTS_MAX);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome?,
        }
        for event in &events {
            match event.token() {
                LISTENER => floor.accept(poll.registry())?,
                Token(index) => floor.serve(index, event.is_readable(), poll.registry()),
            }
        }
    }
}

impl Floor {
    fn accept(&mut self, registry: &Registry) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            if self.closes {
                self.answer_once(stream);
                continue;
            }
            let index = self.conns.insert((stream, Conn::default()));
            let Some((stream, _)) = self.conns.get_mut(index) else { continue };
            registry.register(stream, Token(index), Interest::READABLE)?;
            self.serve(index, true, registry);
        }
    }

    /// The listener lets in only who has asked already; who has not is turned away.
    fn answer_once(&mut self, mut stream: TcpStream) {
        let answer_len = self.answers.len() / BATCH_MAX;
        if stream.read(&mut self.buffer).is_ok_and(|len| len > 0) {
            // Who is gone gets nothing.
            let _ = stream.write(&self.answers[..answer_len]);
        }
    }

    /// Reads if there is something, and answers; an error is the end of the connection.
    fn serve(&mut self, index: usize, is_readable: bool, registry: &Registry) {
        let Some((stream, conn)) = self.conns.get_mut(index) else { return };
        let answers = (self.answers.as_slice(), self.answers.len() / BATCH_MAX);
        let read = if is_readable { read(stream, conn, &mut self.buffer) } else { Ok(0) };
        let served = read.and_then(|count| {
            conn.owed_len += count * answers.1;
            conn.file_owed_len += self.file.as_ref().map_or(0, |(_, len)| count * len);
            send(stream, conn, answers, self.file.as_ref())?;
            if conn.owed_len + conn.file_owed_len > 0 && !conn.awaits_room {
                conn.awaits_room = true;
                registry.reregister(stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
            }
            Ok(())
        });
        if served.is_err() {
            self.conns.remove(index);
        }
    }
}

/// How many requests are whole with what one read brings.
fn read(stream: &mut TcpStream, conn: &mut Conn, buffer: &mut [u8]) -> io::Result<usize> {
    let len = match stream.read(buffer) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        Ok(len) => len,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
        Err(error) => return Err(error),
    };
    if conn.request_len.is_none() {
        let end = buffer[..len].windows(4).position(|window| window == b"\r\n\r\n");
        conn.request_len = end.map(|end| end + 4);
    }
    // A first request in parts is none of the loads here.
    let request_len = conn.request_len.ok_or(ErrorKind::InvalidData)?;
    conn.part_len += len;
    let count = conn.part_len / request_len;
    conn.part_len %= request_len;
    Ok(count)
}

/// Sends what is owed, as far as there is room.
fn send(
    stream: &mut TcpStream,
    conn: &mut Conn,
    (answers, answer_len): (&[u8], usize),
    file: Option<&(File, usize)>,
) -> io::Result<()> {
    while conn.owed_len > 0 {
        let to = answers.len().min(conn.sent_len + conn.owed_len);
        let part = &answers[conn.sent_len..to];
        match stream.write(part) {
            Ok(len) => {
                conn.owed_len -= len;
                conn.sent_len = (conn.sent_len + len) % answer_len;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    let Some((file, file_len)) = file else { return Ok(()) };
    while conn.file_owed_len > 0 {
        let mut offset = (file_len - conn.file_owed_len) as u64;
        match rustix::fs::sendfile(&*stream, file, Some(&mut offset), conn.file_owed_len) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => conn.file_owed_len -= len,
            Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
