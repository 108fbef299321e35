//! Settings file: an error is one line with the file name and a line number.

use std::path::Path;

use reactor_http::cli::SettingSource;
use reactor_http::server::config::args::PROGRAM;

pub fn check(input: &[u8]) {
    let lines = input.iter().filter(|&&byte| byte == b'\n').count() + 1;
    match PROGRAM.file_settings(Path::new("s.toml"), input) {
        Ok(settings) => {
            for setting in settings {
                let SettingSource::File { line, .. } = setting.source else {
                    panic!("{setting:?} is not from the file");
                };
                assert!((1..=lines).contains(&line), "line {line} of {lines}");
            }
        }
        Err(message) => {
            let number = message.strip_prefix("s.toml:").and_then(|rest| rest.split(':').next());
            let line = number.and_then(|number| number.parse().ok());
            assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{message:?} of {lines} lines");
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }
}
