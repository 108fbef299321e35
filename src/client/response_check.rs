//! Digest of a response, and reason of an error.
//!
//! Bytes are still in their content coding.

use super::messages::printable;
use super::run_error::RunError;
use crate::http::{DigestHasher, DigestValue, ResponseHead};

/// A reason is a sentence.
pub(super) const REASON_LEN_MAX: u64 = 4096;

pub(super) struct DigestCheck {
    field: &'static str,
    expected: DigestValue,
    pub(super) hasher: DigestHasher,
}

impl DigestCheck {
    pub(super) fn new(head: &ResponseHead<'_>) -> Option<Self> {
        // Repr-Digest is of the whole.
        let fields =
            if head.status == 206 { &["Content-Digest"][..] } else { &["Content-Digest", "Repr-Digest"] };
        let (field, expected) = fields.iter().find_map(|field| Some((*field, find(head, field).next()?)))?;
        Some(Self { field, hasher: DigestHasher::new(expected.algorithm), expected })
    }

    /// Name of the field.
    pub(super) fn finish(self) -> Result<&'static str, RunError> {
        let Self { field, expected, hasher } = self;
        match hasher.finish() {
            found if found == expected => Ok(field),
            found => Err(RunError::Digest(format!(
                "the body is not what the server sent: its {field} is {expected}, and {found} was received"
            ))),
        }
    }

    pub(super) fn compare_stored(head: &ResponseHead<'_>, sent: &DigestValue) -> Result<(), RunError> {
        match find(head, "Repr-Digest").find(|stored| stored.algorithm == sent.algorithm) {
            Some(stored) if stored != *sent => Err(RunError::Digest(format!(
                "the server has not stored what was sent: its Repr-Digest is {stored}, that of the file {sent}"
            ))),
            _ => Ok(()),
        }
    }
}

fn find(head: &ResponseHead<'_>, name: &str) -> impl Iterator<Item = DigestValue> {
    let values = head.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
    values.flat_map(|(_, value)| DigestValue::parse_list(&value).flatten().collect::<Vec<_>>())
}

/// `detail` (RFC 9457), or the first line that is not the status.
pub(super) fn reason(status: u16, media_type: &str, body: &[u8]) -> Option<String> {
    let text = match media_type.to_ascii_lowercase().as_str() {
        "application/problem+json" => {
            serde_json::from_slice::<serde_json::Value>(body).ok()?.get("detail")?.as_str()?.to_owned()
        }
        "text/plain" => String::from_utf8_lossy(body).into_owned(),
        _ => return None,
    };
    let status = status.to_string();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(&status))?;
    Some(printable(line.trim_end_matches('.').as_bytes()))
}
