//! Response reader: any split gives the same response; `check` and `next` agree.

use reactor_http::http::{LastHead, Method, ResponseError, ResponseEvent, ResponseReader};

use super::split_choice;

pub fn check(input: &[u8]) {
    let (choice, bytes) = split_choice(input);
    let method = if choice % 2 == 0 { Method::Get } else { Method::Head };
    let whole = read(method, bytes, usize::MAX);
    for piece_len in [1, usize::from(choice) + 2] {
        let pieces = read(method, bytes, piece_len);
        assert_eq!(whole.is_ok(), pieces.is_ok(), "pieces of {piece_len}: {whole:?} {pieces:?}");
        if whole.is_ok() {
            assert_eq!(whole, pieces, "pieces of {piece_len}");
        }
    }
    let mut last = LastHead::default();
    let first = check_all(method, bytes, &mut last);
    assert_eq!(first, check_all(method, bytes, &mut last), "a known head");
    // `check` alone refuses status 101.
    if first != Err(ResponseError::SwitchingProtocols)
        && let Ok(seen) = &whole
    {
        assert_eq!(first, Ok((seen.consumed, seen.is_complete)));
    }
}

fn check_all(method: Method, bytes: &[u8], last: &mut LastHead) -> Result<(usize, bool), ResponseError> {
    ResponseReader::new(method).check(bytes, last)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    heads: Vec<u16>,
    body: Vec<u8>,
    consumed: usize,
    is_complete: bool,
    keep_alive: bool,
    end_of_input: Option<Result<(), ResponseError>>,
}

/// Reads as from a receive buffer that grows by `piece_len` bytes at a time.
fn read(method: Method, bytes: &[u8], piece_len: usize) -> Result<Seen, ResponseError> {
    let mut reader = ResponseReader::new(method);
    let (mut seen, mut end) = (Seen::default(), 0);
    while !seen.is_complete {
        let Some((consumed, event)) = reader.next(&bytes[seen.consumed..end])? else {
            if end == bytes.len() {
                break;
            }
            end = end.saturating_add(piece_len).min(bytes.len());
            continue;
        };
        assert!(consumed <= end - seen.consumed);
        seen.consumed += consumed;
        match event {
            ResponseEvent::Interim(head) => {
                assert!(seen.body.is_empty() && (100..200).contains(&head.status));
                seen.heads.push(head.status);
            }
            ResponseEvent::Head(head) => {
                assert!(!(100..200).contains(&head.status));
                seen.heads.push(head.status);
            }
            ResponseEvent::Body(data) => seen.body.extend_from_slice(data),
            ResponseEvent::End => seen.is_complete = true,
        }
    }
    assert!(method != Method::Head || seen.body.is_empty(), "a response to HEAD has no body");
    (seen.keep_alive, seen.end_of_input) = (reader.keep_alive, Some(reader.end_of_input()));
    Ok(seen)
}
