//! A browser uploads a folder of 50 files that is dropped on a listing, and loses the server twice.
//!
//! A relay keeps the address while the server is killed and started again.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use super::chromium::DrivenPage;
use super::home;
use crate::harness::{Server, WAIT_MAX, names_in, reactor_server};

const FILES: usize = 50;
const LEN: usize = 100_000;

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
        command.args([
            "--port",
            "0",
            "--upload=in",
            "--allow-mkdir",
            "--listing",
            "auto",
            "--access-log",
            "off",
            "--root",
        ]);
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

/// The bytes of a file, unlike those of the others.
fn content(file: usize) -> Vec<u8> {
    (0..LEN).map(|at| ((at + file * 7) % 251) as u8).collect()
}

#[test]
fn dropped_folder_of_50_files_survives_two_losses_of_the_server() {
    let home = home();
    let [root, folder] = ["root", "dropped"].map(|name| home.path().join(name));
    fs::create_dir_all(root.join("in")).expect("a folder");
    fs::create_dir_all(folder.join("below")).expect("a folder");
    let name = |file: usize| format!("{}{file}.bin", if file < FILES / 2 { "" } else { "below/" });
    for file in 0..FILES {
        fs::write(folder.join(name(file)), content(file)).expect("a file");
    }
    let mut server = start(&root);
    let relay = Relay::start(server.address());
    let url = format!("http://{}/in/?format=html", relay.address);
    let Some(mut page) = DrivenPage::show(&url, home.path()) else { return };
    page.wait_for("document.querySelector('.upload [role=status]') !== null");
    let data = json!({"items": [], "files": [&folder], "dragOperationsMask": 1});
    for event in ["dragEnter", "dragOver", "drop"] {
        page.call("Input.dispatchDragEvent", json!({"type": event, "x": 100, "y": 100, "data": data}));
    }
    let stored = root.join("in/dropped");
    let count = || {
        let names = |folder| names_in(folder).iter().filter(|name| name.ends_with(".bin")).count();
        [stored.clone(), stored.join("below")]
            .iter()
            .filter(|folder| folder.exists())
            .map(|f| names(f))
            .sum::<usize>()
    };
    for number in [5, 30] {
        wait_for("some files", || count() >= number);
        server.signal(Signal::KILL);
        server.wait();
        server = start(&root);
        *relay.server.lock().expect("no panic") = server.address();
    }
    let said = "document.querySelector('.upload [role=status]').textContent";
    page.wait_for(&format!("{said}.includes(' stored')"));
    assert_eq!(page.value(said), "50 of 50 files stored.");
    for file in 0..FILES {
        assert!(fs::read(stored.join(name(file))).expect("a file") == content(file), "{}", name(file));
    }
}
