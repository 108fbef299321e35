//! The build script: renders the sources of both programs as two pages, which `files::embedded` takes
//! into the binary.
//!
//! It reads `src` and the style sheet of `content`, writes into `OUT_DIR` and nowhere else, and needs
//! nothing but the standard library. The pages are made of the very files that are compiled next, so
//! they cannot be older than the program that shows them.

mod markup;
mod page;
mod sources;
mod test_items;
mod tokens;

use std::path::Path;
use std::{env, fs};

fn main() {
    for input in ["src", "build", "content/style.css"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package");
    let out = env::var_os("OUT_DIR").expect("cargo names a place for what is built");
    let package = Path::new(&package);
    let style = fs::read_to_string(package.join("content/style.css")).expect("the style sheet is readable");
    let files = sources::read(&package.join("src")).expect("the sources are readable");
    for page in page::PAGES {
        let html = page::render(page, &files, &style);
        fs::write(Path::new(&out).join(page.name), html).expect("OUT_DIR can be written to");
    }
}
