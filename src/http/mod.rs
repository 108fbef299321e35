//! HTTP/1.1 as values: bytes in, typed values out, bytes out, for server and client alike.
//!
//! It owns the grammar and the rules of RFC 9110 and RFC 9112: heads, targets, fields and the framing of
//! bodies; dates, entity-tags, conditions, ranges and what Accept and Accept-Encoding ask for; and the
//! writing of heads. It is strict where laxness is a smuggling risk, and does no more than a plain request
//! would where a condition or a range cannot be read.
//! It never touches a socket, a file or a clock, and owns no buffer: a parser is handed what has
//! arrived and answers (consumed, value), "need more", or what is wrong with it.

#[cfg(test)]
mod agreement;
pub mod body;
pub mod chunked;
pub mod conditional;
pub mod date;
pub mod entity_tag;
mod fast_path;
pub mod fields;
pub mod framing;
pub mod head;
mod limits;
pub mod method;
pub mod multipart;
pub mod negotiation;
mod persistence;
pub mod range;
pub mod reject;
mod request_line;
pub mod response;
pub mod status;
mod syntax;
pub mod target;
#[cfg(test)]
mod testing;
pub mod version;
pub mod write;

pub use body::BodyReader;
pub use chunked::{BadChunk, CHUNK_LINE_LEN_MAX, Dechunker, Decoded, TRAILERS_LEN_MAX};
pub use conditional::{Modified, Preconditions, Validators, Verdict, if_range_holds};
pub use date::{imf_fixdate, parse_http_date};
pub use entity_tag::EntityTag;
pub use fields::{FieldSpace, Fields};
pub use framing::{RequestBody, ResponseBody};
pub use head::{RequestHead, parse_request};
pub use limits::{FIELDS_MAX, HEAD_LEN_MAX, TARGET_LEN_MAX};
pub use method::Method;
pub use multipart::Multipart;
pub use negotiation::{AcceptedCodings, ContentCoding, Form, Prose, form_for, prose_for, prose_for_refused};
pub use range::{ByteRange, GAP_LEN_MAX, PARTS_MAX, Selection, select};
pub use reject::{BadResponse, Reject};
pub use response::reader::{LastHead, ResponseError, ResponseEvent, ResponseReader};
pub use response::{ResponseHead, parse_response};
pub use status::Status;
pub use syntax::{is_field_value, is_media_type, is_token, is_token_list};
pub use target::{Target, has_host};
pub use version::Version;
pub use write::{
    attachment, chunk, chunk_size, content_length, content_range, decimal, end, field, percent_encode_path,
    request_line, status_line, unsatisfied_range,
};
