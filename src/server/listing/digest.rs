//! SHA-256 (FIPS 180-4) in base64, while compiling: a Content-Security-Policy names what it lets run
//! by its digest.
//!
//! The digests are made of the very texts that are sent, so they can never fall behind them. It is
//! for texts of the program alone, and nothing here runs while the server does.

/// The length of a digest in base64.
pub(super) const BASE64_LEN: usize = 44;

const ROUND: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

const START: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// The bytes of a block.
const BLOCK_LEN: usize = 64;

/// The digest of `text`, in base64.
pub(super) const fn sha256_base64(text: &[u8]) -> [u8; BASE64_LEN] {
    base64(sha256(text))
}

const fn sha256(text: &[u8]) -> [u8; 32] {
    // The padding is a bit that is set, zeros, and the length in bits, in eight bytes.
    let blocks = (text.len() + 9).div_ceil(BLOCK_LEN);
    let mut state = START;
    let mut block = 0;
    while block < blocks {
        state = compress(state, words_of(text, block, block + 1 == blocks));
        block += 1;
    }
    let mut digest = [0; 32];
    let mut at = 0;
    while at < digest.len() {
        digest[at] = state[at / 4].to_be_bytes()[at % 4];
        at += 1;
    }
    digest
}

/// The words of a block of the padded text.
const fn words_of(text: &[u8], block: usize, is_last: bool) -> [u32; 16] {
    let mut words = [0; 16];
    let mut at = 0;
    while at < BLOCK_LEN {
        let place = block * BLOCK_LEN + at;
        let byte = if place < text.len() {
            text[place]
        } else if place == text.len() {
            0x80
        } else if is_last && at >= BLOCK_LEN - 8 {
            (text.len() as u64 * 8).to_be_bytes()[at - (BLOCK_LEN - 8)]
        } else {
            0
        };
        words[at / 4] = words[at / 4] << 8 | byte as u32;
        at += 1;
    }
    words
}

const fn compress(state: [u32; 8], block: [u32; 16]) -> [u32; 8] {
    let mut words = [0; 64];
    let mut at = 0;
    while at < words.len() {
        words[at] = if at < block.len() {
            block[at]
        } else {
            let (near, far) = (words[at - 2], words[at - 15]);
            let near = near.rotate_right(17) ^ near.rotate_right(19) ^ near >> 10;
            let far = far.rotate_right(7) ^ far.rotate_right(18) ^ far >> 3;
            near.wrapping_add(words[at - 7]).wrapping_add(far).wrapping_add(words[at - 16])
        };
        at += 1;
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    let mut at = 0;
    while at < words.len() {
        let of_e = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = e & f ^ !e & g;
        let first = h.wrapping_add(of_e).wrapping_add(choice).wrapping_add(ROUND[at]).wrapping_add(words[at]);
        let of_a = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let second = of_a.wrapping_add(a & b ^ a & c ^ b & c);
        (h, g, f, e) = (g, f, e, d.wrapping_add(first));
        (d, c, b, a) = (c, b, a, first.wrapping_add(second));
        at += 1;
    }
    let (mut sums, round) = (state, [a, b, c, d, e, f, g, h]);
    let mut at = 0;
    while at < sums.len() {
        sums[at] = sums[at].wrapping_add(round[at]);
        at += 1;
    }
    sums
}

/// RFC 4648 section 4: 32 bytes are ten groups of three, and one of two.
const fn base64(bytes: [u8; 32]) -> [u8; BASE64_LEN] {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = [b'='; BASE64_LEN];
    let mut at = 0;
    while at < BASE64_LEN - 1 {
        // The six bits from here on stand in one byte or in two.
        let (byte, bit) = (at * 6 / 8, at * 6 % 8);
        let next = if byte + 1 < bytes.len() { bytes[byte + 1] } else { 0 };
        let pair = u16::from_be_bytes([bytes[byte], next]);
        text[at] = LETTERS[(pair >> (10 - bit) & 0x3f) as usize];
        at += 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        let long = [b'a'; 200];
        for (text, digest) in [
            (&b""[..], "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
            (b"abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE=",
            ),
            (&long[..55], "n0OQ+NMMLdkuyfCVtl4rmumwqSWlJY4kHJ8ekQ9zQxg="),
            (&long[..56], "s1Q5pKxvCUi21vnjxq8PX1kM4g8b3nCQ73lwaG7Gc4o="),
            (&long[..64], "/+BU/nrgy23GXDr5th1SCfQ5hR20PQulmXM33xVGaOs="),
        ] {
            let found = sha256_base64(text);
            assert_eq!(std::str::from_utf8(&found), Ok(digest), "{} bytes", text.len());
        }
    }
}
