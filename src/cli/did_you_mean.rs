//! Suggestion for a mistyped name, by edit distance.
//!
//! Names come without common prefixes such as dashes. Earlier names win ties.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Most edits for a suggestion; a short name allows one, as two would match any short name.
const EDITS_MAX: usize = 2;
const SHORT_NAME_LEN: usize = 4;

pub(super) fn nearest_name<N: AsRef<str>>(names: impl Iterator<Item = N>, wrong: &OsStr) -> Option<N> {
    let measured = names.map(|name| (edit_distance(name.as_ref(), wrong), name));
    let (edits, name) = measured.min_by_key(|(edits, _)| *edits)?;
    let edits_max = if name.as_ref().len() <= SHORT_NAME_LEN { 1 } else { EDITS_MAX };
    (edits <= edits_max).then_some(name)
}

/// Choice of a name.
///
/// # Errors
/// All names with a hint: `the format is text, json or csv; did you mean 'csv'?`.
pub fn parse_choice<T: Copy>(what: &str, choices: &[(&str, T)], text: &str) -> Result<T, String> {
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let list = match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        names => names.concat(),
    };
    let hint = nearest_name(names.iter(), OsStr::new(text));
    let hint = hint.map_or_else(String::new, |name| format!("; did you mean '{name}'?"));
    Err(format!("{what} is {list}{hint}"))
}

/// Optimal string alignment distance.
fn edit_distance(a: &str, b: &OsStr) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut above = vec![0; b.len() + 1];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut next = vec![i + 1; b.len() + 1];
        for (j, other) in b.iter().enumerate() {
            let replaced = row[j] + usize::from(letter != other);
            next[j + 1] = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            let is_swap = i > 0 && j > 0 && *letter == b[j - 1] && *other == a[i - 1];
            if is_swap {
                next[j + 1] = next[j + 1].min(above[j - 1] + 1);
            }
        }
        above = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_edits() {
        let cases = [
            ("port", "port", 0),
            ("port", "prot", 1),
            ("port", "ports", 1),
            ("port", "ort", 1),
            ("port", "fork", 2),
            ("port", "tropo", 4),
            ("port", "", 4),
            ("", "port", 4),
        ];
        for (a, b, edits) in cases {
            assert_eq!(edit_distance(a, OsStr::new(b)), edits, "{a} {b}");
        }
    }

    #[test]
    fn did_you_mean_suggests_only_near_names() {
        let names = ["port", "root", "fort", "header"];
        for (wrong, meant) in [
            ("prt", Some("port")),
            ("prot", Some("port")),
            ("foot", Some("root")),
            ("port", Some("port")),
            ("pert", Some("port")),
            ("haeders", Some("header")),
            ("site", None),
            ("post_", None),
            ("quiet", None),
        ] {
            assert_eq!(nearest_name(names.into_iter(), OsStr::new(wrong)), meant, "{wrong}");
        }
        let error = parse_choice("it", &[("port", 1), ("root", 2), ("x", 3)], "prot");
        assert_eq!(error, Err("it is port, root or x; did you mean 'port'?".to_owned()));
        assert_eq!(parse_choice("it", &[("port", 1)], "x"), Err("it is port".to_owned()));
        assert_eq!(parse_choice("it", &[("port", 1), ("root", 2)], "root"), Ok(2));
        assert_eq!(nearest_name(std::iter::empty::<&str>(), OsStr::new("port")), None);
    }
}
