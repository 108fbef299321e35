//! A server that follows a script to the byte, for the answers that no good server would give.
//!
//! It takes one connection per script, reads the head of the request, keeps it for the test, and
//! then does what the script says. It has a deadline wherever it waits.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::net::sockopt;

use super::WAIT_MAX;

/// What the server does next; after the last step it closes the connection in good order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends these bytes, all at once.
    Send(Vec<u8>),
    /// Sends these bytes, each in a packet of its own.
    Trickle(Vec<u8>),
    /// Reads so many bytes after the head.
    Take(u64),
    /// Waits until the test says [`Scripted::go`].
    Await,
    /// Says nothing more until the client leaves.
    Silence,
    /// Resets the connection.
    Reset,
}

impl Step {
    /// Sends these bytes, all at once.
    pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Self {
        Self::Send(bytes.as_ref().to_vec())
    }
}

/// A server under way; what it is told is done in a thread of its own.
pub(crate) struct Scripted {
    address: SocketAddr,
    requests: Receiver<String>,
    go: Sender<()>,
}

impl Scripted {
    /// Follows this script on its only connection.
    pub(crate) fn following(script: &[Step]) -> Self {
        Self::repeating(script, 1)
    }

    /// Answers its only request with these bytes and closes.
    pub(crate) fn answering(bytes: impl AsRef<[u8]>) -> Self {
        Self::following(&[Step::send(bytes)])
    }

    /// Follows this script on so many connections, one after the other.
    pub(crate) fn repeating(script: &[Step], connections: usize) -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into(), script, connections)
    }

    /// The same, on another address of this machine.
    pub(crate) fn on(ip: IpAddr, script: &[Step], connections: usize) -> Self {
        Self::start(ip, vec![script.to_vec(); connections])
    }

    /// Follows one script after the other, each on its own connection; then it refuses.
    pub(crate) fn each(scripts: Vec<Vec<Step>>) -> Self {
        Self::start(Ipv4Addr::LOCALHOST.into(), scripts)
    }

    fn start(ip: IpAddr, scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind((ip, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (tell, requests) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        thread::spawn(move || {
            for script in scripts {
                let Some(stream) = accept(&listener) else { return };
                follow(&script, stream, &tell, &gone);
            }
        });
        Self { address, requests, go }
    }

    /// Its port, as an argument.
    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// The head of the next request, without the empty line.
    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(WAIT_MAX).expect("a request")
    }

    /// The heads of the requests so far.
    pub(crate) fn requests_so_far(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }

    /// Lets a script that awaits it go on.
    pub(crate) fn go(&self) {
        self.go.send(()).expect("the script awaits it");
    }
}

/// The next connection, unless none comes.
fn accept(listener: &TcpListener) -> Option<TcpStream> {
    let patience = Timespec::try_from(WAIT_MAX).ok()?;
    let mut fds = [PollFd::new(listener, PollFlags::IN)];
    let ready = retry_on_intr(|| poll(&mut fds, Some(&patience))).ok()?;
    let (stream, _) = (ready > 0).then(|| listener.accept())?.ok()?;
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(WAIT_MAX)).ok()?;
    stream.set_write_timeout(Some(WAIT_MAX)).ok()?;
    Some(stream)
}

/// Does what the script says. A client that leaves early ends it: that is the test's to judge.
fn follow(script: &[Step], mut stream: TcpStream, tell: &Sender<String>, gone: &Receiver<()>) {
    let Some(request) = head(&mut stream) else { return };
    let _ = tell.send(request);
    for step in script {
        let done = match step {
            Step::Send(bytes) => stream.write_all(bytes).is_ok(),
            Step::Trickle(bytes) => bytes.chunks(1).all(|byte| stream.write_all(byte).is_ok()),
            Step::Take(len) => io::copy(&mut (&stream).take(*len), &mut io::sink()).is_ok(),
            Step::Await => gone.recv_timeout(WAIT_MAX).is_ok(),
            Step::Silence => retry_on_intr(|| rustix::io::read(&stream, &mut [0; 1])).is_ok(),
            Step::Reset => sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).is_ok(),
        };
        if !done {
            return;
        }
    }
}

/// Reads a request up to its empty line, and not a byte further.
fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend_from_slice(&byte);
    }
    head.truncate(head.len() - "\r\n\r\n".len());
    String::from_utf8(head).ok()
}
