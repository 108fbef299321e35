//! Target and path: a parsed path never leaves the root.

use reactor_http::files::{NAME_LEN_MAX, PATH_LEN_MAX, RelativePath};
use reactor_http::http::request::target;
use reactor_http::http::{Method, percent_encode_path};

use super::cut;

pub fn check(input: &[u8]) {
    let input = cut(input);
    for method in [Method::Get, Method::Options, Method::Connect] {
        if let Ok(target) = target::parse(method, input) {
            check_path(target.path());
        }
    }
    check_path(input);
    if let Ok(path) = RelativePath::parse_plain(input) {
        check_names(&path, false);
    }
}

fn check_path(raw: &[u8]) {
    let hidden = RelativePath::parse_with_hidden(raw);
    if let Ok(path) = &hidden {
        check_names(path, true);
    }
    let Ok(path) = RelativePath::parse(raw) else { return };
    check_names(&path, false);
    assert_eq!(hidden.as_ref(), Ok(&path), "hidden names allowed: the same path");
    let slash = if path.has_trailing_slash() && !path.as_bytes().is_empty() { "/" } else { "" };
    let mut encoded = b"/".to_vec();
    percent_encode_path(&mut encoded, path.as_bytes());
    encoded.extend_from_slice(slash.as_bytes());
    let again = RelativePath::parse(&encoded).map(|again| again.to_owned());
    assert_eq!(again.as_ref(), Ok(&path.to_owned()), "encoded and parsed again");
}

fn check_names(path: &RelativePath<'_>, may_be_hidden: bool) {
    let bytes = path.as_bytes();
    assert!(bytes.len() <= PATH_LEN_MAX && !bytes.contains(&0));
    let below = bytes.strip_prefix(b".well-known".as_slice()).filter(|rest| rest.starts_with(b"/"));
    let checked = below.unwrap_or(bytes);
    for (at, name) in bytes.split(|&byte| byte == b'/').enumerate() {
        assert!(!name.is_empty() || bytes.is_empty(), "{path}: an empty name");
        assert!(name != b"." && name != b".." && name.len() <= NAME_LEN_MAX, "{path}");
        let is_exempt = may_be_hidden || (at == 0 && checked.len() < bytes.len());
        assert!(is_exempt || !name.starts_with(b"."), "{path}: a hidden name");
        assert!(!name.eq_ignore_ascii_case(b".reactor-uploads"), "{path}");
    }
}
