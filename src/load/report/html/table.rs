//! Tables of a page, and lists of figures: every cell is text, and is written as text.
//!
//! A table is as wide as it must be and scrolls within itself. It knows nothing of runs.

use super::escaped;

/// A table with a row for each `T`; each column says what of it stands in a row.
pub(in crate::load) struct Table<'a, T> {
    items: Vec<T>,
    html: TableHtml<'a>,
}

/// The text of a table. It knows no `T`, so that its code is in the program once.
struct TableHtml<'a> {
    caption: &'a str,
    head: String,
    rows: Vec<String>,
}

impl<'a, T> Table<'a, T> {
    /// Without columns. The first cell of a row is its heading.
    pub(in crate::load) fn new(caption: &'a str, items: Vec<T>) -> Self {
        let rows = vec![String::new(); items.len()];
        Self { items, html: TableHtml { caption, head: String::new(), rows } }
    }

    /// A column from the left, short.
    pub(in crate::load) fn text(self, name: &str, cell: fn(&T) -> String) -> Self {
        self.column(name, "", &cell)
    }

    /// A column from the left, and so long that it may break anywhere.
    pub(in crate::load) fn long(self, name: &str, cell: fn(&T) -> String) -> Self {
        self.column(name, " class=\"long\"", &cell)
    }

    /// A column to the right, so that digits stand below one another.
    pub(in crate::load) fn number(self, name: &str, cell: impl Fn(&T) -> String) -> Self {
        self.column(name, " class=\"number\"", &cell)
    }

    fn column(mut self, name: &str, class: &str, cell: &dyn Fn(&T) -> String) -> Self {
        let cells = self.items.iter().map(cell).collect();
        self.html.add_column(name, class, cells);
        self
    }

    /// The table; nothing, if there are no rows.
    pub(in crate::load) fn to_html(&self) -> String {
        self.html.render()
    }
}

impl TableHtml<'_> {
    fn add_column(&mut self, name: &str, class: &str, cells: Vec<String>) {
        self.head += &format!("<th scope=\"col\"{class}>{}</th>", escaped(name));
        for (row, cell) in self.rows.iter_mut().zip(cells) {
            let cell = escaped(&cell);
            *row += &match row.is_empty() {
                true => format!("<th scope=\"row\"{class}>{cell}</th>"),
                false => format!("<td{class}>{cell}</td>"),
            };
        }
    }

    fn render(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let (caption, head) = (escaped(self.caption), &self.head);
        let rows = self.rows.iter().map(|row| format!("<tr>{row}</tr>\n")).collect::<String>();
        format!(
            "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n\
             <caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
        )
    }
}

/// Names and what belongs to each, one below the other.
pub(in crate::load) fn list(entries: &[(&str, String)]) -> String {
    let entries = entries
        .iter()
        .map(|(name, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value)));
    format!("<dl class=\"list\">\n{}</dl>\n", entries.collect::<String>())
}

/// A figure that is to be seen at once, with words about it, which may be empty.
pub(in crate::load) fn tile(name: &str, figure: &str, words: &str) -> String {
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
