//! What is known of the terminal: whether a block can be redrawn on it, and how much room there is.
//!
//! It asks and draws nothing; what is asked of the surroundings comes in as arguments where that decides.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;

use rustix::termios::tcgetwinsize;

/// What a terminal that does not say has, as the first ones had.
const UNKNOWN: Room = Room { columns: 80, rows: 24 };

/// How much fits on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Room {
    /// Of the terminal that standard error is, now: it may become another at any time.
    pub(super) fn on_stderr() -> Self {
        let size = tcgetwinsize(io::stderr());
        size.map_or(UNKNOWN, |size| Self::of(size.ws_col, size.ws_row))
    }

    fn of(columns: u16, rows: u16) -> Self {
        let or = |given, unknown| if given == 0 { unknown } else { usize::from(given) };
        Self { columns: or(columns, UNKNOWN.columns), rows: or(rows, UNKNOWN.rows) }
    }
}

/// Whether the surroundings say that escape codes and bars can be shown.
pub(super) fn can_redraw() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(env::var_os);
    let locale = locale.into_iter().find(|value| !value.is_empty());
    can_redraw_with(env::var_os("TERM"), locale.as_deref())
}

/// Where no locale is named, as in most containers, the terminal takes UTF-8 all the same.
fn can_redraw_with(term: Option<OsString>, locale: Option<&OsStr>) -> bool {
    let is_able = term.is_some_and(|term| !term.is_empty() && term != "dumb");
    let takes_utf8 = locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    is_able && takes_utf8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_for_terminals_that_can_show_it() {
        for (term, locale, can) in [
            (Some("xterm"), Some("en_GB.UTF-8"), true),
            (Some("screen"), Some("C.utf8"), true),
            (Some("linux"), None, true),
            (Some("xterm"), Some("POSIX"), false),
            (Some("xterm"), Some("de_DE.ISO-8859-1"), false),
            (Some("dumb"), Some("C.UTF-8"), false),
            (Some(""), None, false),
            (None, Some("C.UTF-8"), false),
        ] {
            assert_eq!(
                can_redraw_with(term.map(OsString::from), locale.map(OsStr::new)),
                can,
                "{term:?} {locale:?}"
            );
        }
    }

    #[test]
    fn a_terminal_that_does_not_say_has_the_usual_room() {
        assert_eq!(Room::of(0, 0), UNKNOWN);
        assert_eq!(Room::of(40, 0), Room { columns: 40, rows: 24 });
    }
}
