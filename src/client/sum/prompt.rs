//! Asking a person for the number, until it is one.
//!
//! It blocks: nothing else goes on yet. It connects to nobody.

use std::io::{BufRead, Read, Write};

use super::args::{not_a_number, parse_number};

/// A longer line is no number; what follows is taken for the next one.
const LINE_LEN_MAX: u64 = 256;
/// After so many lines that are no number, nobody is there who understands the question.
const TRIES_MAX: usize = 100;

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoNumber {
    /// The input ended.
    End,
    /// The input could not be read.
    Failed(std::io::ErrorKind),
    /// Too many lines were something else.
    NeverOne,
}

impl std::fmt::Display for NoNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::End => f.write_str("no number was given: standard input has ended"),
            Self::Failed(kind) => write!(f, "no number was given: cannot read standard input: {kind}"),
            Self::NeverOne => write!(f, "no number was given in {TRIES_MAX} lines"),
        }
    }
}

/// Asks on `screen` and reads from `input`, again and again until it is an integer.
///
/// # Errors
/// When the input ends before.
pub(super) fn ask(mut input: impl BufRead, mut screen: impl Write) -> Result<i64, NoNumber> {
    for _ in 0..TRIES_MAX {
        // Who has closed the screen can still answer.
        let _ = write!(screen, "Your number: ").and_then(|()| screen.flush());
        let mut line = Vec::new();
        match input.by_ref().take(LINE_LEN_MAX).read_until(b'\n', &mut line) {
            Ok(0) => {
                let _ = writeln!(screen);
                return Err(NoNumber::End);
            }
            Ok(_) => {}
            Err(error) => return Err(NoNumber::Failed(error.kind())),
        }
        let text = String::from_utf8_lossy(&line);
        match parse_number(&text) {
            Some(number) => return Ok(number),
            None => {
                let _ = writeln!(screen, "{}", not_a_number(text.trim()));
            }
        }
    }
    Err(NoNumber::NeverOne)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(input: &[u8]) -> (Result<i64, NoNumber>, String) {
        let mut screen = Vec::new();
        let outcome = ask(input, &mut screen);
        (outcome, String::from_utf8(screen).unwrap())
    }

    #[test]
    fn it_asks_until_it_is_an_integer() {
        let range = "is not an integer from -9223372036854775808 to 9223372036854775807";
        let (number, said) = asked(b"seven\n\n7.5\n \x1b[31m\n -7 \r\n8\n");
        assert_eq!(number, Ok(-7));
        let lines: Vec<_> = said.split("Your number: ").collect();
        let expected = ["'seven'", "''", "'7.5'", "'\\u{1b}[31m'"].map(|shown| format!("{shown} {range}\n"));
        assert_eq!(lines[1..5], expected);
        assert_eq!((lines[0], &lines[5..]), ("", &[""][..]));
    }

    #[test]
    fn an_input_that_ends_is_told() {
        assert_eq!(asked(b"").0, Err(NoNumber::End));
        assert_eq!(asked(b"x\n").0, Err(NoNumber::End));
        assert_eq!(asked(b"x").0, Err(NoNumber::End));
        assert_eq!(asked(b"12").0, Ok(12), "the last line may lack its end");
    }

    #[test]
    fn an_input_without_a_number_or_an_end_is_given_up() {
        assert_eq!(asked(&b"x\n".repeat(1000)).0, Err(NoNumber::NeverOne));
        assert_eq!(asked(&b"x".repeat(100_000)).0, Err(NoNumber::NeverOne));
    }
}
