//! What a client gives each choice: its weight (RFC 9110 section 12.4.2).
//!
//! It owns the reading of `qvalue`, alone and among parameters. It never knows what is weighed.

/// A weight in thousandths: 1000 is `q=1`.
pub(in crate::http) type Weight = u16;

/// The weight among the parameters of a range: 1000 if there is none, `None` if it is malformed.
pub(in crate::http) fn weight_among<'p>(mut parameters: impl Iterator<Item = &'p [u8]>) -> Option<Weight> {
    parameters
        .find_map(|parameter| match parameter {
            [b'q' | b'Q', b'=', weight @ ..] => Some(parse_weight(weight)),
            _ => None,
        })
        .unwrap_or(Some(1000))
}

/// `qvalue` (RFC 9110 section 12.4.2): 0 to 1 with at most three decimals.
pub(super) fn parse_weight(bytes: &[u8]) -> Option<Weight> {
    let (whole, decimals) = match bytes {
        [whole @ (b'0' | b'1')] => (*whole, &b""[..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] => (*whole, decimals),
        _ => return None,
    };
    if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = decimals.iter().copied().chain(std::iter::repeat(b'0')).take(3);
    let weight =
        digits.fold(Weight::from(whole - b'0'), |weight, digit| weight * 10 + Weight::from(digit - b'0'));
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_thousandths() {
        for (bytes, weight) in [
            (&b"1"[..], Some(1000)),
            (b"1.000", Some(1000)),
            (b"0", Some(0)),
            (b"0.", Some(0)),
            (b"0.5", Some(500)),
            (b"0.05", Some(50)),
            (b"0.005", Some(5)),
            (b"1.1", None),
            (b"0.0005", None),
            (b"0.5 ", None),
            (b"-0", None),
        ] {
            assert_eq!(parse_weight(bytes), weight, "{}", bytes.escape_ascii());
        }
    }
}
