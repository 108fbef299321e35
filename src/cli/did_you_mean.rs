//! Suggestion for a mistyped name, by edit distance.
//!
//! Names come without common prefixes such as dashes. Earlier names win ties.

use std::ffi::OsStr;

/// Most edits for a suggestion; a short name allows one, as two would match any short name.
const EDITS_MAX: usize = 2;
const SHORT_NAME_LEN: usize = 4;

pub(super) fn nearest_name<N: AsRef<str>>(names: impl Iterator<Item = N>, wrong: &OsStr) -> Option<N> {
    let wrong = wrong.to_string_lossy();
    let measured = names.map(|name| (strsim::osa_distance(name.as_ref(), &wrong), name));
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

#[cfg(test)]
mod tests {
    use super::*;

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
