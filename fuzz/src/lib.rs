//! Properties of the parsers and of a whole server connection, for any input.
//!
//! Each module has one function `check`, which panics if a property does not hold. `fuzz_targets/` calls them.

pub mod body;
pub mod connection;
pub mod fields;
pub mod form_data;
mod in_memory;
pub mod path;
pub mod proxy_header;
pub mod request_head;
pub mod response;
pub mod saved_run;
pub mod settings_file;
pub mod sum_line;
pub mod upload;

/// Names that `tests/it/in_memory` takes from the tests' harness.
mod harness {
    use std::fs::{self, File};
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    pub(crate) mod secure {
        pub(crate) fn is_over_tls() -> bool {
            false
        }
    }

    /// Writes files that were last modified long ago.
    pub(crate) fn lay_out(directory: &Path, files: &[(&str, &[u8])]) {
        for (name, bytes) in files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("the directories");
            fs::write(&path, bytes).expect("the file");
            let file = File::options().write(true).open(&path).expect("the file");
            file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).expect("its time");
        }
    }
}

/// The first byte of an input chooses the variant of the test; the rest is parsed.
fn split_choice(input: &[u8]) -> (u8, &[u8]) {
    input.split_first().map_or((0, input), |(choice, rest)| (*choice, rest))
}

/// Bytes that follow a message. They start neither a field, nor a chunk, nor a line end.
const TRAILING: &[u8] = b"\x01trailing";

/// Inputs are cut to this length: a parser that is called for every prefix takes quadratic time.
const INPUT_LEN_MAX: usize = 4096;

fn cut(input: &[u8]) -> &[u8] {
    input.get(..INPUT_LEN_MAX).unwrap_or(input)
}

/// Parses growing prefixes of `input` until `parse` has a result.
fn bytewise<T>(input: &[u8], mut parse: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    (0..=input.len()).find_map(|len| parse(&input[..len]))
}
