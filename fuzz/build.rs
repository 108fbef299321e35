//! Gives `tests/it/in_memory` the variable that Cargo sets for integration tests only.

fn main() {
    println!("cargo::rustc-env=CARGO_TARGET_TMPDIR={}", std::env::var("OUT_DIR").expect("set by Cargo"));
    println!("cargo::rerun-if-changed=build.rs");
}
