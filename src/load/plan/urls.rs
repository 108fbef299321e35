//! URL list of a run: one target per line.
//!
//! It owns the format and its limits.

use crate::client::target::{ClientTarget, Overrides, parse_operands};

/// Limit in bytes: the rendered list stays in memory.
pub(crate) const LIST_LEN_MAX: u64 = 16 * 1024 * 1024;
/// Each has a rendered request in memory.
const URLS_MAX: usize = 100_000;
/// Limit in bytes: servers take about 8 KiB (RFC 9112 section 3), and an error repeats the line.
const URL_LEN_MAX: usize = 64 * 1024;

/// Skips empty lines and `#` lines. An error names the first invalid line.
pub(crate) fn parse_list(list: &[u8], overrides: &Overrides) -> Result<Vec<ClientTarget>, String> {
    let list = std::str::from_utf8(list).map_err(|error| {
        let valid = list.get(..error.valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("line {line}: it is not UTF-8; percent-encode other bytes")
    })?;
    let mut targets = Vec::new();
    let lines = (1..).zip(list.lines().map(str::trim));
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let target = match line.len() {
            len if len > URL_LEN_MAX => Err(format!("it is longer than {URL_LEN_MAX} bytes")),
            _ if targets.len() == URLS_MAX => Err(format!("there are more than {URLS_MAX} URLs")),
            _ => parse_line(line, overrides),
        };
        targets.push(target.map_err(|error| format!("line {number}: {error}"))?);
    }
    match targets.is_empty() {
        true => Err("there is no URL in it; write one on each line".to_owned()),
        false => Ok(targets),
    }
}

fn parse_line(line: &str, overrides: &Overrides) -> Result<ClientTarget, String> {
    match parse_operands(&[line.to_owned()], overrides)? {
        (None, target) => Ok(target),
        (Some(method), _) => Err(format!("'{method}' is a method; the command line sets it for all URLs")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &[u8]) -> Result<Vec<ClientTarget>, String> {
        parse_list(list, &Overrides { keeps_braces: true, ..Overrides::default() })
    }

    #[test]
    fn url_list_has_one_target_per_line_without_comments() {
        let targets = parse(b"# pages\n/a\r\n\n  http://h/b c/{SEQ}  \n:81/x\n").expect("a list");
        let found: Vec<_> = targets.iter().map(|t| (t.host.as_str(), t.port, t.path.as_str())).collect();
        assert_eq!(found, [("127.0.0.1", 8080, "/a"), ("h", 80, "/b%20c/{SEQ}"), ("127.0.0.1", 81, "/x")]);
    }

    #[test]
    fn host_and_port_options_override_url_list() {
        let overrides = Overrides { host: Some("h".to_owned()), port: Some(81), keeps_braces: true };
        let targets = parse_list(b"a.html\n/b", &overrides).expect("a list");
        assert!(targets.iter().all(|target| (target.host.as_str(), target.port) == ("h", 81)));
        assert_eq!(targets[0].path, "/a.html");
    }

    #[test]
    fn invalid_url_list_error_names_line() {
        for (list, part) in [
            (&b"/a\nftp://h/\n"[..], "line 2: 'ftp://' is not supported"),
            (b"/a\n\n/b\xff", "line 3: it is not UTF-8"),
            (b"GET", "line 1: 'GET' is a method"),
            (b"\n# none\n", "there is no URL in it"),
            (b"", "there is no URL in it"),
        ] {
            let error = parse(list).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let long = format!("/a\nhttp://{}", "h".repeat(URL_LEN_MAX));
        assert_eq!(parse(long.as_bytes()).unwrap_err(), "line 2: it is longer than 65536 bytes");
        let many = "/a\n".repeat(URLS_MAX + 1);
        assert_eq!(parse(many.as_bytes()).unwrap_err(), "line 100001: there are more than 100000 URLs");
    }
}
