//! Power loss: a file with a 2xx, and each byte below an offset that was told, is there after its disk was cut off and
//! mounted again.
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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use rustix::process::Signal;

use crate::harness::{Server, WAIT_MAX, names_in, random};

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

/// The head of the response, if there is one; it has no body.
fn exchange(stream: &mut TcpStream, line: &str, fields: &str, bytes: &[u8]) -> Option<String> {
    let head =
        format!("{line} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {}\r\n\r\n", bytes.len());
    stream.write_all(&[head.as_bytes(), bytes].concat()).ok()?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        response.extend(byte);
    }
    String::from_utf8(response).ok()
}

fn status(head: &str) -> u16 {
    head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status")
}

/// The status of the response, if there is one.
fn put(stream: &mut TcpStream, name: &str, bytes: &[u8]) -> Option<u16> {
    exchange(stream, &format!("PUT /{name}"), "", bytes).as_deref().map(status)
}

/// An upload that had told its offset when the disk was cut off.
struct Unfinished {
    name: String,
    resource: String,
    content: Vec<u8>,
    offset: usize,
}

fn patch(stream: &mut TcpStream, upload: &Unfinished, end: usize) -> Option<u16> {
    let is_complete = u8::from(end == upload.content.len());
    let fields = format!(
        "Content-Type: application/partial-upload\r\nUpload-Offset: {}\r\nUpload-Complete: ?{is_complete}\r\n",
        upload.offset
    );
    let bytes = &upload.content[upload.offset..end];
    exchange(stream, &format!("PATCH {}", upload.resource), &fields, bytes).as_deref().map(status)
}

/// Sends files in parts until a response is no 2xx.
///
/// A machine without power sends no response. So one that comes once the cut has begun tells nothing: the kernel may
/// let an `fdatasync` succeed that runs at that moment.
fn write_parts(
    address: SocketAddr,
    seed: u64,
    stored: &Sender<()>,
    is_cut: &AtomicBool,
) -> Option<Unfinished> {
    let mut random = random(seed);
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
    for number in 0.. {
        let name = format!("parts{seed}-{}", number % NAMES_PER_WRITER);
        let created = exchange(&mut stream, &format!("PUT /{name}"), "Upload-Complete: ?0\r\n", b"")?;
        let resource = created.lines().find_map(|line| line.strip_prefix("Location: "))?.to_owned();
        let content = content(&mut random, SMALL_LEN_MAX);
        let mut upload = Unfinished { name, resource, content, offset: 0 };
        while upload.offset < upload.content.len() {
            let end = (upload.offset + 1 + random(SMALL_LEN_MAX / 4)).min(upload.content.len());
            let is_refused = patch(&mut stream, &upload, end).is_none_or(|status| status >= 300);
            if is_refused || is_cut.load(Ordering::SeqCst) {
                return Some(upload);
            }
            upload.offset = end;
            let _ = stored.send(());
        }
    }
    None
}

/// Goes on with an upload, whose file must then be whole.
fn resume(server: &Server, image: &Image, mut upload: Unfinished, cut: usize) {
    let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
    let head = exchange(&mut stream, &format!("HEAD {}", upload.resource), "", b"").expect("a response");
    let offset = head.lines().find_map(|line| line.strip_prefix("Upload-Offset: "));
    let offset: usize = offset.unwrap_or_else(|| panic!("cut {cut}: {head}")).parse().expect("a number");
    assert!(offset >= upload.offset, "cut {cut}: {offset} of {} that were told", upload.offset);
    upload.offset = offset;
    if !head.contains("Upload-Complete: ?1") {
        let status = patch(&mut stream, &upload, upload.content.len()).expect("a response");
        assert!(matches!(status, 201 | 204), "cut {cut}: {status}");
    }
    let found = fs::read(image.mount_point().join(&upload.name)).expect("the file");
    assert!(found == upload.content, "cut {cut}, {}: {} bytes", upload.name, found.len());
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
fn stored_files_and_told_offsets_survive_power_loss() {
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
        let is_cut = Arc::new(AtomicBool::new(false));
        let address = server.address();
        let writers: Vec<_> = (1..=WRITERS)
            .map(|seed| {
                let sender = sender.clone();
                thread::spawn(move || write_files(address, cut as u64 * WRITERS + seed, &sender))
            })
            .collect();
        let parts: Vec<_> = (1..=WRITERS / 2)
            .map(|seed| {
                let (sender, is_cut) = (sender.clone(), Arc::clone(&is_cut));
                thread::spawn(move || write_parts(address, cut as u64 * WRITERS + seed, &sender, &is_cut))
            })
            .collect();
        drop(sender);
        for _ in 0..random(60) + 1 {
            stored.recv_timeout(WAIT_MAX).expect("a file is stored");
        }
        is_cut.store(true, Ordering::SeqCst);
        assert!(image.cut(), "the file system is cut off");
        let promises = writers.into_iter().map(|writer| writer.join().expect("it ends")).collect();
        let unfinished: Vec<_> =
            parts.into_iter().filter_map(|writer| writer.join().expect("it ends")).collect();
        server.signal(Signal::KILL);
        drop(server);
        assert!(image.unmount() && image.mount(), "it can be mounted again");
        check(&image, promises, cut);
        let server = Server::in_folder(&[], &["--upload", "--root", &root]);
        unfinished.into_iter().for_each(|upload| resume(&server, &image, upload, cut));
        assert!(server.stop().status.success());
        let left: Vec<_> =
            names_in(&image.mount_point()).into_iter().filter(|name| name.starts_with("parts")).collect();
        left.iter().for_each(|name| fs::remove_file(image.mount_point().join(name)).expect("a file"));
    }
}
