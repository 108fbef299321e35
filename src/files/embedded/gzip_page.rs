//! A page of the binary that is kept compressed: it takes a fifth of the room.
//!
//! Most clients accept gzip and get it as it is. For the others the page is unpacked when it is first
//! sent, once in the life of the program: some milliseconds, and as much memory as the page is long.
//! Nothing happens at the start. Owns no page: those are `embedded`'s.

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::GzDecoder;

use crate::files::file_version::fnv1a_64;

/// A page, as the build script has compressed it.
#[derive(Debug)]
pub struct GzipPage {
    pub(crate) gzip: &'static [u8],
    plain: OnceLock<Box<[u8]>>,
    hash: OnceLock<u64>,
}

impl GzipPage {
    /// The page whose gzip this is, in one member (RFC 1952 section 2.3).
    pub(super) const fn new(gzip: &'static [u8]) -> GzipPage {
        GzipPage { gzip, plain: OnceLock::new(), hash: OnceLock::new() }
    }

    /// How many bytes the page has, without unpacking it: gzip ends with the length.
    pub(crate) fn len(&self) -> u64 {
        self.gzip.last_chunk().map_or(0, |len| u32::from_le_bytes(*len).into())
    }

    /// The hash of the gzip: another page has another one.
    pub(crate) fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| fnv1a_64(self.gzip))
    }

    /// The page.
    pub fn plain(&self) -> &[u8] {
        self.plain.get_or_init(|| {
            // Its length is promised to the client whatever comes, and bounded by the size of the binary.
            let mut plain = vec![0; self.len() as usize];
            if let Err(error) = GzDecoder::new(self.gzip).read_exact(&mut plain) {
                log::error!("a page of the binary cannot be unpacked: {error}");
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
        assert_eq!(packed.hash(), fnv1a_64(packed.gzip));
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
