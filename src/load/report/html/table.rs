//! HTML tables and lists, escaped; a wide table scrolls within itself.
//!
//! Never knows runs: the page of a search uses them too.

use super::escaped;

pub(in crate::load) struct Table<'a, T> {
    items: Vec<T>,
    caption: &'a str,
    head: String,
    rows: Vec<String>,
}

impl<'a, T> Table<'a, T> {
    pub(in crate::load) fn new(caption: &'a str, items: Vec<T>) -> Self {
        let rows = vec![String::new(); items.len()];
        Self { items, caption, head: String::new(), rows }
    }

    pub(in crate::load) fn text(self, name: &str, cell: fn(&T) -> String) -> Self {
        self.column(name, "", &cell)
    }

    /// Left-aligned, may break anywhere.
    pub(in crate::load) fn long(self, name: &str, cell: fn(&T) -> String) -> Self {
        self.column(name, " class=\"long\"", &cell)
    }

    /// Right-aligned, so digits line up.
    pub(in crate::load) fn number(self, name: &str, cell: impl Fn(&T) -> String) -> Self {
        self.column(name, " class=\"number\"", &cell)
    }

    fn column(mut self, name: &str, class: &str, cell: &dyn Fn(&T) -> String) -> Self {
        self.head += &format!("<th scope=\"col\"{class}>{}</th>", escaped(name));
        for (row, item) in self.rows.iter_mut().zip(&self.items) {
            let cell = escaped(&cell(item));
            *row += &match row.is_empty() {
                true => format!("<th scope=\"row\"{class}>{cell}</th>"),
                false => format!("<td{class}>{cell}</td>"),
            };
        }
        self
    }

    pub(in crate::load) fn to_html(&self) -> String {
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

pub(in crate::load) fn list(entries: &[(&str, String)]) -> String {
    let entries = entries
        .iter()
        .map(|(name, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value)));
    format!("<dl class=\"list\">\n{}</dl>\n", entries.collect::<String>())
}

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
