//! PROXY header: any prefix needs more input or gives the result of the whole; never more bytes than there are.

use reactor_http::net::parse_proxy_header;

use super::{cut, split_choice};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

pub fn check(input: &[u8]) {
    let (choice, rest) = split_choice(cut(input));
    // Half of the inputs need not find the signature.
    let signed = [SIGNATURE, rest].concat();
    let bytes = if choice % 2 == 0 { &signed } else { rest };
    let whole = parse_proxy_header(bytes);
    let first = (0..=bytes.len()).find_map(|len| parse_proxy_header(&bytes[..len]).transpose());
    match &whole {
        Ok(None) => assert!(first.is_none(), "a prefix is complete, the whole is not"),
        Ok(Some((0, client))) => assert!(client.is_none() && !bytes.starts_with(SIGNATURE)),
        Ok(Some((len, client))) => {
            assert!(*len <= bytes.len());
            let again = parse_proxy_header(&bytes[..*len]);
            assert!(matches!(again, Ok(Some((l, c))) if l == *len && c == *client), "without what follows");
            assert!(matches!(first, Some(Ok((l, c))) if l == *len && c == *client), "byte by byte");
        }
        Err(_) => assert!(matches!(first, Some(Err(_))), "refused, but a prefix is complete"),
    }
}
