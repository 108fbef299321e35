//! Incremental decoder of `multipart/form-data` (RFC 7578; delimiters: RFC 2046 section 5.1.1).
//!
//! It keeps at most one piece of input, and the head of one part.

use memchr::memmem;

use crate::http::syntax::after_prefix;
use crate::http::{Reject, Status};

/// Longest head of a part: browsers send some 200 bytes and the name of the file.
const PART_HEAD_LEN_MAX: usize = 8 * 1024;
/// RFC 2046 section 5.1.1.
const BOUNDARY_LEN_MAX: usize = 70;

const MALFORMED: Reject = Reject::new(Status::BAD_REQUEST, "The form is not valid multipart/form-data.");
const CUT_OFF: Reject =
    Reject::new(Status::BAD_REQUEST, "The form ends before its last boundary; nothing was stored.");
const LONG_HEAD: Reject =
    Reject::new(Status::BAD_REQUEST, "A part of the form has a head of more than 8 KiB.");

/// Event of the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormEvent<'a> {
    /// Start of a part: its name and file name, with the escapes of browsers.
    Part(&'a [u8], Option<&'a [u8]>),
    /// Content of the current part.
    Data(&'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormState {
    Preamble,
    AfterBoundary,
    Head,
    Data,
    Complete,
}

/// Decoder of one form.
#[derive(Debug)]
pub struct FormDecoder {
    /// CRLF, two hyphens, boundary.
    delimiter: Vec<u8>,
    pending: Vec<u8>,
    state: FormState,
}

impl FormDecoder {
    /// `None` if `content_type` is not `multipart/form-data` with a boundary.
    pub fn new(content_type: &[u8]) -> Option<Self> {
        let mut parameters = content_type.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let is_form = parameters.next()?.eq_ignore_ascii_case(b"multipart/form-data");
        let boundary = parameters.filter(|_| is_form).find_map(|text| after_prefix(text, "boundary="))?;
        let quoted = boundary.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let boundary = quoted.unwrap_or(boundary);
        let is_valid = (1..=BOUNDARY_LEN_MAX).contains(&boundary.len());
        // The first delimiter may be at the start of the body.
        let (delimiter, pending) = ([b"\r\n--", boundary].concat(), b"\r\n".to_vec());
        is_valid.then_some(Self { delimiter, pending, state: FormState::Preamble })
    }

    /// Decodes the next piece of the body.
    ///
    /// # Errors
    /// 400.
    pub fn decode(&mut self, piece: &[u8], mut on_event: impl FnMut(FormEvent<'_>)) -> Result<(), Reject> {
        let mut input = std::mem::take(&mut self.pending);
        input.extend_from_slice(piece);
        let mut rest = input.as_slice();
        while let Some(used) = self.step(rest, &mut on_event)? {
            rest = rest.get(used..).unwrap_or_default();
        }
        self.pending = rest.to_vec();
        Ok(())
    }

    /// Checks that the last boundary was there.
    ///
    /// # Errors
    /// 400.
    pub fn finish(&self) -> Result<(), Reject> {
        if self.state == FormState::Complete { Ok(()) } else { Err(CUT_OFF) }
    }

    /// Returns the used length; `None` if more input is needed.
    fn step(
        &mut self,
        input: &[u8],
        on_event: &mut impl FnMut(FormEvent<'_>),
    ) -> Result<Option<usize>, Reject> {
        match self.state {
            FormState::Preamble | FormState::Data => {
                let found = memmem::find(input, &self.delimiter);
                let data_len = found.unwrap_or(input.len().saturating_sub(self.delimiter.len() - 1));
                let data = input.get(..data_len).unwrap_or_default();
                if self.state == FormState::Data && !data.is_empty() {
                    on_event(FormEvent::Data(data));
                }
                if found.is_some() {
                    self.state = FormState::AfterBoundary;
                    return Ok(Some(data_len + self.delimiter.len()));
                }
                Ok(Some(data_len).filter(|len| *len > 0))
            }
            FormState::AfterBoundary => {
                let padding_len = input.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                match input.get(padding_len..).unwrap_or_default() {
                    _ if padding_len >= PART_HEAD_LEN_MAX => return Err(MALFORMED),
                    [b'-', b'-', ..] => self.state = FormState::Complete,
                    [b'\r', b'\n', ..] => self.state = FormState::Head,
                    [] | [b'-' | b'\r'] => return Ok(None),
                    _ => return Err(MALFORMED),
                }
                // The head keeps the CRLF before it: an empty one ends in two, as any other.
                Ok(Some(padding_len))
            }
            FormState::Head => {
                let searched = input.get(..PART_HEAD_LEN_MAX).unwrap_or(input);
                let Some(head_len) = memmem::find(searched, b"\r\n\r\n") else {
                    return if searched.len() == PART_HEAD_LEN_MAX { Err(LONG_HEAD) } else { Ok(None) };
                };
                let head = input.get(..head_len).unwrap_or_default();
                let (name, file_name) = part_names(head).ok_or(MALFORMED)?;
                on_event(FormEvent::Part(&name, file_name.as_deref()));
                self.state = FormState::Data;
                Ok(Some(head_len + b"\r\n\r\n".len()))
            }
            FormState::Complete => Ok(Some(input.len()).filter(|len| *len > 0)),
        }
    }
}

/// `name` and `filename` of `Content-Disposition` (RFC 7578 section 4.2).
fn part_names(head: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let mut lines = head.split(|&byte| byte == b'\n');
    let value = lines.find_map(|line| after_prefix(line, "content-disposition:"))?.trim_ascii();
    let mut rest = value.strip_prefix(b"form-data").or_else(|| value.strip_prefix(b"Form-Data"))?;
    let (mut name, mut file_name) = (None, None);
    while let Some(parameter) = rest.trim_ascii_start().strip_prefix(b";") {
        let equals = memchr::memchr(b'=', parameter)?;
        let (key, text) = parameter.split_at(equals);
        let text = text.get(1..)?;
        let len = value_len(text)?;
        let text_value = text.get(..len)?;
        let text_value =
            text_value.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text_value);
        match key.trim_ascii() {
            b"name" => name = Some(unescaped(text_value)),
            b"filename" => file_name = Some(unescaped(text_value)),
            _ => {}
        }
        rest = text.get(len..)?;
    }
    Some((name.filter(|_| rest.trim_ascii().is_empty())?, file_name))
}

/// A quotation mark ends a value only before a semicolon or the end: names may have marks or backslashes.
fn value_len(text: &[u8]) -> Option<usize> {
    let ends_value = |at: usize| {
        let rest = text.get(at + 1..).unwrap_or_default().trim_ascii_start();
        rest.is_empty() || rest.starts_with(b";")
    };
    match text.strip_prefix(b"\"") {
        Some(rest) => {
            memchr::memchr_iter(b'"', rest).map(|at| at + 1).find(|at| ends_value(*at)).map(|at| at + 1)
        }
        None => Some(memchr::memchr(b';', text).unwrap_or(text.len())),
    }
}

/// Browsers escape three characters and no others (HTML standard, section 4.10.21.8).
fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let escapes: [(&[u8], u8); 3] = [(b"%22", b'"'), (b"%0D", b'\r'), (b"%0A", b'\n')];
        let (byte, len) = match escapes.iter().find(|(escape, _)| rest.starts_with(escape)) {
            Some((escape, byte)) => (*byte, escape.len()),
            None => (*first, 1),
        };
        out.push(byte);
        rest = rest.get(len..).unwrap_or(after);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events of a form whose body comes in pieces; parts in `<>`.
    fn decoded(body: &[u8], piece_len: usize) -> Result<String, &'static str> {
        let mut decoder = FormDecoder::new(b"multipart/form-data; boundary=\"B\"").expect("a boundary");
        let mut text = String::new();
        for piece in body.chunks(piece_len) {
            let on_event = |event: FormEvent<'_>| {
                text += &match event {
                    FormEvent::Part(name, file_name) => {
                        let file_name = file_name.map(|name| format!(" {}", String::from_utf8_lossy(name)));
                        format!("<{}{}>", String::from_utf8_lossy(name), file_name.unwrap_or_default())
                    }
                    FormEvent::Data(data) => String::from_utf8_lossy(data).into_owned(),
                };
            };
            decoder.decode(piece, on_event).map_err(|reject| reject.message)?;
            assert!(decoder.pending.len() <= PART_HEAD_LEN_MAX + piece_len);
        }
        decoder.finish().map_err(|reject| reject.message)?;
        Ok(text)
    }

    #[test]
    fn form_parts_and_data_same_for_every_piece_length() {
        const NAME: &str = "Content-Disposition: form-data; name=\"f\"; filename";
        for (body, expected) in [
            ("--B--", Ok("")),
            ("--B--\r\nepilogue --B\r\n", Ok("")),
            ("preamble\r\n--B \t--", Ok("")),
            ("--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--B--\r\n", Ok("<a>x")),
            (&format!("--B\r\n{NAME}=\"a b\"\r\n\r\n\r\n--B--"), Ok("<f a b>")),
            (
                &format!("--B\r\nX: y\r\n{NAME}=\"\"\r\nA: b\r\n\r\nx\r\n--\r\n--A\r\r\n\r\n--B--"),
                Ok("<f >x\r\n--\r\n--A\r\r\n"),
            ),
            (
                &format!(
                    "--B\r\n{NAME}=\"a;\\\"\"\r\n\r\n1\r\n--B \r\n{}=b\r\n\r\n2\r\n--B--",
                    NAME.to_lowercase()
                ),
                Ok("<f a;\\\">1<f b>2"),
            ),
            (
                &format!("--B\r\n{NAME}=\"%22%0D%0a%0A%25\"; x=y ; z=\"\"\r\n\r\n\r\n--B--"),
                Ok("<f \"\r%0a\n%25>"),
            ),
            ("", Err(CUT_OFF)),
            ("--B", Err(CUT_OFF)),
            ("--C--", Err(CUT_OFF)),
            (&format!("--B\r\n{NAME}=a\r\n\r\nx\r\n--B"), Err(CUT_OFF)),
            (&format!("--B\r\n{NAME}=a\r\n\r\nx--B--\r\n"), Err(CUT_OFF)),
            ("--B\r\n\r\nx\r\n--B--", Err(MALFORMED)),
            ("--B\r\nContent-Type: a/b\r\n\r\nx\r\n--B--", Err(MALFORMED)),
            ("--Bx\r\n", Err(MALFORMED)),
            (&format!("--B\r\n{NAME}=\"a\r\n\r\nx\r\n--B--"), Err(MALFORMED)),
            (&format!("--B\r\n{NAME}\r\n\r\nx\r\n--B--"), Err(MALFORMED)),
            ("--B\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--B--", Err(MALFORMED)),
            (&format!("--B\r\nX: {}\r\n\r\n", "y".repeat(PART_HEAD_LEN_MAX)), Err(LONG_HEAD)),
            (&format!("--B{}", " ".repeat(PART_HEAD_LEN_MAX)), Err(MALFORMED)),
            (&format!("--B{}--", " ".repeat(PART_HEAD_LEN_MAX)), Err(MALFORMED)),
        ] {
            let expected = expected.map(str::to_owned).map_err(|reject| reject.message);
            let body = body.as_bytes();
            for piece_len in (1..=8).chain([63, 64, body.len().max(1)]) {
                let body_text = String::from_utf8_lossy(body);
                assert_eq!(decoded(body, piece_len), expected, "{piece_len} {body_text}");
            }
        }
    }

    #[test]
    fn form_decoder_needs_form_data_with_boundary() {
        for (content_type, is_form) in [
            ("multipart/form-data; boundary=x", true),
            ("Multipart/Form-Data;charset=utf-8; BOUNDARY=\"a b\"", true),
            ("multipart/form-data", false),
            ("multipart/form-data; boundary=", false),
            ("multipart/mixed; boundary=x", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
            (&format!("multipart/form-data; boundary={}", "x".repeat(BOUNDARY_LEN_MAX)), true),
            (&format!("multipart/form-data; boundary={}", "x".repeat(BOUNDARY_LEN_MAX + 1)), false),
        ] {
            assert_eq!(FormDecoder::new(content_type.as_bytes()).is_some(), is_form, "{content_type}");
        }
    }
}
