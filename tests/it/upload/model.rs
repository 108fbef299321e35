//! Random requests against a map in memory: every status and every byte is the one that the map foretells.
//!
//! Each request takes one of three connections, which two workers share.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::resumable::{offset, patch};
use crate::harness::{Raw, Server, names_in, pattern};

const NAMES: [&str; 3] = ["/a", "/b", "/d/c"];

#[derive(Clone, Copy, Debug)]
enum Condition {
    None,
    Free,
    Taken,
    Current,
    Old,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Get,
    Head,
    Delete(Condition),
    Put(Condition, usize, bool),
    /// Creation and two appends, with a lost part before the second.
    Resume(Condition, usize, usize),
}

fn operations() -> impl Strategy<Value = Vec<(usize, usize, Operation)>> {
    use Condition::{Current, Free, None, Old, Taken};
    let condition = prop::sample::select(vec![None, None, Free, Taken, Current, Old]);
    let len = prop_oneof![0..20_usize, 60_000..70_000_usize, Just(200_000)];
    let part = || prop_oneof![0..20_usize, 60_000..70_000_usize];
    let operation = prop_oneof![
        3 => Just(Operation::Get),
        1 => Just(Operation::Head),
        2 => condition.clone().prop_map(Operation::Delete),
        2 => (condition.clone(), part(), part())
            .prop_map(|(condition, first, second)| Operation::Resume(condition, first, second)),
        4 => (condition, len, any::<bool>()).prop_map(|(condition, len, is_chunked)| Operation::Put(condition, len, is_chunked)),
    ];
    vec((0..NAMES.len(), 0..3_usize, operation), 1..40)
}

/// Field of a condition, and whether it holds. A large file has no tag until its times are settled.
fn field(condition: Condition, is_there: bool, tag: Option<&str>) -> (String, bool) {
    match condition {
        Condition::None => (String::new(), true),
        Condition::Free => ("If-None-Match: *\r\n".to_owned(), !is_there),
        Condition::Taken => ("If-Match: *\r\n".to_owned(), is_there),
        Condition::Current => (format!("If-Match: {}\r\n", tag.unwrap_or("\"none\"")), tag.is_some()),
        Condition::Old => ("If-Match: \"old\"\r\n".to_owned(), false),
    }
}

fn put_request(path: &str, field: &str, bytes: &[u8], is_chunked: bool) -> Vec<u8> {
    let (framing, start, end) = match bytes.len() {
        len @ 1.. if is_chunked => {
            ("Transfer-Encoding: chunked".to_owned(), format!("{len:x}\r\n"), "\r\n0\r\n\r\n")
        }
        len => (format!("Content-Length: {len}"), String::new(), ""),
    };
    let head = format!("PUT {path} HTTP/1.1\r\nHost: test\r\n{field}{framing}\r\n\r\n{start}");
    [head.as_bytes(), bytes, end.as_bytes()].concat()
}

/// Returns the bytes of the file if it is stored.
fn resume(
    connection: &mut Raw,
    path: &str,
    (condition, first, second): (Condition, usize, usize),
    is_there: bool,
) -> Result<Option<Vec<u8>>, TestCaseError> {
    let bytes: Vec<u8> = pattern(first + second).into_iter().map(|byte| byte ^ first as u8).collect();
    let (field, holds) = field(condition, is_there, tag_of(connection, path).filter(|_| is_there).as_deref());
    let fields = format!("{field}Upload-Complete: ?0\r\nContent-Length: 0");
    let created = connection.ask(&format!("PUT {path}"), &fields);
    prop_assert_eq!(created.status, if holds { 201 } else { 412 }, "{:?}", condition);
    let Some(upload) = created.field("Location").filter(|_| holds) else { return Ok(None) };
    let half = patch(connection, upload, 0, false, &bytes[..first]);
    prop_assert_eq!((half.status, offset(connection, upload)), (204, first as u64));
    prop_assert_eq!(connection.get(path).status, if is_there { 200 } else { 404 });
    prop_assert_eq!(patch(connection, upload, first as u64 + 1, true, b"x").status, 409);
    let reply = patch(connection, upload, first as u64, true, &bytes[first..]);
    prop_assert_eq!(reply.status, if is_there { 204 } else { 201 }, "{}", reply.text());
    Ok(Some(bytes))
}

fn tag_of(connection: &mut Raw, path: &str) -> Option<String> {
    connection.ask(&format!("HEAD {path}"), "").field("ETag").map(str::to_owned)
}

fn apply(
    connection: &mut Raw,
    path: &str,
    operation: Operation,
    model: &mut BTreeMap<&str, (usize, Vec<u8>)>,
) -> Result<(), TestCaseError> {
    let known = model.get(path).cloned();
    let known_name = NAMES.iter().find(|name| **name == path).expect("a name");
    match operation {
        Operation::Resume(condition, first, second) => {
            if let Some(bytes) = resume(connection, path, (condition, first, second), known.is_some())? {
                model.insert(known_name, (bytes.len(), bytes));
            }
        }
        Operation::Get => {
            let reply = connection.get(path);
            prop_assert_eq!(reply.status, if known.is_some() { 200 } else { 404 });
            prop_assert!(known.is_none_or(|(_, bytes)| bytes == reply.body), "{}", path);
        }
        Operation::Head => {
            let reply = connection.ask(&format!("HEAD {path}"), "");
            let len = known.map(|(_, bytes)| bytes.len().to_string());
            prop_assert!(len.is_none() || reply.field("Content-Length") == len.as_deref(), "{}", reply.head);
        }
        Operation::Delete(condition) => {
            let (field, holds) = field(
                condition,
                known.is_some(),
                tag_of(connection, path).filter(|_| known.is_some()).as_deref(),
            );
            let reply =
                connection.send(format!("DELETE {path} HTTP/1.1\r\nHost: test\r\n{field}\r\n")).reply();
            let status = match known {
                None if reply.status == 412 => 412,
                None => 404,
                Some(_) => {
                    if holds {
                        204
                    } else {
                        412
                    }
                }
            };
            prop_assert_eq!(reply.status, status, "{:?}", condition);
            if status == 204 {
                model.remove(path);
            }
        }
        Operation::Put(condition, len, is_chunked) => {
            let bytes: Vec<u8> = pattern(len).into_iter().map(|byte| byte ^ len as u8).collect();
            let (field, holds) = field(
                condition,
                known.is_some(),
                tag_of(connection, path).filter(|_| known.is_some()).as_deref(),
            );
            let request = put_request(path, &field, &bytes, is_chunked);
            let reply = connection.send(request).reply();
            let status = match (holds, known) {
                (false, _) => 412,
                (true, None) => 201,
                (true, Some(_)) => 204,
            };
            prop_assert_eq!(reply.status, status, "{:?}", condition);
            if holds {
                model.insert(known_name, (len, bytes));
            }
        }
    }
    Ok(())
}

#[test]
fn random_requests_get_what_a_map_foretells() {
    for workers in ["1", "2"] {
        let options = ["--upload", "--allow-delete", "--workers", workers, "--durability", "none"];
        let server = Server::with(&[("d/x", b"")], &options);
        let config = Config { cases: 25, failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new(config).run(&operations(), |operations| {
            let mut connections: Vec<Raw> = (0..3).map(|_| server.connect()).collect();
            for name in NAMES {
                connections[0].ask(&format!("DELETE {name}"), "");
            }
            let mut model = BTreeMap::new();
            for (name, connection, operation) in operations {
                apply(&mut connections[connection], NAMES[name], operation, &mut model)?;
            }
            let in_root = ["/a", "/b"].into_iter().filter(|name| model.contains_key(name)).count();
            let names = names_in(&server.root());
            prop_assert_eq!(names.iter().filter(|name| !name.starts_with('.')).count(), in_root + 1);
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{workers} workers: {failure}"));
    }
}
