//! The page of limits, generated from the constants in src/.
//!
//! Every number, duration and range is a limit, unless [`NOT_LIMITS`] names it: a new bound is on the
//! page without anybody's help.

use std::time::Duration;

use super::constants::{Constant, Constants, Value};
use super::{check_page, page_head, table};
use crate::harness::source::sources;

/// Constants that bound nothing: codes, formats, units, defaults of options, and factors of an algorithm.
const NOT_LIMITS: &[&str] = &[
    // Codes of other formats and protocols.
    "BLOCK_LEN",
    "CASEFOLD",
    "CLIENT_CLOSED_REQUEST",
    "FIXED",
    "HEAD_LEN",
    "KEPT_PART_MIN",
    "MICROS",
    "MODE_MASK",
    "NEW_FILE_MODE",
    "NON_BLOCKING",
    "NO_LETTER",
    "OUTER_LEN",
    "STATUS_MAX",
    "SWITCHING_PROTOCOLS",
    "TLS_HANDSHAKE",
    "TMPFS_MAGIC",
    "EMFILE",
    "ENFILE",
    "USTAR_LEN_MAX",
    "V2_COOKIE",
    "VERSION",
    "BAD_STATUS_MIN",
    "HASH_BASIS",
    "NO_TIME",
    "COUNT",
    // Exit codes and ports.
    "EXIT_CODE",
    "EXIT_FAILED",
    "EXIT_SIGNAL",
    "EXIT_USAGE",
    "EXIT_WRITE",
    "PORT_DEFAULT",
    "PORT_HTTP",
    "SUM_NUMBER_DEFAULT",
    // Units and the calendar.
    "AHEAD_SECS_MAX",
    "CYCLE_SECS",
    "HIGH_BITS",
    "MINUTE_US",
    "NANOS_PER_SEC",
    "SECOND_US",
    "TICKS_PER_SEC",
    "UNIX_SECS_MAX",
    "UNIX_SECS_RANGE",
    "US_PER_MS",
    "YEAR_SECS",
    // The look of output, and factors of a computation.
    "BAR_DELAY",
    "BAR_LEN",
    "BAR_LEN_MAX",
    "BAR_LEN_MIN",
    "FACTOR_MIN",
    "LINEAR_RATIO_MAX",
    "MARK_NAME_FLIP_PERCENT",
    "NAME_LEN",
    "PARTIAL_SLICE_SHARE",
    "POINT_GAP",
    "POWERS_MAX",
    "RATE_DOWN_DIVISOR",
    "RATE_UP_FACTOR",
    "SERIES_STYLES",
    "SPARKLINE_LEN_MAX",
    "START_SHARE",
    "WARMUP_DIVISOR",
    "Z_95",
    // Only for a cache that is off.
    "NONE",
];

/// What is counted, where the name of the constant does not tell it in the plural.
const UNITS: &[(&str, &str)] = &[
    ("ACCEPTS_MAX", "connections"),
    ("CONCURRENCY_DEFAULT", "connections"),
    ("CONNECTS_PER_TICK_MAX", "connections per tick"),
    ("COUNT_MAX", "requests"),
    ("FILTER_LEN_MAX", "characters"),
    ("INTERIMS_MAX", "responses"),
    ("LINK_COST", "entries"),
    ("LISTEN_BACKLOG", "connections"),
    ("PAGE_LEN", "entries"),
    ("PIPELINE_MAX", "requests"),
    ("READ_AHEAD_BATCH_LEN", "connections"),
    ("ROOM", "bytes"),
    ("SHORT_NAME_LEN", "characters"),
    ("SLOTS", "request heads"),
    ("SPARES_MAX", "buffers"),
    ("SWEEP_MIN", "watches"),
    ("TAIL_COUNT_MIN", "requests"),
    ("UNLIMITED", "descriptors"),
    ("URLS_MAX", "URLs"),
];

/// Limits whose comment may be missing because the name tells all. This number may only become smaller.
const WITHOUT_REASON_MAX: usize = 10;

/// The order of the rooms of src/; others follow.
const ROOMS: [&str; 11] =
    ["reactor", "net", "http", "files", "access_log", "cli", "text", "sum", "server", "client", "load"];

const ORIGIN: &str = "\
Every queue, buffer, loop and wait has a bound: a constant in the source or an option. This page lists the \
constants with their values, and the first sentence of the comment of each. The bounds that are options are in \
[options-server.md](options-server.md) and [options-client.md](options-client.md).

The size of a file that is served has no bound. A file that is longer than `SMALL_FILE_LEN_MAX` is sent by `sendfile` \
and is not held in memory.";

fn is_limit(constant: &Constant) -> bool {
    let is_number = matches!(
        &*constant.kind,
        "u8" | "u16"
            | "u32"
            | "u64"
            | "u128"
            | "usize"
            | "i8"
            | "i16"
            | "i32"
            | "i64"
            | "i128"
            | "isize"
            | "f32"
            | "f64"
    );
    let is_other =
        constant.kind == "Duration" || constant.kind.contains("Range") || constant.kind.ends_with("Limits");
    (is_number || is_other) && !NOT_LIMITS.contains(&&*constant.name)
}

/// A number with a comma between each three digits.
fn grouped(number: i128) -> String {
    let digits = number.abs().to_string();
    let places = digits.len();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (places - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(len: i128) -> String {
    match len {
        _ if len >= 1 << 20 && len % (1 << 20) == 0 => format!("{} MiB", grouped(len >> 20)),
        _ if len >= 1 << 10 && len % (1 << 10) == 0 => format!("{} KiB", grouped(len >> 10)),
        _ => format!("{} bytes", grouped(len)),
    }
}

fn time(time: Duration) -> String {
    let nanos = i128::try_from(time.as_nanos()).expect("a time");
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "µs"), (1, "ns")];
    let (unit, name) =
        units.into_iter().find(|(unit, _)| nanos % unit == 0).expect("a nanosecond divides all");
    format!("{} {name}", grouped(nanos / unit))
}

/// What a number with this name counts: the words from the first plural on.
fn unit(name: &str) -> String {
    if let Some((_, unit)) = UNITS.iter().find(|(known, _)| *known == name) {
        return (*unit).to_owned();
    }
    let words: Vec<&str> = name.split('_').collect();
    let is_plural =
        |word: &str| word.ends_with('S') && word.len() > 2 && !word.ends_with("SS") && !word.ends_with("US");
    let Some(at) = words.iter().position(|word| is_plural(word)) else { return String::new() };
    let per = words.get(at + 1..at + 3).filter(|words| words[0] == "PER");
    let unit = per.map_or(words[at].to_owned(), |per| format!("{} per {}", words[at], per[1]));
    unit.to_lowercase().replace("fds", "descriptors")
}

/// The value with its unit.
fn value_text(name: &str, value: Value) -> String {
    let words: Vec<&str> = name.split('_').collect();
    let has = |word: &str| words.contains(&word);
    let is_named_unit = UNITS.iter().any(|(known, _)| *known == name);
    match value {
        Value::Time(value) => time(value),
        Value::Range(start, end) => format!("{} to {}", grouped(start), grouped(end)),
        Value::Int(count) if has("US") => time(Duration::from_micros(u64::try_from(count).expect("a time"))),
        Value::Int(count) if has("SECS") => format!("{} s", grouped(count)),
        Value::Int(count) if has("HOURS") => format!("{} h", grouped(count)),
        Value::Int(count) if has("RATE") => format!("{} per second", bytes(count)),
        Value::Int(count) if !is_named_unit && (has("LEN") || has("BYTES") || has("BUDGET")) => bytes(count),
        Value::Int(count) => format!("{} {}", grouped(count), unit(name)).trim_end().to_owned(),
        Value::Real(part) if has("SHARE") || has("CHANGE") => format!("{} %", part * 100.0),
        Value::Real(1.0) if has("RATE") => "1 request per second".to_owned(),
        Value::Real(rate) if has("RATE") => format!("{} requests per second", grouped(rate as i128)),
        Value::Real(count) if count.fract() == 0.0 => {
            format!("{} {}", grouped(count as i128), unit(name)).trim_end().to_owned()
        }
        Value::Real(factor) => factor.to_string(),
    }
}

/// The directory of a file below src/.
fn room(constant: &Constant) -> &str {
    constant.file.trim_start_matches("src/").split('/').next().unwrap_or_default()
}

/// A row for each value of a limit.
fn rows(constants: &Constants, constant: &Constant, faults: &mut Vec<String>) -> Vec<Vec<String>> {
    let values = match constants.values(constant) {
        Ok(values) => values,
        Err(error) => {
            faults.push(format!("{error}: teach constants.rs the expression, or add the name to NOT_LIMITS"));
            return Vec::new();
        }
    };
    let file = constant.file.trim_start_matches("src/");
    let row = |(field, value): (String, Value)| {
        let (label, unit_name) = match field.is_empty() {
            true => (format!("`{}`", constant.name), constant.name.clone()),
            false => (format!("`{}::{}.{field}`", constant.kind, constant.name), field.to_uppercase()),
        };
        let reason = constant.reason.replace('|', "\\|");
        vec![label, value_text(&unit_name, value), reason, format!("[{file}](../src/{file})")]
    };
    values.into_iter().map(row).collect()
}

#[test]
fn limits_page_matches_constants() {
    let constants = Constants::collect(&sources(&["src"], "rs"));
    let mut limits: Vec<&Constant> = constants.iter().filter(|constant| is_limit(constant)).collect();
    limits.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    assert!(limits.len() > 100, "there are more limits than {}", limits.len());
    let mut rooms: Vec<&str> = limits.iter().map(|limit| room(limit)).collect();
    rooms.sort_by_key(|name| (ROOMS.iter().position(|known| known == name).unwrap_or(ROOMS.len()), *name));
    rooms.dedup();

    let mut page = page_head("Limits", ORIGIN);
    let mut faults = Vec::new();
    for name in rooms {
        let of_room = limits.iter().filter(|limit| room(limit) == name);
        let rows: Vec<Vec<String>> = of_room.flat_map(|limit| rows(&constants, limit, &mut faults)).collect();
        page += &format!("\n## {name}\n\n{}", table(&["limit", "value", "why", "file"], &rows));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    let unexplained = limits.iter().filter(|limit| limit.reason.is_empty());
    let unexplained: Vec<String> =
        unexplained.map(|limit| format!("{} in {}", limit.name, limit.file)).collect();
    assert!(unexplained.len() <= WITHOUT_REASON_MAX, "write a comment above one of these: {unexplained:?}");
    check_page("docs/limits.md", &page);
}

#[test]
fn not_limits_names_existing_constants() {
    let constants = Constants::collect(&sources(&["src"], "rs"));
    let is_gone = |name: &&&str| !constants.iter().any(|constant| constant.name == **name);
    let gone: Vec<&&str> =
        NOT_LIMITS.iter().chain(UNITS.iter().map(|(name, _)| name)).filter(is_gone).collect();
    assert!(gone.is_empty(), "remove these names from NOT_LIMITS and UNITS, src/ has none of them: {gone:?}");
}

#[test]
fn values_are_shown_with_their_unit() {
    let cases = [
        ("HEAD_LEN_MAX", Value::Int(16 * 1024), "16 KiB"),
        ("RUN_LEN_MAX", Value::Int(64 << 20), "64 MiB"),
        ("LINE_LEN_MAX", Value::Int(1500), "1,500 bytes"),
        ("PAGE_LEN", Value::Int(1000), "1,000 entries"),
        ("REQUESTS_PER_TICK_MAX", Value::Int(16), "16 requests per tick"),
        ("URLS_MAX", Value::Int(100_000), "100,000 URLs"),
        ("SOME_BOUND", Value::Int(7), "7"),
        ("RATE_MIN", Value::Int(1024), "1 KiB per second"),
        ("RATE_MIN", Value::Real(1.0), "1 request per second"),
        ("RATE_MIN", Value::Real(2.0), "2 requests per second"),
        ("FDS_PER_THREAD", Value::Int(8), "8 descriptors per thread"),
        ("CPU_SHARE_MAX", Value::Real(0.95), "95 %"),
        ("LAG_FLOOR_US", Value::Int(2000), "2 ms"),
        ("TICK", Value::Time(Duration::from_millis(100)), "100 ms"),
        ("STEP_LEN_MAX", Value::Time(Duration::from_secs(60)), "60 s"),
        ("NUMBERS", Value::Range(1, 100), "1 to 100"),
    ];
    for (name, value, expected) in cases {
        assert_eq!(value_text(name, value), expected, "{name}");
    }
}
