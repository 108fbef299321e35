//! Line of the number exchange.

use reactor_http::sum::{LINE_LEN_MAX, SumLine, SumLineError, SumRole};

use super::{TRAILING, bytewise, cut};

pub fn check(input: &[u8]) {
    let input = cut(input);
    for role in [SumRole::Client, SumRole::Server] {
        let parse = |bytes: &[u8]| SumLine::parse(role, bytes).transpose();
        let whole = parse(input);
        assert_eq!(whole, bytewise(input, parse), "byte by byte");
        if let Some(result) = &whole {
            assert_eq!(whole, parse(&[input, TRAILING].concat()), "with trailing bytes");
            check_result(role, input, result);
        }
    }
}

fn check_result(role: SumRole, input: &[u8], result: &Result<(usize, SumLine), SumLineError>) {
    match result {
        Ok((consumed, line)) => {
            assert!(*consumed <= LINE_LEN_MAX && input[..*consumed].ends_with(b"\n"));
            let text = format!("{}\n", line.format_as(role));
            assert_eq!(SumLine::parse(role, text.as_bytes()), Ok(Some((text.len(), line.clone()))));
        }
        Err(error) => assert!(!error.to_string().contains(['\n', '\x1b']), "{error:?}"),
    }
}
