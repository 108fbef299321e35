//! `multipart/form-data`: any split gives the same parts, data and result.

use reactor_http::http::{FormDecoder, FormEvent, Reject};

use super::{cut, split_choice};

pub fn check(input: &[u8]) {
    let (choice, body) = split_choice(input);
    let _ = FormDecoder::new(cut(body));
    let whole = decode(body, usize::MAX);
    for piece_len in [1, usize::from(choice) + 2] {
        assert_eq!(whole, decode(body, piece_len), "pieces of {piece_len}");
    }
    if whole.is_ok() {
        assert_eq!(whole, decode(&[body, b"\r\n--B epilogue"].concat(), usize::MAX), "with trailing bytes");
    }
}

type Part = (Vec<u8>, Option<Vec<u8>>, Vec<u8>);

fn decode(body: &[u8], piece_len: usize) -> Result<Vec<Part>, Reject> {
    let mut decoder = FormDecoder::new(b"multipart/form-data; boundary=B").expect("a boundary");
    let mut parts: Vec<Part> = Vec::new();
    for piece in body.chunks(piece_len) {
        decoder.decode(piece, |event| match event {
            FormEvent::Part(name, file_name) => {
                parts.push((name.to_vec(), file_name.map(<[u8]>::to_vec), Vec::new()));
            }
            FormEvent::Data(data) => parts.last_mut().expect("data follows a part").2.extend_from_slice(data),
        })?;
    }
    decoder.finish()?;
    Ok(parts)
}
