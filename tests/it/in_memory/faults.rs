//! Faults of the wire at seeded places: an exchange is answered whole, or its connection ends.
//!
//! Calls are interrupted, take few bytes, are not ready, or fail with ECONNRESET, EPIPE, ENOBUFS and ETIMEDOUT. The variable
//! `REACTOR_TEST_EXCHANGES` sets the number of exchanges; the suite has 2,000.

use std::fs;

use allocation_counter::measure;

use super::pair::{Pair, ServedDirectory};
use super::wire::{Pace, Random};
use super::{content, directory_of_all_lengths, request};
use crate::harness::secure::is_over_tls;

const EXCHANGES_DEFAULT: u64 = 2000;
const UPLOAD_LEN_MAX: u64 = 20_000;
/// Exchanges after which memory and open files are as before.
const ROUND: u64 = 1000;
/// What may be kept: the bytes of the file that was stored last.
const KEPT_LEN_MAX: i64 = UPLOAD_LEN_MAX as i64;

/// A pair whose wire has faults, after both sides have ended; the status, if the response is whole.
fn end(directory: &ServedDirectory, request: &str, random: &mut Random) -> (Pair, Option<u16>) {
    let scale = 6 + random.below(12);
    let capacity = 64 + random.below(1 << scale) as usize;
    let one_in = 10 + random.below(1000);
    let mut pair = Pair::new(directory, request, capacity, Pace::Faulty(*random, one_in));
    pair.run();
    let status = pair.client.context.status.filter(|_| pair.client.context.outcome == Some(Ok(())));
    (pair, status)
}

fn get(directory: &ServedDirectory, (name, bytes): &(String, Vec<u8>), mut random: Random) -> bool {
    let seed = random.0;
    let (pair, status) = end(directory, &request(&format!("/{name}")), &mut random);
    if let Some(status) = status {
        assert!(status == 200 && pair.client.context.body == *bytes, "seed {seed}: {status}, or other bytes");
    } else {
        assert!(bytes.starts_with(&pair.client.context.body), "seed {seed}: the part is of another file");
    }
    status.is_some()
}

/// `stored` is what is there before and after it.
fn put(directory: &ServedDirectory, stored: &mut Vec<u8>, mut random: Random) -> bool {
    let seed = random.0;
    let body: String =
        content(random.below(UPLOAD_LEN_MAX) as usize).iter().map(|byte| char::from(byte % 128)).collect();
    let head = format!("PUT /stored HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
    let (_, status) = end(directory, &(head + &body), &mut random);
    let found = fs::read(directory.path().join("stored")).expect("the file");
    match status {
        Some(status) => {
            assert!(status == 204 && found == body.as_bytes(), "seed {seed}: {status}, not stored")
        }
        None => assert!(found == *stored || found == body.as_bytes(), "seed {seed}: a file of neither"),
    }
    *stored = found;
    status.is_some()
}

/// Open files of the directory; other tests of this process have others.
fn open_files(directory: &ServedDirectory) -> usize {
    let links = fs::read_dir("/proc/self/fd")
        .expect("open files")
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|target| target.starts_with(directory.path())).count()
}

#[test]
pub(super) fn exchange_over_faulty_wire_is_whole_or_ends() {
    let exchanges = std::env::var("REACTOR_TEST_EXCHANGES").ok().and_then(|number| number.parse().ok());
    let exchanges = exchanges.unwrap_or(EXCHANGES_DEFAULT) / if is_over_tls() { 5 } else { 1 };
    let (directory, files) = directory_of_all_lengths();
    let mut stored = b"first".to_vec();
    fs::write(directory.path().join("stored"), &stored).expect("a file");
    let (mut whole, mut cut, mut seed) = (0, 0, 0);
    while seed < exchanges {
        let end = exchanges.min(seed + ROUND);
        let before = open_files(&directory);
        let memory = measure(|| {
            for seed in seed..end {
                let mut random = Random(seed);
                let is_whole = if random.below(4) == 0 {
                    put(&directory, &mut stored, random)
                } else {
                    get(&directory, &files[random.below(files.len() as u64) as usize], random)
                };
                *(if is_whole { &mut whole } else { &mut cut }) += 1;
            }
        });
        // The first round fills what is kept: lazy values, spare buffers of the thread.
        assert!(seed == 0 || memory.bytes_current <= KEPT_LEN_MAX, "{} bytes are kept", memory.bytes_current);
        assert_eq!(open_files(&directory), before, "files stay open");
        seed = end;
    }
    // Both are tested.
    assert!(whole > exchanges / 20 && cut > exchanges / 20, "{whole} whole, {cut} cut off");
    // Nothing of an upload that broke off is left.
    let names = crate::harness::names_in(directory.path());
    assert_eq!(names.len(), files.len() + 1, "{names:?}");
}
