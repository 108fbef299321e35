//! HTTP/1.1 parsers, rules and writers for server and client.
//!
//! Owns the grammar and rules of RFC 9110 and RFC 9112; strict where laxness enables request smuggling.
//! Never uses sockets, files, clocks or own buffers; parsers return (consumed, value) or "need more".

pub mod body;
pub mod date;
mod digest;
pub mod fields;
mod limits;
pub mod method;
pub mod reject;
pub mod request;
pub mod response;
pub mod rules;
pub mod status;
mod syntax;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod version;
pub mod write;

pub(crate) use body::chunked::trailers;
pub use body::chunked::{CHUNK_LINE_LEN_MAX, ChunkedDecoder, Decoded, TRAILERS_LEN_MAX};
pub use body::decoder::BodyDecoder;
pub use body::form_data::{FormDecoder, FormEvent};
pub use body::framing::{RequestBody, ResponseBody};
pub use body::multipart::Multipart;
pub use date::{imf_fixdate, parse_http_date};
pub(crate) use digest::{DigestAlgorithm, DigestHasher, DigestValue};
pub use fields::{FieldBuf, Fields};
pub use limits::{FIELDS_MAX, HEAD_LEN_MAX, TARGET_LEN_MAX};
pub use method::Method;
pub use reject::{Reject, ResponseHeadError};
pub use request::head::{RequestHead, parse_request};
pub use request::target::{RequestTarget, has_host};
pub use response::head::{RESPONSE_HEAD_LEN_MAX, ResponseFields, ResponseHead, parse_response};
pub use response::reader::{LastHead, ResponseError, ResponseEvent, ResponseReader};
pub use rules::basic_auth::{BASIC_CHALLENGE, BasicCredentials};
pub use rules::conditional::{Modified, PreconditionResult, Preconditions, Validators, if_range_matches};
pub use rules::entity_tag::EntityTag;
pub use rules::negotiation::{
    AcceptedCodings, ContentCoding, ErrorFormat, ListingFormat, accepts_page, error_format,
    error_format_of_rejected, listing_format,
};
pub use rules::range::{ByteRange, GAP_LEN_MAX, PARTS_MAX, RangeSelection, select_ranges};
pub use status::Status;
pub(crate) use syntax::parse_decimal;
pub use syntax::{is_field_value, is_media_type, is_token, is_token_list};
pub use version::Version;
pub use write::{
    append_query, attachment, chunk, chunk_size, content_length, content_range, decimal, directory_reference,
    end_head, field, field_line, percent_encode_path, request_line, status_line,
};
