//! The option `--listing`: whether directories without an index page are listed.
//!
//! It knows no other option. What is so when it is not given is the configuration's to say, which
//! knows the addresses.

use std::ffi::OsStr;

use crate::command_line::{Given, quote};
use crate::server::Config;

/// Reads `--listing`.
pub(super) fn read(given: &mut Given, config: &mut Config) -> Result<(), String> {
    config.listing = given.once("--listing")?.as_deref().map(parse).transpose()?;
    Ok(())
}

fn parse(text: &OsStr) -> Result<bool, String> {
    match text.to_str() {
        Some("auto") => Ok(true),
        Some("off") => Ok(false),
        _ => Err(format!("--listing: {} is neither auto nor off; write one of them", quote(text))),
    }
}

#[cfg(test)]
mod tests {
    use crate::server::args::Command;
    use crate::server::args::tests::parse;

    fn lists(line: &[&str]) -> bool {
        match parse(line.iter().map(Into::into).collect(), false) {
            Ok(Command::Run(config)) => config.lists(),
            other => panic!("{line:?} gave {other:?}"),
        }
    }

    #[test]
    fn directories_are_listed_where_only_this_machine_asks_unless_it_is_said() {
        let cases: &[(&[&str], bool)] = &[
            (&[], true),
            (&["--bind", "localhost"], true),
            (&["--bind", "::1", "--bind", "127.0.0.2"], true),
            (&["--bind", "0.0.0.0"], false),
            (&["--bind", "::"], false),
            (&["--bind", "127.0.0.1", "--bind", "192.0.2.1"], false),
            (&["--bind", "0.0.0.0", "--listing", "auto"], true),
            (&["--listing=auto"], true),
            (&["--fallback=app.html"], false),
            (&["--fallback=app.html", "--listing=auto"], true),
            (&["--listing", "off"], false),
            (&["--bind", "::", "--listing=off"], false),
        ];
        for &(line, listed) in cases {
            assert_eq!(lists(line), listed, "{line:?}");
        }
    }

    #[test]
    fn a_mistake_is_told_in_one_line() {
        for value in ["on", "AUTO", "off "] {
            let error = parse(vec!["--listing".into(), value.into()], false).unwrap_err().to_string();
            assert!(error.contains("is neither auto nor off; write one of them"), "{value}: {error}");
        }
    }
}
