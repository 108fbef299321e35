//! Uploads over the in-memory transport: PUT, POST and PATCH, digests, offsets and upload resources.
//!
//! Each input has a directory and an upload resource of its own; `@` in it stands for the path of that resource.
//! Validators and paths of upload resources differ from directory to directory, so they are masked.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::connection::{NOW, check_responses, requests_in};
use super::in_memory::{Directory, Server};
use super::{cut, split_choice};

/// Creates the upload resource: 4 bytes of `new`, incomplete.
const CREATION: &[u8] =
    b"PUT /new HTTP/1.1\r\nHost: h\r\nUpload-Draft-Interop-Version: 8\r\nUpload-Complete: ?0\r\n\
    Content-Length: 4\r\n\r\nabcd";
const PREFIX: &[u8] = b"/.reactor-uploads/";

pub fn check(input: &[u8]) {
    let (choice, script) = split_choice(input);
    let script = cut(script);
    let whole = conversation(script, usize::MAX);
    for piece_len in [1, usize::from(choice) + 2] {
        assert_eq!(whole, conversation(script, piece_len), "pieces of {piece_len}");
    }
}

/// Responses, with `@` for each upload resource, and the files that are visible afterwards.
fn conversation(script: &[u8], piece_len: usize) -> (String, BTreeMap<PathBuf, Vec<u8>>) {
    let directory = Directory::new();
    let mut server = Server::with_uploads(&directory, *NOW);
    let created = server.send(CREATION);
    let resource = resource_in(&created).unwrap_or_else(|| panic!("no upload: {created:?}")).to_vec();
    let script = replace(script, &resource);
    let mut received = Vec::new();
    for piece in script.chunks(piece_len) {
        received.extend(server.send(piece));
    }
    received.extend(server.finish());
    assert!(server.has_ended(), "the input has ended and all output was taken: the connection ends");
    check_responses(&requests_in(&script), &received);
    let mut files = BTreeMap::new();
    visible_files(directory.path(), &mut files);
    let below = |path: PathBuf| path.strip_prefix(directory.path()).expect("below it").to_owned();
    let files = files.into_iter().map(|(path, bytes)| (below(path), bytes)).collect();
    let text = String::from_utf8_lossy(&masked(&received)).into_owned();
    let is_validator = |line: &&str| line.starts_with("ETag: ") || line.starts_with("Last-Modified: ");
    (text.lines().filter(|line| !is_validator(line)).collect::<Vec<_>>().join("\n"), files)
}

fn replace(script: &[u8], resource: &[u8]) -> Vec<u8> {
    script
        .iter()
        .flat_map(|byte| if *byte == b'@' { resource } else { std::slice::from_ref(byte) })
        .copied()
        .collect()
}

fn resource_in(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.windows(PREFIX.len()).position(|window| window == PREFIX)?;
    let name = &bytes[start + PREFIX.len()..];
    let len = name.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(name.len());
    (len > 0).then_some(&bytes[start..start + PREFIX.len() + len])
}

fn masked(mut bytes: &[u8]) -> Vec<u8> {
    let mut masked = Vec::new();
    while let Some(resource) = resource_in(bytes) {
        let start = resource.as_ptr().addr() - bytes.as_ptr().addr();
        masked.extend_from_slice(&bytes[..start]);
        masked.push(b'@');
        bytes = &bytes[start + resource.len()..];
    }
    masked.extend_from_slice(bytes);
    masked
}

fn visible_files(directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("the directory") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().expect("a type").is_dir() {
            if name != ".reactor-uploads" {
                visible_files(&entry.path(), files);
            }
        } else {
            let is_temporary = name.starts_with('.');
            assert!(!is_temporary, "a file of an upload is left: {name}");
            files.insert(entry.path(), fs::read(entry.path()).expect("a file"));
        }
    }
}
