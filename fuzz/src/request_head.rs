//! Request head: whole, byte by byte and with trailing bytes gives the same.

use reactor_http::http::{FieldBuf, Method, Reject, RequestHead, RequestTarget, parse_request};

use super::{TRAILING, bytewise, cut};

/// What must not depend on how the head arrives.
type Summary = (usize, String);

pub fn check(input: &[u8]) {
    let input = cut(input);
    let whole = parse(input, &mut 0);
    let mut searched = 0;
    let by_byte = bytewise(input, |prefix| parse(prefix, &mut searched));
    assert_eq!(is_error(&whole), is_error(&by_byte), "{whole:?} {by_byte:?}");
    if let Some(Ok((consumed, _))) = &whole {
        assert_eq!(whole, by_byte);
        assert!(*consumed <= input.len() && input[..*consumed].ends_with(b"\r\n\r\n"));
        assert_eq!(whole, parse(&input[..*consumed], &mut 0), "without what follows");
        assert_eq!(whole, parse(&[input, TRAILING].concat(), &mut 0), "with trailing bytes");
    }
    if let Some(Err(reject)) = &whole {
        assert!((400..600).contains(&reject.status.code()), "{reject}");
    }
}

fn is_error(result: &Option<Result<Summary, Reject>>) -> Option<bool> {
    result.as_ref().map(Result::is_err)
}

fn parse(bytes: &[u8], searched: &mut usize) -> Option<Result<Summary, Reject>> {
    let mut space = FieldBuf::new();
    let parsed = parse_request(bytes, searched, &mut space).transpose()?;
    Some(parsed.map(|(consumed, head)| {
        check_head(&head);
        (consumed, format!("{head:?}"))
    }))
}

fn check_head(head: &RequestHead<'_, '_>) {
    assert!(!head.line.contains(&b'\r') && !head.line.contains(&b'\n'));
    for (name, value) in head.fields.iter() {
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{value:?}");
    }
    match head.target {
        RequestTarget::Asterisk => assert_eq!(head.method, Method::Options),
        RequestTarget::Authority(_) => assert_eq!(head.method, Method::Connect),
        _ => assert!(head.target.path().starts_with(b"/")),
    }
}
