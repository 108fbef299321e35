//! Digests of an upload (RFC 9530): computed while it comes, compared before the file gets its name.
//!
//! In a PUT, `Content-Digest` and `Repr-Digest` are of the same bytes. In a resumable upload, one request has a part.

use crate::http::{DigestAlgorithm, DigestHasher, DigestValue, RequestBody, RequestHead, trailers};
use crate::server::response::{ErrorResponse, Problem};

pub(super) const CONTENT_DIGEST: &str = "content-digest";
pub(super) const REPR_DIGEST: &str = "repr-digest";
pub(super) type DigestFields = &'static [&'static str];

#[derive(Debug)]
pub(super) struct UploadDigests {
    fields: DigestFields,
    expected: Vec<DigestValue>,
    hashers: Vec<DigestHasher>,
    is_required: bool,
    /// Framing since the last data, if a digest was announced for the trailers.
    framing: Option<Vec<u8>>,
}

impl UploadDigests {
    pub(super) fn begin(
        head: &RequestHead<'_, '_>,
        fields: DigestFields,
        is_required: bool,
    ) -> Result<Option<Box<Self>>, ErrorResponse> {
        let mut expected = Vec::new();
        for value in fields.iter().flat_map(|name| head.fields.all(name)) {
            append_digests(&mut expected, value)?;
        }
        let names = || head.fields.all("trailer").flat_map(|value| value.split(|&byte| byte == b','));
        let is_announced = head.body == RequestBody::Chunked && names().any(|name| is_one_of(fields, name));
        if expected.is_empty() && !is_announced {
            return if is_required { Err(Problem::DIGEST_MISSING.into()) } else { Ok(None) };
        }
        let mut algorithms = DigestAlgorithm::ALL.map(|(_, algorithm)| algorithm).to_vec();
        algorithms.retain(|algorithm| is_announced || expected.iter().any(|it| it.algorithm == *algorithm));
        let hashers = algorithms.into_iter().map(DigestHasher::new).collect();
        let framing = is_announced.then(Vec::new);
        Ok(Some(Box::new(Self { fields, expected, hashers, is_required, framing })))
    }

    pub(super) fn update(&mut self, framing: &[u8], data: &[u8]) {
        self.hashers.iter_mut().for_each(|hasher| hasher.update(data));
        match &mut self.framing {
            Some(kept) if data.is_empty() => kept.extend_from_slice(framing),
            Some(kept) => kept.clear(),
            None => {}
        }
    }

    pub(super) fn finish(self) -> Result<(), Problem> {
        let Self { fields, mut expected, hashers, is_required, framing } = self;
        for (_, value) in trailers(&framing.unwrap_or_default()).filter(|(name, _)| is_one_of(fields, name)) {
            append_digests(&mut expected, value)?;
        }
        if expected.is_empty() && is_required {
            return Err(Problem::DIGEST_MISSING);
        }
        let found: Vec<_> = hashers.into_iter().map(DigestHasher::finish).collect();
        if expected.iter().all(|value| found.contains(value)) {
            Ok(())
        } else {
            Err(Problem::DIGEST_MISMATCH)
        }
    }
}

fn is_one_of(fields: DigestFields, name: &[u8]) -> bool {
    fields.iter().any(|field| name.trim_ascii().eq_ignore_ascii_case(field.as_bytes()))
}

/// Other algorithms are skipped (RFC 9530 section 2).
fn append_digests(digests: &mut Vec<DigestValue>, value: &[u8]) -> Result<(), Problem> {
    for digest in DigestValue::parse_list(value) {
        digests.push(digest.map_err(|_| Problem::DIGEST_INVALID)?);
    }
    Ok(())
}
