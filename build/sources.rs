//! The files below `src`, in the order in which they are shown, and what of each is shown.
//!
//! What exists in unit tests only is left out: the programs were built without it, and it is nearly as
//! long as the rest. It knows which page a file belongs on; how a page looks is the business of `page`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::test_items::{modules, test_items};

/// The rooms from the door inwards; those that are not named here follow in alphabetical order.
const DIRECTORIES: &[&str] =
    &["lib.rs", "bin", "server", "client", "load", "http", "files", "net", "reactor"];

/// Which page a file is shown on. What both programs are made of is shown on the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Server,
    Client,
}

/// One file as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// Its path below `src`, such as `net/connection.rs`.
    pub(crate) path: String,
    /// All of it, in whole lines: what is shown and what is not, one after the other.
    pub(crate) pieces: Vec<Piece>,
}

/// Lines of a file that are shown, or are not because they exist in unit tests only.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) is_shown: bool,
}

/// Reads the sources below `src`: Rust, and the texts that it includes.
///
/// # Errors
/// When a file cannot be read, or is not UTF-8.
pub(crate) fn read(src: &Path) -> io::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut left: Vec<PathBuf> = vec![src.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "txt") {
            let text = fs::read_to_string(&path)?;
            let name = path.strip_prefix(src).map_err(io::Error::other)?;
            files.push((name.to_string_lossy().into_owned(), text));
        }
    }
    Ok(shown(files))
}

/// What is shown of `files`, which are paths and texts, and in which order.
fn shown(files: Vec<(String, String)>) -> Vec<SourceFile> {
    let files: Vec<_> = files.into_iter().map(|(path, text)| SourceFile::new(path, &text)).collect();
    let test_files: Vec<String> = files.iter().flat_map(SourceFile::test_modules).collect();
    let is_test = |path: &str| test_files.iter().any(|module| is_of_module(path, module));
    let mut shown: Vec<_> = files.into_iter().filter(|file| !is_test(&file.path)).collect();
    shown.sort_by_cached_key(SourceFile::sort_key);
    shown
}

/// Whether a file is that of a module, or of one below it.
fn is_of_module(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

impl SourceFile {
    fn new(path: String, text: &str) -> SourceFile {
        let items = if path.ends_with(".rs") { test_items(text) } else { Vec::new() };
        let mut pieces = Vec::new();
        let mut piece = |text: &str, is_shown| {
            if !text.is_empty() {
                pieces.push(Piece { text: text.to_owned(), is_shown });
            }
        };
        let mut at = 0;
        for item in items {
            piece(&text[at..item.start], true);
            piece(&text[item.clone()], false);
            at = item.end;
        }
        piece(&text[at..], true);
        SourceFile { path, pieces }
    }

    /// What of it is shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter(|piece| piece.is_shown).map(|piece| piece.text.as_str())
    }

    /// How many lines are shown, or are not.
    pub(crate) fn line_count(&self, is_shown: bool) -> usize {
        let pieces = self.pieces.iter().filter(|piece| piece.is_shown == is_shown);
        pieces.map(|piece| piece.text.lines().count()).sum()
    }

    /// The modules that exist in unit tests only, as paths without an ending.
    fn test_modules(&self) -> Vec<String> {
        let directory = self.path.strip_suffix("mod.rs").or(self.path.strip_suffix("lib.rs"));
        let directory = directory.map_or_else(|| self.path.replace(".rs", "/"), str::to_owned);
        let left_out = self.pieces.iter().filter(|piece| !piece.is_shown);
        left_out.flat_map(|piece| modules(&piece.text)).map(|name| format!("{directory}{name}")).collect()
    }

    /// The page that it belongs on.
    pub(crate) fn part(&self) -> Part {
        match matches!(self.directory(), "client" | "load") || self.path == "bin/reactor-client.rs" {
            true => Part::Client,
            false => Part::Server,
        }
    }

    /// The folder that it is in, or its name if it is in none.
    pub(crate) fn directory(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Whether it is what its folder begins with.
    pub(crate) fn is_module_root(&self) -> bool {
        self.path.ends_with("/mod.rs")
    }

    /// What the order of files compares: rooms, then the door of each, then names, and what is below a
    /// file follows it.
    fn sort_key(&self) -> (usize, String, bool, String) {
        let directory = self.directory();
        let rank = DIRECTORIES.iter().position(|known| *known == directory).unwrap_or(DIRECTORIES.len());
        let name = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        (rank, directory.to_owned(), !self.is_module_root(), name.to_owned())
    }

    /// The first sentence of its documentation, in Markdown, and of what is not Rust the first line;
    /// empty if there is none.
    pub(crate) fn summary(&self) -> String {
        let text = self.shown().next().unwrap_or_default();
        if !self.path.ends_with(".rs") {
            return text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
        }
        let lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
        let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        let paragraph = paragraph.join(" ");
        let end = paragraph.find(". ").unwrap_or(paragraph.len());
        paragraph[..end].trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile::new(path.to_owned(), text)
    }

    #[test]
    fn pieces_join_to_the_file_and_tests_are_hidden() {
        let tests = "\n#[cfg(test)]\nmod tests {\n    fn f() {\n    }\n}\n";
        let cases = [
            ("a.rs", "a\n".to_owned(), "a\n", 0),
            ("a.rs", format!("a\n{tests}"), "a\n", 6),
            ("a.rs", format!("a\n{tests}b\n{tests}"), "a\nb\n", 12),
            ("a.rs", "#[cfg(test)]\nmod b;\nc\n".to_owned(), "c\n", 2),
            ("a.txt", format!("a\n{tests}"), &format!("a\n{tests}"), 0),
        ];
        for (path, text, shown, left_out) in cases {
            let file = file(path, &text);
            assert_eq!(file.shown().collect::<String>(), shown, "{text}");
            assert_eq!(file.pieces.iter().map(|piece| piece.text.as_str()).collect::<String>(), text);
            assert_eq!(file.line_count(false), left_out, "{text}");
            assert_eq!(file.line_count(true), shown.lines().count(), "{text}");
        }
    }

    #[test]
    fn shown_sorts_files_and_drops_test_modules() {
        let modules = "#[cfg(test)]\nmod agreement;\nmod body;\n#[cfg(test)]\nmod tests {\n}\n";
        let paths = [
            ("sum/mod.rs", ""),
            ("http/agreement.rs", ""),
            ("http/agreement/rows.rs", ""),
            ("http/agreements.rs", ""),
            ("http/body.rs", ""),
            ("http/mod.rs", modules),
            ("bench/mod.rs", ""),
            ("lib.rs", "#[cfg(test)]\nmod bench;\n"),
            ("server/connection/state_machine.rs", ""),
            ("server/args/values.rs", ""),
            ("server/args.rs", ""),
            ("server/mod.rs", ""),
            ("attic/mod.rs", ""),
            ("bin/reactor-server.rs", ""),
        ];
        let files = shown(paths.map(|(path, text)| (path.to_owned(), text.to_owned())).to_vec());
        let order: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        let expected = [
            "lib.rs",
            "bin/reactor-server.rs",
            "server/mod.rs",
            "server/args.rs",
            "server/args/values.rs",
            "server/connection/state_machine.rs",
            "http/mod.rs",
            "http/agreements.rs",
            "http/body.rs",
            "attic/mod.rs",
            "sum/mod.rs",
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn part_puts_only_client_and_load_on_client_page() {
        let cases = [
            ("client/connection.rs", Part::Client),
            ("load/engine/app.rs", Part::Client),
            ("client/args.rs", Part::Client),
            ("sum/args.rs", Part::Server),
            ("bin/reactor-client.rs", Part::Client),
            ("bin/reactor-server.rs", Part::Server),
            ("http/request/head.rs", Part::Server),
            ("lib.rs", Part::Server),
        ];
        for (path, part) in cases {
            assert_eq!(file(path, "").part(), part, "{path}");
        }
    }

    #[test]
    fn summary_is_the_first_sentence_of_the_docs() {
        let cases = [
            ("//! One, `two`.\n//!\n//! Three.\nuse a;\n", "One, `two`"),
            ("//! One\n//! two. Three.\n", "One two"),
            ("use a;\n//! One.\n", ""),
        ];
        for (text, summary) in cases {
            assert_eq!(file("a.rs", text).summary(), summary, "{text}");
        }
        assert_eq!(file("help.txt", "One. Two.\nThree.\n").summary(), "One. Two");
    }
}
