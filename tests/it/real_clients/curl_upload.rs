//! curl's uploads: refused where nobody has asked for them, stored where somebody has.
//!
//! Of all lengths, with and without `Expect`, with a length and in chunks; downloads are in `curl`.

use super::curl::curl;
use super::{home, url};
use crate::harness::{Server, pattern};

const FILES: &[(&str, &[u8])] = &[("a.txt", b"the first")];

#[test]
fn curl_upload_without_option_gets_403() {
    let home = home();
    let server = Server::serving(FILES);
    // Small ones are sent at once; for large ones curl waits to be asked.
    for len in [10, 3 << 20] {
        let upload = home.path().join("upload");
        std::fs::write(&upload, vec![b'x'; len]).expect("a file");
        let url = url(&server, "/a.txt");
        let upload = upload.to_string_lossy();
        let report = ["-o", "/dev/null", "--write-out", "%{http_code}"];
        let arguments = [&["-T", &upload], &report[..], &[&url]].concat();
        let Some(status) = curl(home.path(), &arguments) else { return };
        assert_eq!(status, "403", "{len} bytes");
        assert_eq!(server.get("/a.txt").text(), "the first", "the file is what it was");
    }
}

#[test]
fn curl_upload_any_framing_gets_201_204_or_413() {
    let home = home();
    let server = Server::with(FILES, &["--upload", "--max-upload", "8M"]);
    let report = ["-o", "/dev/null", "--write-out", "%{http_code} %{num_connects}"];
    for len in [0, 10, 3 << 20] {
        let upload = home.path().join("up load");
        let bytes = pattern(len);
        std::fs::write(&upload, &bytes).expect("a file");
        let url = url(&server, "/");
        let upload = upload.to_string_lossy();
        for fields in [
            &["-H", "Expect:"][..],
            &["-H", "Expect: 100-continue"],
            &[],
            &["-H", "Transfer-Encoding: chunked"],
        ] {
            // This curl never sends the last chunk of what it knows to be empty.
            if len == 0 && fields.contains(&"Transfer-Encoding: chunked") {
                continue;
            }
            let _ = std::fs::remove_file(server.root().join("up load"));
            let arguments = [&["-T", &upload], &report[..], fields, &[&url]].concat();
            for status in ["201", "204"] {
                let Some(text) = curl(home.path(), &arguments) else { return };
                assert_eq!(text, format!("{status} 1"), "{len} bytes, {fields:?}");
                assert!(server.get("/up%20load").body == bytes, "{len} bytes, {fields:?}");
            }
        }
    }
    let large = home.path().join("large");
    std::fs::File::create(&large).and_then(|file| file.set_len(64 << 20)).expect("a large file");
    for fields in ["Expect:", "Expect: 100-continue"] {
        let url = url(&server, "/large");
        let arguments = ["-T", &large.to_string_lossy(), "-H", fields, &url];
        let Some(text) = curl(home.path(), &arguments) else { return };
        assert!(text.contains("413 Content Too Large\n") && text.contains("--max-upload"), "{text}");
    }
}
