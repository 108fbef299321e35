//! The files below `src`, in the order in which they are shown, and what of each is shown.
//!
//! Unit tests are left out: the programs were built without them, and they are nearly as long as the
//! rest. It knows which page a file belongs on; how a page looks is the business of `page`.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The rooms from the door inwards; those that are not named here follow in alphabetical order.
const ROOMS: &[&str] = &["lib.rs", "bin", "server", "client", "http", "files", "net", "reactor"];

/// Where the unit tests of a file begin; they are its last item.
const TESTS: &str = "\n#[cfg(test)]\nmod tests {\n";

/// How a module is declared that exists in unit tests only.
const TEST_MODULE: &str = "#[cfg(test)]\nmod ";

/// Which page a file is shown on. What both programs are made of is shown on the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Server,
    Client,
}

/// One file as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// Its path below `src`, such as `net/link.rs`.
    pub(crate) path: String,
    /// All of it but its unit tests.
    pub(crate) text: String,
    /// How many lines of unit tests there are.
    pub(crate) test_lines: usize,
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
    let test_files: Vec<String> = files.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let shown = files.into_iter().filter(|(path, _)| !test_files.contains(path));
    let mut shown: Vec<SourceFile> = shown.map(|(path, text)| SourceFile::new(path, text)).collect();
    shown.sort_by_cached_key(SourceFile::place);
    shown
}

/// The files of the modules in `text` that exist in unit tests only, each in both places where it may be.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let folder = path.strip_suffix("mod.rs").map_or_else(|| path.replace(".rs", "/"), str::to_owned);
    let names = text.split(TEST_MODULE).skip(1).filter_map(|rest| rest.split_once(';'));
    let names = names.map(|(name, _)| name).filter(|name| !name.contains('\n'));
    names.flat_map(|name| [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")]).collect()
}

impl SourceFile {
    fn new(path: String, text: String) -> SourceFile {
        let (text, tests) = without_tests(&text);
        SourceFile { text: text.to_owned(), test_lines: tests.lines().count(), path }
    }

    /// The page that it belongs on.
    pub(crate) fn part(&self) -> Part {
        match self.room() == "client" || self.path == "bin/reactor-client.rs" {
            true => Part::Client,
            false => Part::Server,
        }
    }

    /// The folder that it is in, or its name if it is in none.
    pub(crate) fn room(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Whether it is what its folder begins with.
    pub(crate) fn is_door(&self) -> bool {
        self.path.ends_with("/mod.rs")
    }

    /// What the order of files compares: rooms, then the door of each, then names, and what is below a
    /// file follows it.
    fn place(&self) -> (usize, String, bool, String) {
        let room = self.room();
        let rank = ROOMS.iter().position(|known| *known == room).unwrap_or(ROOMS.len());
        let name = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        (rank, room.to_owned(), !self.is_door(), name.to_owned())
    }

    /// The first sentence of its documentation, in Markdown, and of what is not Rust the first line;
    /// empty if there is none.
    pub(crate) fn summary(&self) -> String {
        if !self.path.ends_with(".rs") {
            return self.text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
        }
        let lines = self.text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
        let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        let paragraph = paragraph.join(" ");
        let end = paragraph.find(". ").unwrap_or(paragraph.len());
        paragraph[..end].trim_end_matches('.').to_owned()
    }
}

/// The text before its unit tests, and them. Should more follow them, nothing is taken away.
fn without_tests(text: &str) -> (&str, &str) {
    let Some(at) = text.find(TESTS) else { return (text, "") };
    let (before, tests) = text.split_at(at);
    match tests.find("\n}\n").is_some_and(|end| end + "\n}\n".len() == tests.len()) {
        true => (before, tests.trim_start()),
        false => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile::new(path.to_owned(), text.to_owned())
    }

    #[test]
    fn tests_are_left_out_and_nothing_else_is() {
        let tests = "#[cfg(test)]\nmod tests {\n    fn f() {\n    }\n}\n";
        let cases = [
            ("a\n".to_owned(), "a\n", 0),
            (format!("a\n\n{tests}"), "a\n", 5),
            (format!("a\n\n{tests}b\n"), &format!("a\n\n{tests}b\n"), 0),
            ("#[cfg(test)]\nmod b;\n".to_owned(), "#[cfg(test)]\nmod b;\n", 0),
        ];
        for (text, shown, test_lines) in cases {
            let file = file("a.rs", &text);
            assert_eq!((file.text.as_str(), file.test_lines), (shown, test_lines), "{text}");
        }
    }

    #[test]
    fn files_are_in_reading_order_and_modules_of_tests_are_not_among_them() {
        let modules = "#[cfg(test)]\nmod agreement;\nmod body;\n#[cfg(test)]\nmod tests {\n}\n";
        let paths = [
            ("sum/mod.rs", ""),
            ("http/agreement.rs", ""),
            ("http/body.rs", ""),
            ("http/mod.rs", modules),
            ("lib.rs", ""),
            ("server/conn.rs", ""),
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
            "server/conn.rs",
            "http/mod.rs",
            "http/body.rs",
            "attic/mod.rs",
            "sum/mod.rs",
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn the_client_page_has_what_is_the_clients_alone() {
        let cases = [
            ("client/conn.rs", Part::Client),
            ("client/target/request_path.rs", Part::Client),
            ("bin/reactor-client.rs", Part::Client),
            ("bin/reactor-server.rs", Part::Server),
            ("http/head.rs", Part::Server),
            ("lib.rs", Part::Server),
        ];
        for (path, part) in cases {
            assert_eq!(file(path, "").part(), part, "{path}");
        }
    }

    #[test]
    fn a_summary_is_the_first_sentence() {
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
