//! What the operator has laid down for answers: fields, how long they keep, other origins, addresses
//! that have moved.
//!
//! Each kind has its file, which owns how a person writes it and what it comes to. What is the same for
//! every answer is rendered here once, at the start. Nothing here knows a connection, a socket or a
//! file's bytes.

mod cache_control;
mod cors;
mod glob;
mod header;
mod redirect;

use super::Config;
use crate::http::field;

pub use cache_control::CacheRule;
pub(super) use cache_control::cache_control;
pub use cors::Origin;
pub(super) use cors::preflight;
pub use glob::Glob;
pub use header::Header;
pub(super) use header::check_together;
pub use redirect::Redirect;
pub(super) use redirect::{check_circles, moved};

/// What the `Server` field says unless `--header` says otherwise.
const SERVER: &[u8] = concat!("reactor-server/", env!("CARGO_PKG_VERSION")).as_bytes();

/// The rules that take work at the start.
#[derive(Debug)]
pub(super) struct Rules {
    /// The fields that go with every answer, as they stand in a head ...
    pub(super) common: Box<[u8]>,
    /// ... but with a 304, which has no content for anyone to guess at.
    pub(super) common_unchanged: Box<[u8]>,
}

impl Rules {
    pub(super) fn new(config: &Config) -> Rules {
        // A browser must take a file for what its type says, not for what its bytes look like.
        let common = render(config, &[("Server", SERVER), ("X-Content-Type-Options", b"nosniff")]);
        Rules { common, common_unchanged: render(config, &[("Server", SERVER)]) }
    }
}

/// Our own fields, as far as no other value is given for them, and those that are given.
fn render(config: &Config, own: &[(&str, &[u8])]) -> Box<[u8]> {
    let mut common = Vec::with_capacity(256);
    for (name, value) in own {
        if !config.headers.iter().any(|header| header.is(name)) {
            field(&mut common, name, value);
        }
    }
    for header in &config.headers {
        field(&mut common, &header.name, &header.value);
    }
    if let Some(origin) = &config.cors {
        origin.render(&mut common);
    }
    common.into_boxed_slice()
}

/// What is before and behind the first of these bytes.
fn split_once(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&other| other == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        String::from_utf8(Rules::new(&config).common.into_vec()).unwrap()
    }

    fn header(text: &str) -> Header {
        Header::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_answer_names_the_server_and_forbids_guessing_the_type() {
        let expected = format!(
            "Server: reactor-server/{}\r\nX-Content-Type-Options: nosniff\r\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(common(|_| ()), expected);
        let unchanged = Rules::new(&Config::default()).common_unchanged;
        assert_eq!(unchanged.as_ref(), expected.split_inclusive('\n').next().unwrap().as_bytes());
    }

    #[test]
    fn what_is_given_goes_with_every_answer_and_in_the_place_of_ours() {
        let text = common(|config| {
            config.headers = vec![header("server: mine"), header("Link: a"), header("Link: b")];
        });
        assert_eq!(text, "X-Content-Type-Options: nosniff\r\nserver: mine\r\nLink: a\r\nLink: b\r\n");
        let text = common(|config| config.headers = vec![header("X-CONTENT-TYPE-OPTIONS: other")]);
        assert_eq!(text.to_lowercase().matches("x-content-type-options").count(), 1, "{text}");
    }

    #[test]
    fn another_origin_is_named_and_told_what_it_may_read() {
        let text = common(|config| config.cors = Origin::parse("https://example.com").ok());
        assert!(text.contains("\r\nAccess-Control-Allow-Origin: https://example.com\r\n"), "{text}");
        assert!(text.contains("\r\nAccess-Control-Expose-Headers: "), "{text}");
        assert!(text.contains("Content-Range") && text.contains("ETag"), "{text}");
    }
}
