//! pip: a package index of files alone (PEP 503), which names a wheel that pip fetches and installs.
//!
//! The index is the only one that pip is told of, so it has nobody else to ask.

use std::fs;
use std::path::Path;

use super::{home, logged_requests, run, server_with_json_log, succeed, url};

/// Makes a wheel in the folder that is its argument, and says its SHA-256.
const WHEEL: &str = r#"
import hashlib, pathlib, sys, zipfile
path = pathlib.Path(sys.argv[1]) / "tiny_wheel-1.0-py3-none-any.whl"
about = "tiny_wheel-1.0.dist-info"
files = {
    "tiny_wheel.py": "ANSWER = 42\n",
    about + "/METADATA": "Metadata-Version: 2.1\nName: tiny-wheel\nVersion: 1.0\n",
    about + "/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
record = "".join(name + ",,\n" for name in [*files, about + "/RECORD"])
with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
    for name, text in {**files, about + "/RECORD": record}.items():
        wheel.writestr(name, text)
print(hashlib.sha256(path.read_bytes()).hexdigest(), end="")
"#;

const NAME: &str = "tiny_wheel-1.0-py3-none-any.whl";

/// Has pip install from this index and no other, and heed nothing of the machine's settings.
#[track_caller]
fn install(home: &Path, index: &str) {
    let own = ["-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input", "--retries=0"];
    let which = ["install", "--quiet", "--no-cache-dir", "--no-deps", "--no-compile", "--index-url", index];
    succeed("python3", home, &[&own[..], &which, &["--target", "installed", "tiny-wheel==1.0"]].concat());
}

fn has_pip(home: &Path) -> bool {
    let has = run("python3", home, &["-I", "-c", "import pip"]).map(|output| output.status.success());
    if has == Some(false) {
        super::skipped("pip");
    }
    has == Some(true)
}

#[test]
fn pip_installs_wheel_with_digest_from_served_index() {
    let home = home();
    if !has_pip(home.path()) {
        return;
    }
    let server = server_with_json_log(&[("simple/index.html", b"<a href=\"tiny-wheel/\">tiny-wheel</a>")]);
    let shelf = server.root().join("simple/tiny-wheel");
    fs::create_dir(&shelf).expect("a folder");
    let arguments = ["-I", "-c", WHEEL, &shelf.to_string_lossy()];
    let Some(sum) = succeed("python3", home.path(), &arguments) else { return };
    let page = format!("<!doctype html><title>tiny-wheel</title><a href=\"{NAME}#sha256={sum}\">{NAME}</a>");
    fs::write(shelf.join("index.html"), page).expect("its page");

    let index = url(&server, "/simple/");
    install(home.path(), &index);
    let ask = "import sys; sys.path.insert(0, 'installed'); import tiny_wheel; print(tiny_wheel.ANSWER)";
    assert_eq!(succeed("python3", home.path(), &["-I", "-c", ask]).as_deref(), Some("42\n"));

    let log = server.stop().log;
    let asked = ["GET /simple/tiny-wheel/ 200".to_owned(), format!("GET /simple/tiny-wheel/{NAME} 200")];
    assert_eq!(logged_requests(&log), asked, "{log}");
}
