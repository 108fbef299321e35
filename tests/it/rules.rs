//! What the operator lays down for answers: `--header`, `--cache-control`, `--cors`, `--redirect`,
//! `--clean-urls`.
//!
//! Each rule is held against every kind of answer: nothing of it gets lost on the way to an error, and
//! nothing of it gets where it does no good.

mod addresses;
mod fields;
mod origins;

use crate::harness::{Raw, Reply};

/// Sends a request line with these fields and reads the answer.
fn ask(client: &mut Raw, line: &str, fields: &str) -> Reply {
    let end = if fields.is_empty() { "" } else { "\r\n" };
    client.send(format!("{line} HTTP/1.1\r\nHost: test\r\n{fields}{end}\r\n"));
    if line.starts_with("HEAD ") { client.reply_to_head() } else { client.reply() }
}

/// The values of a field that may be there more than once, in order.
fn values<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    let lines = reply.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

/// The head without its date, which may tick between two answers.
fn without_date(reply: &Reply) -> String {
    reply.head.lines().filter(|line| !line.starts_with("Date:")).collect::<Vec<_>>().join("\n")
}
