//! Parser of help texts: headings, options and paragraphs by their columns.
//!
//! A heading begins at column 0. A term (an option, a form of words, a variable) stands at the left, its
//! description in a column that is the same for the whole text.

/// The help text of one command.
#[derive(Debug, Default)]
pub(super) struct Help {
    /// The paragraph before the first heading.
    pub(super) lead: String,
    pub(super) sections: Vec<Section>,
}

/// A heading and what follows it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Section {
    pub(super) title: String,
    /// The rest of the heading, as a sentence.
    pub(super) note: String,
    pub(super) blocks: Vec<Block>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Block {
    Text(String),
    Entries(Vec<Entry>),
    /// Lines to be shown as they are.
    Verbatim(Vec<String>),
}

/// A term and its description.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub(super) term: String,
    /// The lines of the description. Those of an example keep their indentation.
    pub(super) lines: Vec<String>,
}

impl Entry {
    /// The names of an option: `-p` and `--port`. Empty for other terms.
    pub(super) fn names(&self) -> Vec<&str> {
        let words = self.term.split_whitespace().take_while(|word| word.starts_with('-'));
        words.map(|word| word.split(['[', ',']).next().unwrap_or(word)).collect()
    }

    /// What stands for the value of an option, such as `PORT`, and whether the value may be left out.
    pub(super) fn value(&self) -> (String, bool) {
        let is_name = |word: &&str| word.starts_with('-');
        let words: Vec<&str> = self.term.split_whitespace().skip_while(is_name).collect();
        match self.term.split_once("[=") {
            Some((_, value)) => (value.trim_end_matches(']').to_owned(), true),
            None => (words.join(" ").trim_matches('\'').to_owned(), false),
        }
    }

    /// The default that the description tells, and the description without it.
    pub(super) fn default_and_meaning(&self) -> (String, Vec<String>) {
        const START: &str = "[default: ";
        let text = join_prose(&self.lines);
        for (index, line) in text.iter().enumerate() {
            let Some((before, rest)) = line.split_once(START) else { continue };
            let Some((default, after)) = rest.split_once(']') else { continue };
            let mut meaning = text.clone();
            let (before, after) = (before.trim_end(), after.trim_start());
            let is_sentence_end =
                after.is_empty() || after.starts_with('.') || before.ends_with(['.', ';', ':']);
            let gap = match after.chars().next() {
                None | Some('.' | ',' | ';') => "",
                Some(_) if is_sentence_end => " ",
                Some(_) => ". ",
            };
            meaning[index] = format!("{before}{gap}{after}");
            return (default.to_owned(), meaning);
        }
        (String::new(), text)
    }
}

/// Joins the lines of prose; the lines of an example stay lines.
fn join_prose(lines: &[String]) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    for line in lines {
        match joined.last_mut() {
            Some(last) if !is_example(last) && !is_example(line) => {
                last.push(' ');
                last.push_str(line);
            }
            _ => joined.push(line.clone()),
        }
    }
    joined
}

/// Whether a line of a description stands further to the right than the others.
pub(super) fn is_example(line: &str) -> bool {
    line.starts_with("    ")
}

/// Takes a help text apart.
pub(super) fn parse(text: &str) -> Help {
    let column = description_column(text);
    let mut help = Help::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let mut heading = line.to_owned();
        while let Some(more) =
            lines.next_if(|line| !line.is_empty() && indent(line) == 0 && inline_heading(line).is_none())
        {
            heading = format!("{heading} {more}");
        }
        let mut body = Vec::new();
        while let Some(line) = lines.next_if(|line| line.is_empty() || indent(line) > 0) {
            body.push(line);
        }
        match help.sections.last_mut() {
            None if !heading.starts_with("Usage: ") => help.lead = heading,
            // A sentence at column 0 belongs to the heading above it.
            Some(last) if heading.ends_with('.') && inline_heading(&heading).is_none() => {
                last.blocks.push(Block::Text(heading));
                last.blocks.extend(blocks(&body, column));
            }
            _ => help.sections.push(section(&heading, &body, column)),
        }
    }
    help
}

/// The column at which most descriptions of options begin.
fn description_column(text: &str) -> usize {
    let columns = text.lines().filter(|line| line.trim_start().starts_with('-')).filter_map(|line| {
        let at = line.rfind("  ").filter(|_| !line.trim_end().ends_with(']'))?;
        (at > indent(line)).then_some(at + 2)
    });
    let columns: Vec<usize> = columns.collect();
    let count = |column: &&usize| columns.iter().filter(|other| other == column).count();
    columns.iter().max_by_key(count).copied().expect("a help text has options")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The title and the text of a line that has both: `Signals: SIGINT ends the server.`
fn inline_heading(line: &str) -> Option<(&str, &str)> {
    const TITLE_WORDS_MAX: usize = 2;
    let (title, text) = line.split_once(": ")?;
    let is_title = title.starts_with(char::is_uppercase) && title.split(' ').count() <= TITLE_WORDS_MAX;
    is_title.then_some((title, text))
}

fn section(heading: &str, body: &[&str], column: usize) -> Section {
    if let Some(usage) = heading.strip_prefix("Usage: ") {
        let mut section = section("Usage", body, column);
        section.blocks.insert(0, Block::Verbatim(vec![usage.to_owned()]));
        return section;
    }
    if let Some((title, text)) = inline_heading(heading) {
        let text = [&[text], body].concat().join(" ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        return Section { title: title.to_owned(), blocks: vec![Block::Text(text)], ..Section::default() };
    }
    let heading = heading.trim_end_matches(':');
    let (title, note) = match (heading.split_once(" ("), heading.split_once(", ")) {
        (Some((title, note)), _) if !title.contains(',') => (title, note.trim_end_matches(')')),
        (_, Some((title, note))) => (title, note),
        _ => (heading, ""),
    };
    let is_verbatim = title.starts_with("Example") || title == "Exit codes";
    let blocks = if is_verbatim { verbatim(body) } else { blocks(body, column) };
    Section { title: title.to_owned(), note: sentence(note), blocks }
}

/// The text with a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str().trim_end_matches('.')),
        None => String::new(),
    }
}

/// The lines, without the indentation and the blank lines at the ends that all of them have.
fn verbatim(body: &[&str]) -> Vec<Block> {
    let indent = body.iter().filter(|line| !line.is_empty()).map(|line| indent(line)).min().unwrap_or(0);
    let lines = body.iter().map(|line| line.get(indent..).unwrap_or_default().trim_end().to_owned());
    let mut lines: Vec<String> = lines.collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    vec![Block::Verbatim(lines)]
}

fn blocks(body: &[&str], column: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut is_new_paragraph = true;
    for (index, line) in body.iter().enumerate() {
        let next_indent = body.get(index + 1).map_or(0, |next| indent(next));
        match (&mut blocks[..], split_entry(line, column, next_indent)) {
            _ if line.is_empty() => {}
            ([.., Block::Entries(entries)], None) if indent(line) >= column => {
                let entry = entries.last_mut().expect("a list of entries has one");
                entry.lines.push(line[column..].to_owned());
            }
            ([.., Block::Entries(entries)], Some(entry)) => entries.push(entry),
            (_, Some(entry)) => blocks.push(Block::Entries(vec![entry])),
            ([.., Block::Text(text)], None) if !is_new_paragraph => {
                text.push(' ');
                text.push_str(line.trim());
            }
            (_, None) => blocks.push(Block::Text(line.trim().to_owned())),
        }
        is_new_paragraph = line.is_empty();
    }
    blocks
}

/// The entry that begins in this line, if one does.
fn split_entry(line: &str, column: usize, next_indent: usize) -> Option<Entry> {
    /// A term stands no further to the right: room for `-p, ` before a long name.
    const TERM_INDENT_MAX: usize = 6;
    if !(1..=TERM_INDENT_MAX).contains(&indent(line)) {
        return None;
    }
    let is_split = line.get(column - 2..column) == Some("  ")
        && line.get(column..).is_some_and(|rest| !rest.starts_with(' '));
    if is_split {
        let (term, description) = line.split_at(column);
        return Some(Entry { term: term.trim().to_owned(), lines: vec![description.to_owned()] });
    }
    if line.len() < column || line.trim_start().starts_with('-') {
        let is_alone = next_indent >= column;
        return is_alone.then(|| Entry { term: line.trim().to_owned(), lines: Vec::new() });
    }
    None
}

#[test]
fn help_text_is_parsed_by_columns() {
    let help = parse(
        "prog: does it,\nand well\n\nUsage: prog [OPTIONS]\n\nA word is a\nfile.\n\n\
         Limits (of prog):\n  -t, --time T   How long it\n                 lasts [default: 5s].\n                 \
         Always\n      --very-long-name N\n                 Its number\n                     \
         n = 1\n      --on[=X]   Either\n  T is a time,\n  or 0.\n\n\
         Signals: TERM ends\n         it.\nExit codes: 0 done.\n",
    );
    assert_eq!(help.lead, "prog: does it, and well");
    let titles: Vec<&str> = help.sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!(titles, ["Usage", "Limits", "Signals", "Exit codes"]);
    assert_eq!(help.sections[0].blocks[1], Block::Text("A word is a file.".to_owned()));
    assert_eq!(help.sections[1].note, "Of prog.");
    assert_eq!(help.sections[2].blocks, [Block::Text("TERM ends it.".to_owned())]);
    let [Block::Entries(entries), Block::Text(text)] = &help.sections[1].blocks[..] else {
        panic!("{:?}", help.sections[1].blocks)
    };
    assert_eq!(text, "T is a time, or 0.");
    assert_eq!(entries[0].names(), ["-t", "--time"]);
    assert_eq!(entries[0].value(), ("T".to_owned(), false));
    let (default, meaning) = entries[0].default_and_meaning();
    assert_eq!((default.as_str(), &meaning[..]), ("5s", &["How long it lasts. Always".to_owned()][..]));
    assert_eq!(entries[1].names(), ["--very-long-name"]);
    assert_eq!(entries[1].lines, ["Its number", "    n = 1"]);
    assert_eq!((entries[2].names(), entries[2].value()), (vec!["--on"], ("X".to_owned(), true)));
}
