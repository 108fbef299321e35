//! Reading what is held in memory whole: to its end, if that is near enough.
//!
//! It owns what is said when it is not. What the bound is, and where the bytes come from, is for who asks.

use std::io::{self, Read};

/// Reads to the end, which must come within so many bytes.
///
/// # Errors
/// Reading fails, or there is more.
pub(super) fn read_bounded(from: &mut impl Read, len_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(len_max + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > len_max {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {} MiB, and would be held in memory", len_max / (1024 * 1024)),
        )),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_in_sight_is_refused() {
        assert_eq!(read_bounded(&mut &b"abc"[..], 3).expect("three bytes"), b"abc");
        let error = read_bounded(&mut io::repeat(b'/'), 1024 * 1024).unwrap_err();
        assert_eq!(error.to_string(), "it is longer than 1 MiB, and would be held in memory");
    }
}
