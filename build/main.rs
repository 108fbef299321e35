//! The build script: renders the sources of both programs as two pages, which `files::embedded` takes
//! into the binary, compressed.
//!
//! It reads `src` and the style sheet of `content`, writes into `OUT_DIR` and nowhere else, and needs
//! nothing but the standard library, the lexer of the compiler and the gzip of the programs. The pages are made of
//! the very files that are compiled next, so they cannot be older than the program that shows them.

mod markup;
mod page;
mod sources;
mod test_items;
mod tokens;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() {
    for input in ["src", "build", "content/style.css"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package");
    let out = env::var_os("OUT_DIR").expect("cargo names a place for what is built");
    let package = Path::new(&package);
    let style = fs::read_to_string(package.join("content/style.css")).expect("the style sheet is readable");
    let files = sources::read(&package.join("src")).expect("the sources are readable");
    let out = Path::new(&out);
    // As they are, they are for tests alone: files that are long and have not changed for a while.
    let plain = out.join("pages");
    fs::create_dir_all(&plain).expect("OUT_DIR can be written to");
    for page in page::PAGES {
        let html = page::render(page, &files, &style);
        fs::write(plain.join(page.name), &html).expect("OUT_DIR can be written to");
        let gzip_path = out.join(format!("{}.gz", page.name));
        write_gzip(&gzip_path, html.as_bytes()).expect("OUT_DIR can be written to");
    }
}

/// Writes `page` in as little room as gzip can make of it; the same page gives the same bytes, for they
/// hold no time.
fn write_gzip(file: &Path, page: &[u8]) -> io::Result<()> {
    let mut encoder = GzEncoder::new(File::create(file)?, Compression::best());
    encoder.write_all(page)?;
    encoder.finish()?.flush()
}
