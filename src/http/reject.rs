//! What is wrong with a request, and how to answer it.
//!
//! A [`Reject`] is always the peer's fault and carries the status to answer with; faults of ours
//! are other types. It never formats the answer.

use std::error::Error;
use std::fmt;

use super::Status;

/// The peer's fault: the status to answer with, and a sentence for the body of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reject {
    /// What to answer with.
    pub status: Status,
    /// One or two plain sentences that name the fault, and the remedy where there is one.
    pub why: &'static str,
}

impl Reject {
    /// A fault to be answered with `status` and the sentence `why`.
    pub const fn new(status: Status, why: &'static str) -> Reject {
        Reject { status, why }
    }

    /// A fault to be answered with 400: the bytes are not what RFC 9112 allows.
    pub const fn bad_request(why: &'static str) -> Reject {
        Reject::new(Status::BAD_REQUEST, why)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.why)
    }
}

impl Error for Reject {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_shows_its_status_and_its_sentence() {
        let reject = Reject::bad_request("The Host field is missing.");
        assert_eq!(reject.to_string(), "400 Bad Request: The Host field is missing.");
    }
}
