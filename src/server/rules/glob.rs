//! Path patterns, matched by fast-glob.
//!
//! A pattern without a slash matches names in any directory; with a slash it starts at the root.

/// Longest pattern in bytes: enough for a few names in braces.
const PATTERN_LEN_MAX: usize = 256;
/// Most brace alternatives: the matcher may try each of them.
const BRACE_ALTERNATIVES_MAX: usize = 64;

/// Path pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// Without a leading slash, as fast-glob expects.
    pattern: String,
    matches_name_only: bool,
}

impl Glob {
    /// Parses a pattern: `*` and `?` within a segment, `**` across segments, `[a-z]`, `{a,b}`.
    ///
    /// # Errors
    /// Mistake and remedy.
    pub fn parse(text: &str) -> Result<Glob, String> {
        let pattern = text.strip_prefix('/').unwrap_or(text);
        let outcome: Result<(), &str> = match pattern {
            "" => Err("it is empty; ** matches every file"),
            _ if pattern.trim() != pattern => Err("it has white space around it"),
            _ if pattern.len() > PATTERN_LEN_MAX => {
                return Err(format!("it is longer than {PATTERN_LEN_MAX} bytes; split it"));
            }
            _ if pattern.starts_with('!') => Err(
                "it begins with !, but a pattern cannot exclude files; the first rule that matches applies",
            ),
            _ if pattern.ends_with('/') => {
                return Err(format!("it ends in a slash; write {pattern}** for all files in the directory"));
            }
            _ if pattern.contains('\\') || pattern.chars().any(char::is_control) => {
                Err("it has a backslash or a control character; write [*] for a star")
            }
            _ if pattern.split('/').any(|segment| matches!(segment, "" | "." | "..")) => {
                Err("it has an empty segment, or one of dots; write it as a/b")
            }
            _ => Ok(()),
        };
        outcome?;
        fast_glob::validate(pattern).map_err(|error| pattern_error_message(&error.to_string()))?;
        if brace_alternatives(pattern) > BRACE_ALTERNATIVES_MAX {
            return Err(format!(
                "its braces can be read in more than {BRACE_ALTERNATIVES_MAX} ways; split it"
            ));
        }
        Ok(Glob { pattern: pattern.to_owned(), matches_name_only: !text.contains('/') })
    }

    /// Whether `path`, without a leading slash, matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        fast_glob::glob_match(&self.pattern, if self.matches_name_only { name } else { path })
    }
}

/// Upper bound: commas outside braces count, too.
fn brace_alternatives(pattern: &str) -> usize {
    let groups = pattern.split('{').skip(1).map(|group| group.matches(',').count() + 1);
    groups.fold(1, |product: usize, choices| product.saturating_mul(choices))
}

/// Without its advice: it suggests a backslash, which is rejected here.
fn pattern_error_message(error: &str) -> String {
    match error.split_once(" (") {
        Some((what, _)) => format!("{what}; for the character itself, write [{{] or [[]"),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn fits(pattern: &str, path: &str) -> bool {
        Glob::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).matches(path.as_bytes())
    }

    #[test]
    fn glob_matches_listed_paths_only() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                "*.html",
                &["index.html", "a/b/c.html", "a/.html"],
                &["a.htm", "a.html/b", "a.html.br", "A.HTML"],
            ),
            ("index.html", &["index.html", "docs/index.html"], &["xindex.html", "index.html/x"]),
            ("/index.html", &["index.html"], &["docs/index.html"]),
            ("/*.html", &["index.html"], &["docs/index.html"]),
            ("**", &["a", "a/b/c", "a b", "\u{e9}"], &[]),
            ("/**", &["a", "a/b/c"], &[]),
            ("*", &["a", "a/b"], &[]),
            ("assets/**", &["assets/a", "assets/a/b.js"], &["assets.js", "x/assets/a", "asset/a"]),
            ("/assets/**", &["assets/a", "assets/a/b.js"], &["x/assets/a"]),
            ("assets/*", &["assets/a"], &["assets/a/b", "assets"]),
            ("assets/*/b.js", &["assets/a/b.js"], &["assets/b.js", "assets/a/a/b.js"]),
            ("**/b.js", &["b.js", "a/b.js", "a/a/b.js"], &["ab.js", "a/ab.js"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["a/xb", "ab", "x/a/b"]),
            ("**/a/*.js", &["a/x.js", "z/a/x.js", "z/a/a/x.js"], &["z/a/b/x.js"]),
            ("*.{js,css}", &["a.js", "x/a.css"], &["a.jss", "a.j", "a.js,css"]),
            ("{a,b}/*.{js,m{j,c}s}", &["a/x.js", "b/x.mjs", "a/x.mcs"], &["c/x.js", "a/x.ms"]),
            ("a{b/**,c}", &["ab/x", "ab/x/y", "ac"], &["acx", "a"]),
            ("?.txt", &["a.txt", "x/b.txt"], &["ab.txt", ".txt"]),
            ("[a-c]?[!0-9].js", &["abc.js", "x/c1x.js"], &["dbc.js", "ab1.js"]),
            ("a[*]b", &["a*b"], &["aab", "a/b"]),
            ("*.[0-9a-f][0-9a-f].*", &["main.3f.js"], &["main.js", "main.3g.js"]),
            ("a,b", &["a,b"], &["a", "b"]),
        ];
        for (pattern, fitting, others) in cases {
            for path in *fitting {
                assert!(fits(pattern, path), "{pattern} fits {path}");
            }
            for path in *others {
                assert!(!fits(pattern, path), "{pattern} does not fit {path}");
            }
        }
        assert!(Glob::parse("caf?").unwrap().matches(b"caf\xe9"), "names need not be UTF-8");
    }

    #[test]
    fn glob_invalid_pattern_gets_error_with_remedy() {
        let long = "a".repeat(PATTERN_LEN_MAX + 1);
        let alternatives = "{a,b}".repeat(7);
        for (text, part) in [
            ("", "it is empty"),
            ("/", "it is empty"),
            ("!a", "begins with !"),
            ("a/", "write a/** for all"),
            ("a\\*", "write [*] for a star"),
            ("a\nb", "control character"),
            ("a//b", "empty segment"),
            ("//a", "empty segment"),
            ("../a", "of dots"),
            ("a/./b", "of dots"),
            ("{a,b", "missing '}'; for the character itself, write [{] or [[]"),
            ("[a", "missing ']'; for the character itself, write [{] or [[]"),
            (&"{a}".repeat(11), "supported limit"),
            (&long, "longer than 256 bytes"),
            (&alternatives, "more than 64 ways"),
        ] {
            let error = Glob::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn glob_hostile_patterns_take_bounded_time() {
        let path = "a".repeat(4095);
        let slashes = "a/".repeat(2047);
        let begun = Instant::now();
        for pattern in [
            "*a*a*a*a*a*a*a*a*b".to_owned(),
            "**/*a*a*a*a*a*b".to_owned(),
            "/**/a/**/a/**/a/**/a/**/b".to_owned(),
            "{a,*}".repeat(6) + "b",
            format!("**/{}b", "{a/,*/}".repeat(6)),
            "*?".repeat(127) + "b",
        ] {
            for path in [&path, &slashes] {
                assert!(!fits(&pattern, path), "{pattern}");
            }
        }
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }
}
