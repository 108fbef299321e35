//! Tables, as text and as HTML, where a wide table scrolls within itself.
//!
//! Never knows runs: the reports of a search use them too.

use crate::text::{HtmlText, printable};

/// Narrower columns of different tables would not line up.
const COLUMN_LEN_MIN: usize = 10;

#[derive(Clone, Copy, PartialEq)]
enum ColumnKind {
    Text,
    /// Right-aligned, so digits line up.
    Number,
    /// May break anywhere; in text the last.
    Long,
}

struct Column {
    kind: ColumnKind,
    name: String,
    cells: Vec<String>,
}

pub(crate) struct Table<'a, T> {
    items: Vec<T>,
    caption: &'a str,
    columns: Vec<Column>,
}

impl<'a, T> Table<'a, T> {
    pub(crate) fn new(caption: &'a str, items: Vec<T>) -> Self {
        Self { items, caption, columns: Vec::new() }
    }

    pub(crate) fn text(self, name: &str, cell: impl Fn(&T) -> String) -> Self {
        self.column(name, ColumnKind::Text, &cell)
    }

    pub(crate) fn long(self, name: &str, cell: impl Fn(&T) -> String) -> Self {
        self.column(name, ColumnKind::Long, &cell)
    }

    pub(crate) fn number(self, name: &str, cell: impl Fn(&T) -> String) -> Self {
        self.column(name, ColumnKind::Number, &cell)
    }

    fn column(mut self, name: &str, kind: ColumnKind, cell: &dyn Fn(&T) -> String) -> Self {
        let cells = self.items.iter().map(cell).collect();
        self.columns.push(Column { kind, name: name.to_owned(), cells });
        self
    }

    /// Empty without items, like the HTML.
    pub(crate) fn to_text(&self) -> String {
        let mut columns: Vec<_> = self.columns.iter().collect();
        columns.sort_by_key(|column| column.kind == ColumnKind::Long);
        let line = |row: usize| {
            let cells: Vec<_> = columns.iter().map(|column| column.padded(row)).collect();
            cells.join(" ").trim_end().to_owned() + "\n"
        };
        let rows = if self.items.is_empty() { 0 } else { self.items.len() + 1 };
        (0..rows).map(line).collect()
    }

    pub(crate) fn to_html(&self) -> String {
        if self.items.is_empty() {
            return String::new();
        }
        let columns = || self.columns.iter();
        let head =
            columns().map(|its| format!("<th scope=\"col\"{}>{}</th>", its.class(), escaped(&its.name)));
        let row = |row: usize| {
            let cells = columns().enumerate().map(|(index, its)| {
                let (cell, class) = (escaped(&its.cells[row]), its.class());
                match index {
                    0 => format!("<th scope=\"row\"{class}>{cell}</th>"),
                    _ => format!("<td{class}>{cell}</td>"),
                }
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        let (caption, head) = (escaped(self.caption), head.collect::<String>());
        let rows = (0..self.items.len()).map(row).collect::<String>();
        format!(
            "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n\
             <caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
        )
    }
}

impl Column {
    /// Row 0 has the names.
    fn padded(&self, row: usize) -> String {
        let cell = |row: usize| row.checked_sub(1).map_or(&self.name, |row| &self.cells[row]);
        let lens = (0..=self.cells.len()).map(|row| cell(row).chars().count());
        let len = lens.fold(COLUMN_LEN_MIN, usize::max);
        match self.kind {
            ColumnKind::Text => format!("{:len$}", cell(row)),
            ColumnKind::Number => format!("{:>len$}", cell(row)),
            ColumnKind::Long => format!(" {}", cell(row)),
        }
    }

    fn class(&self) -> &'static str {
        match self.kind {
            ColumnKind::Text => "",
            ColumnKind::Number => " class=\"number\"",
            ColumnKind::Long => " class=\"long\"",
        }
    }
}

/// Deceptive characters become U+FFFD: a saved run may be another person's.
pub(crate) fn escaped(text: &str) -> String {
    HtmlText(&printable(text.as_bytes())).to_string()
}

pub(crate) fn list(entries: &[(&str, String)]) -> String {
    let entries = entries
        .iter()
        .map(|(name, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value)));
    format!("<dl class=\"list\">\n{}</dl>\n", entries.collect::<String>())
}

pub(crate) fn tile(name: &str, figure: &str, words: &str) -> String {
    let words =
        if words.is_empty() { String::new() } else { format!("<dd class=\"words\">{}</dd>", escaped(words)) };
    format!("<div><dt>{}</dt><dd>{}</dd>{words}</div>\n", escaped(name), escaped(figure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_list_and_tile_escape_every_cell() {
        let table = |items: &[(&str, u8)]| {
            let table = Table::new("<c>", items.to_vec()).text("a<b", |(text, _)| (*text).to_owned());
            table.number("n", |(_, number)| number.to_string()).to_html()
        };
        let text = table(&[("<td>", 1)]);
        assert!(text.contains("<th scope=\"row\">&lt;td&gt;</th><td class=\"number\">1</td>"), "{text}");
        assert!(text.contains("<th scope=\"col\">a&lt;b</th><th scope=\"col\" class=\"number\">n</th>"));
        assert!(text.contains("<caption>&lt;c&gt;</caption>"), "{text}");
        assert_eq!(table(&[]), "");
        assert_eq!(
            list(&[("a&b", "<i>".to_owned())]),
            "<dl class=\"list\">\n<div><dt>a&amp;b</dt><dd>&lt;i&gt;</dd></div>\n</dl>\n"
        );
        assert_eq!(tile("p99", "1 <ms>", ""), "<div><dt>p99</dt><dd>1 &lt;ms&gt;</dd></div>\n");
        assert!(tile("p99", "1", "w>").contains("<dd class=\"words\">w&gt;</dd>"));
    }
}
