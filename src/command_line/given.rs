//! What was given on the command line, taken apart and ready to be looked up.
//!
//! pico-args looks the options up, by their long names; this owns how often one may be there. What
//! is looked up is used up. It never understands a value.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::twice;

/// The options and the operands of one command line.
#[derive(Clone, Debug)]
pub struct Given {
    options: pico_args::Arguments,
    operands: Vec<OsString>,
}

impl Given {
    /// `options` are long names, each followed by its value, [`marked`], if it takes one; a value that
    /// was left out is empty.
    pub(super) fn new(options: Vec<OsString>, operands: Vec<OsString>) -> Given {
        Given { options: pico_args::Arguments::from_vec(options), operands }
    }

    /// Whether a flag is there, once or more.
    pub fn flag(&mut self, name: &'static str) -> bool {
        self.times(name) > 0
    }

    /// Whether a flag is there.
    ///
    /// # Errors
    /// It is there more than once.
    pub fn flag_once(&mut self, name: &'static str) -> Result<bool, String> {
        match self.times(name) {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(format!("'{name}' is given twice; once is enough")),
        }
    }

    /// The value of an option, the last one if there are several.
    pub fn last(&mut self, name: &'static str) -> Option<OsString> {
        self.all(name).pop()
    }

    /// The value of an option.
    ///
    /// # Errors
    /// There are several.
    pub fn once(&mut self, name: &'static str) -> Result<Option<OsString>, String> {
        let mut values = self.all(name);
        match &values[..] {
            [first, second, ..] => Err(twice(name, first, second)),
            _ => Ok(values.pop()),
        }
    }

    /// All the values of an option, in their order.
    pub fn all(&mut self, name: &'static str) -> Vec<OsString> {
        let values = self.options.values_from_os_str(name, |value| Ok::<_, Infallible>(unmarked(value)));
        // It can fail only where a value is missing, and that has been refused before.
        values.unwrap_or_default()
    }

    /// What is no option, in its order.
    pub fn operands(&mut self) -> Vec<OsString> {
        std::mem::take(&mut self.operands)
    }

    /// Whether every option has been looked up.
    pub(super) fn is_used_up(&self) -> bool {
        self.options.clone().finish().is_empty()
    }

    fn times(&mut self, name: &'static str) -> usize {
        std::iter::repeat_with(|| self.options.contains(name)).take_while(|given| *given).count()
    }
}

/// A value as pico-args must see it: it finds names wherever they stand, and a value may look like one.
pub(super) fn marked(value: &OsStr) -> OsString {
    OsString::from_vec([b"=", value.as_bytes()].concat())
}

fn unmarked(value: &OsStr) -> OsString {
    let bytes = value.as_bytes();
    OsStr::from_bytes(bytes.strip_prefix(b"=").unwrap_or(bytes)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(ports: &[&str], flags: &[&str]) -> Given {
        let valued = ports.iter().flat_map(|port| ["--port".into(), marked(port.as_ref())]);
        let options = valued.chain(flags.iter().map(OsString::from)).collect();
        Given::new(options, vec!["b".into(), "--quiet".into(), "a".into()])
    }

    #[test]
    fn the_last_the_only_or_all_values_are_found() {
        let values = ["2", "1", "--quiet", "=3"];
        for count in 0..=values.len() {
            let values = &values[..count];
            let given = given(values, &[]);
            assert_eq!(given.clone().all("--port"), *values);
            assert_eq!(given.clone().last("--port"), values.last().map(OsString::from));
            let once = match count {
                0 | 1 => Ok(values.first().map(OsString::from)),
                _ => Err("--port is given twice, '2' and '1'; leave one out".to_owned()),
            };
            assert_eq!(given.clone().once("--port"), once);
        }
    }

    #[test]
    fn a_flag_is_found_once_or_more_and_is_never_a_value_or_an_operand() {
        let twice = Err("'--quiet' is given twice; once is enough".to_owned());
        for (flags, flag, once) in [
            (&[][..], false, Ok(false)),
            (&["--quiet"], true, Ok(true)),
            (&["--quiet", "--quiet"], true, twice),
        ] {
            let mut given = given(&["--quiet"], flags);
            assert_eq!(given.clone().flag("--quiet"), flag);
            assert_eq!(given.flag_once("--quiet"), once);
            assert_eq!(given.operands(), ["b", "--quiet", "a"]);
        }
    }

    #[test]
    fn what_is_not_looked_up_is_left() {
        let mut given = given(&["80"], &["--quiet"]);
        given.flag("--quiet");
        assert!(!given.is_used_up());
        given.all("--port");
        assert!(given.is_used_up());
    }
}
