//! What suits a client, of what there is (RFC 9110 section 12): proactive negotiation as values.
//!
//! `prose` chooses the form of a sentence for a person and `form` that of a list, which programs read
//! too, both by Accept; `coding` reads what the content of a file may be encoded with, by
//! Accept-Encoding; `weight` is the grammar that they share. Nothing here refuses a request: a field
//! that makes no sense says nothing.

mod coding;
mod form;
mod prose;
mod weight;

pub use coding::{AcceptedCodings, ContentCoding};
pub use form::{Form, form_for};
pub use prose::{Prose, prose_for, prose_for_refused};

pub(super) use coding::CodingWeights;
