//! Embedded gzip page: a fifth of the size.
//!
//! For a client without gzip, the page is decompressed once per process: some ms, and memory of its length.

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::GzDecoder;

use crate::files::file_version::content_hash;

/// Page compressed at build time.
#[derive(Debug)]
pub struct GzipPage {
    pub(crate) gzip: &'static [u8],
    plain: OnceLock<Box<[u8]>>,
    hash: OnceLock<u64>,
}

impl GzipPage {
    /// One gzip member (RFC 1952 section 2.3).
    pub(super) const fn new(gzip: &'static [u8]) -> GzipPage {
        GzipPage { gzip, plain: OnceLock::new(), hash: OnceLock::new() }
    }

    /// From the gzip trailer.
    pub(crate) fn len(&self) -> u64 {
        self.gzip.last_chunk().map_or(0, |len| u32::from_le_bytes(*len).into())
    }

    pub(crate) fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| content_hash(self.gzip))
    }

    /// Uncompressed page.
    pub fn plain(&self) -> &[u8] {
        self.plain.get_or_init(|| {
            // Promised to the client, even for corrupt gzip. The binary bounds it.
            let mut plain = vec![0; self.len() as usize];
            if let Err(error) = GzDecoder::new(self.gzip).read_exact(&mut plain) {
                log::error!("cannot decompress an embedded page: {error}");
            }
            plain.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn packed(page: &[u8]) -> GzipPage {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(page).expect("compresses");
        GzipPage::new(encoder.finish().expect("compresses").leak())
    }

    #[test]
    fn gzip_page_len_and_hash_need_no_decompression() {
        let page = "all work and no play\n".repeat(10_000);
        let packed = packed(page.as_bytes());
        assert!(packed.gzip.len() < page.len() / 10);
        assert_eq!(packed.len(), page.len() as u64);
        assert_eq!(packed.hash(), content_hash(packed.gzip));
        assert!(packed.plain.get().is_none());
        assert!(packed.plain() == page.as_bytes());
    }

    #[test]
    fn gzip_page_is_decompressed_once() {
        let packed = packed(b"once");
        assert_eq!(packed.plain().as_ptr(), packed.plain().as_ptr());
    }

    #[test]
    fn corrupt_gzip_page_keeps_its_stated_length() {
        for gzip in [&b""[..], b"no", b"no gzip at all\x05\0\0\0"] {
            let broken = GzipPage::new(gzip);
            assert_eq!(broken.plain().len() as u64, broken.len());
        }
    }
}
