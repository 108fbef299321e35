//! A browser uploads 50 files from the page of a listing, and loses the server twice.
//!
//! The page is in a frame of another page, which stands in for the person. A relay keeps the address while
//! the server is killed and started again.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use rustix::process::Signal;

use super::chromium::Browser;
use super::home;
use crate::harness::{Server, WAIT_MAX, names_in, reactor_server};

const FILES: usize = 50;
const LEN: usize = 100_000;

/// Chooses the files, and stores what the page says in the end as `in/told`.
const PAGE: &str = r#"<!doctype html>
<title>Uploads</title>
<iframe src="in/?format=html"></iframe>
<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument;
  const chosen = new DataTransfer();
  for (let file = 0; file < FILES; file++) {
    const bytes = new Uint8Array(LEN).map((_, at) => (at + file * 7) % 251);
    chosen.items.add(new File([bytes], `${file}.bin`));
  }
  const input = page.querySelector("input[type=file]");
  input.files = chosen.files;
  input.dispatchEvent(new Event("change"));
  const said = page.querySelector(".upload [role=status]");
  const timer = setInterval(() => {
    if (!said.textContent.includes(" stored")) return;
    clearInterval(timer);
    fetch("in/told", { method: "PUT", body: said.textContent });
  }, 50);
};
</script>
"#;

/// Passes bytes on to the server that is there at the moment.
struct Relay {
    address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
}

impl Relay {
    fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (address, server) = (listener.local_addr().expect("its address"), Arc::new(Mutex::new(server)));
        let current = Arc::clone(&server);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = *current.lock().expect("no panic");
                let Ok(server) = TcpStream::connect(server) else { continue };
                for (mut from, mut to) in [(&client, &server), (&server, &client)].map(both) {
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                    });
                }
            }
        });
        Self { address, server }
    }
}

fn both((from, to): (&TcpStream, &TcpStream)) -> (TcpStream, TcpStream) {
    (from.try_clone().expect("a descriptor"), to.try_clone().expect("a descriptor"))
}

fn start(root: &Path) -> Server {
    Server::spawn(&[], &[], |command| {
        *command = reactor_server();
        command.args(["--port", "0", "--upload=in", "--listing", "auto", "--access-log", "off", "--root"]);
        command.arg(root).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    })
}

fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < WAIT_MAX, "{what}");
        thread::yield_now();
    }
}

#[test]
fn browser_resumes_50_files_after_two_losses_of_the_server() {
    let home = home();
    let root = home.path().join("root");
    fs::create_dir_all(root.join("in")).expect("a folder");
    let page = PAGE.replace("FILES", &FILES.to_string()).replace("LEN", &LEN.to_string());
    fs::write(root.join("index.html"), page).expect("the page");
    let mut server = start(&root);
    let relay = Relay::start(server.address());
    let url = format!("http://{}/", relay.address);
    let Some(_browser) = Browser::show(&url, home.path(), &[]) else { return };
    let stored = || names_in(&root.join("in")).iter().filter(|name| name.ends_with(".bin")).count();
    for count in [5, 25] {
        wait_for("some files", || stored() >= count);
        server.signal(Signal::KILL);
        server.wait();
        server = start(&root);
        *relay.server.lock().expect("no panic") = server.address();
    }
    wait_for("the last words of the page", || {
        fs::read_to_string(root.join("in/told")).is_ok_and(|words| !words.is_empty())
    });
    let told = fs::read_to_string(root.join("in/told")).expect("the words");
    assert_eq!(told, "50 of 50 files stored.");
    for file in 0..FILES {
        let found = fs::read(root.join(format!("in/{file}.bin"))).expect("a file");
        let sent: Vec<u8> = (0..LEN).map(|at| ((at + file * 7) % 251) as u8).collect();
        assert!(found == sent, "{file}.bin");
    }
}
