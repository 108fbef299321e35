//! Power loss: a file with a 2xx is there, whole, after its disk was cut off and mounted again.
//!
//! The disk is an ext4 image, cut by `EXT4_IOC_SHUTDOWN` without a flush of its journal: what was not synced is gone.
//! Only a privileged user may do that; elsewhere the test says that it was skipped, and passes. The variable
//! `REACTOR_POWER_CUTS` sets the number of cuts.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{self, Sender};
use std::thread;

use rustix::process::Signal;

use crate::harness::{Server, WAIT_MAX, random};

const CUTS_DEFAULT: usize = 6;
const WRITERS: u64 = 4;
const NAMES_PER_WRITER: usize = 5;
/// Files of this writer are large enough for write-back to begin before the end.
const LARGE_LEN_MAX: usize = 400_000;
const SMALL_LEN_MAX: usize = 20_000;
const SHUTDOWN: &str = "import fcntl, os, struct, sys; \
     fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

struct Image {
    folder: tempfile::TempDir,
}

impl Image {
    fn new() -> Self {
        let image = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(image.mount_point()).expect("a folder");
        let file = fs::File::create(image.file()).expect("a file");
        file.set_len(96 << 20).expect("it is sparse");
        image
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount_point(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn run(command: &mut Command) -> bool {
        command.output().is_ok_and(|output| output.status.success())
    }

    fn format(&self) -> bool {
        Self::run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(self.file()))
    }

    fn mount(&self) -> bool {
        Self::run(Command::new("mount").args(["-o", "loop"]).arg(self.file()).arg(self.mount_point()))
    }

    fn cut(&self) -> bool {
        Self::run(Command::new("python3").args(["-c", SHUTDOWN]).arg(self.mount_point()))
    }

    fn unmount(&self) -> bool {
        Self::run(Command::new("umount").arg(self.mount_point()))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.unmount();
    }
}

/// What may be under a name: the last content with a 2xx, and the one that was on its way.
#[derive(Default)]
struct Promise {
    stored: Option<Vec<u8>>,
    in_flight: Option<Vec<u8>>,
}

fn content(random: &mut impl FnMut(usize) -> usize, len_max: usize) -> Vec<u8> {
    let len = random(len_max);
    let first = random(1 << 20);
    (0..len).map(|at| ((first + at * 7) % 253) as u8).collect()
}

/// The status of the response, if there is one.
fn put(stream: &mut TcpStream, name: &str, bytes: &[u8]) -> Option<u16> {
    let head = format!("PUT /{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", bytes.len());
    stream.write_all(&[head.as_bytes(), bytes].concat()).ok()?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        response.extend(byte);
    }
    String::from_utf8(response).ok()?.get(9..12)?.parse().ok()
}

/// Stores files until a response is no 2xx.
fn write_files(address: SocketAddr, seed: u64, stored: &Sender<()>) -> HashMap<String, Promise> {
    let mut random = random(seed);
    let mut promises: HashMap<String, Promise> = HashMap::new();
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
    loop {
        let len_max = if random(8) == 0 { LARGE_LEN_MAX } else { SMALL_LEN_MAX };
        let bytes = content(&mut random, len_max);
        let name = format!("w{seed}-{}", random(NAMES_PER_WRITER));
        let promise = promises.entry(name.clone()).or_default();
        promise.in_flight = Some(bytes);
        let bytes = promise.in_flight.as_deref().unwrap_or_default();
        let status = put(&mut stream, &name, bytes);
        if status.is_none_or(|status| status >= 300) {
            eprintln!("{name}, {} bytes: {status:?}", bytes.len());
            return promises;
        }
        promise.stored = promise.in_flight.take();
        let _ = stored.send(());
    }
}

fn check(image: &Image, promises: Vec<HashMap<String, Promise>>, cut: usize) {
    for (name, promise) in promises.into_iter().flatten() {
        let found = fs::read(image.mount_point().join(&name)).ok();
        let is_kept = found == promise.stored || (found.is_some() && found == promise.in_flight);
        let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(Vec::len);
        assert!(
            is_kept,
            "cut {cut}, {name}: {:?} bytes are there, {:?} were stored, {:?} were on their way",
            len(&found),
            len(&promise.stored),
            len(&promise.in_flight)
        );
        // The next round needs the space.
        let _ = fs::remove_file(image.mount_point().join(&name));
    }
}

#[test]
fn stored_files_survive_power_loss() {
    let cuts = std::env::var("REACTOR_POWER_CUTS").ok().and_then(|cuts| cuts.parse().ok());
    let image = Image::new();
    if !(image.format() && image.mount()) {
        eprintln!("skipped: this user cannot mount an ext4 image");
        return;
    }
    let mut random = random(0x9e37_79b9_7f4a_7c15);
    for cut in 0..cuts.unwrap_or(CUTS_DEFAULT) {
        let root = image.mount_point().to_string_lossy().into_owned();
        let workers = if cut % 2 == 0 { "1" } else { "2" };
        let server = Server::in_folder(&[], &["--upload", "--workers", workers, "--root", &root]);
        let (sender, stored) = mpsc::channel();
        let address = server.address();
        let writers: Vec<_> = (1..=WRITERS)
            .map(|seed| {
                let sender = sender.clone();
                thread::spawn(move || write_files(address, cut as u64 * WRITERS + seed, &sender))
            })
            .collect();
        drop(sender);
        for _ in 0..random(60) + 1 {
            stored.recv_timeout(WAIT_MAX).expect("a file is stored");
        }
        assert!(image.cut(), "the file system is cut off");
        let promises = writers.into_iter().map(|writer| writer.join().expect("it ends")).collect();
        server.signal(Signal::KILL);
        drop(server);
        assert!(image.unmount() && image.mount(), "it can be mounted again");
        check(&image, promises, cut);
    }
}
