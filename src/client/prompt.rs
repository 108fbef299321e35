//! Questions at a terminal.
//!
//! Sends nothing.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::os::unix::ffi::OsStrExt;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use signal_hook::consts::SIGINT;

use super::config::NamedEdit;
use super::messages::printable;
use super::options::basic_login;
use super::run_error::RunError;

/// Adds the Authorization field of `user`.
///
/// # Errors
/// No terminal, or Ctrl-C.
pub fn ask_password(user: Option<OsString>, fields: &mut Vec<NamedEdit>) -> Result<(), RunError> {
    let Some(user) = user else { return Ok(()) };
    let name = printable(user.as_bytes());
    let no_terminal = |error| {
        RunError::NoTerminal(format!(
            "cannot ask for the password of '{name}': {error}; write -u '{name}:...'"
        ))
    };
    let password = ask_quietly(&format!("password of {name}: ")).map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => RunError::Interrupted(SIGINT),
        _ => no_terminal(error),
    })?;
    fields.push(basic_login(&[user.as_bytes(), b":", &password].concat()));
    Ok(())
}

pub(super) fn confirm(question: &str) -> Result<(), RunError> {
    let asked = open_terminal().and_then(|terminal| ask(&terminal, question));
    let no_terminal = |error| {
        RunError::NoTerminal(format!("cannot ask whether to delete: {error}; -y deletes without a question"))
    };
    match asked.map_err(no_terminal)?.trim_ascii().to_ascii_lowercase().as_slice() {
        b"y" | b"yes" => Ok(()),
        _ => Err(RunError::Declined),
    }
}

fn open_terminal() -> io::Result<File> {
    let path = if io::stdin().is_terminal() { "/dev/stdin" } else { "/dev/tty" };
    let opened = File::options().read(true).write(true).open(path);
    opened.map_err(|_| io::Error::other("there is no terminal"))
}

/// Ctrl-C is a byte here: as a signal, it would leave the terminal without echo.
fn ask_quietly(question: &str) -> io::Result<Vec<u8>> {
    let terminal = open_terminal()?;
    let before = tcgetattr(&terminal)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
    let line = ask(&terminal, question);
    tcsetattr(&terminal, OptionalActions::Flush, &before)?;
    (&terminal).write_all(b"\n")?;
    line
}

/// Without echo, the terminal edits nothing.
fn ask(mut terminal: &File, question: &str) -> io::Result<Vec<u8>> {
    terminal.write_all(question.as_bytes())?;
    let mut line = Vec::new();
    for byte in BufReader::new(terminal).bytes() {
        match byte? {
            b'\n' | b'\r' => return Ok(line),
            b'\x03' => return Err(io::ErrorKind::Interrupted.into()),
            b'\x04' if line.is_empty() => break,
            b'\x08' | b'\x7f' => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            b'\x15' => line.clear(),
            0..b' ' => {}
            byte => line.push(byte),
        }
    }
    Err(io::Error::other("there was no line"))
}
