//! Tables of a page, and lists of figures: every cell is text, and is written as text.
//!
//! A table is as wide as it must be and scrolls within itself. It knows nothing of runs.

use super::escaped;

/// How the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum Column {
    /// From the left, short.
    Text(&'static str),
    /// From the left, and so long that it may break anywhere.
    Long(&'static str),
    /// To the right, so that digits stand below one another.
    Number(&'static str),
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Long(name) | Self::Number(name) => name,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Text(_) => "",
            Self::Long(_) => " class=\"long\"",
            Self::Number(_) => " class=\"number\"",
        }
    }
}

/// A table; the first cell of a row is its heading. Nothing, if there are no rows.
pub(in crate::load) fn table(caption: &str, columns: &[Column], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let caption = escaped(caption);
    let head = columns
        .iter()
        .map(|column| format!("<th scope=\"col\"{}>{}</th>", column.class(), escaped(column.name())));
    format!(
        "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n\
         <caption>{caption}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n</div>\n",
        head.collect::<String>(),
        rows.iter().map(|cells| row(columns, cells)).collect::<String>()
    )
}

fn row(columns: &[Column], cells: &[String]) -> String {
    let cells = columns.iter().zip(cells).enumerate().map(|(index, (column, cell))| {
        let (class, cell) = (column.class(), escaped(cell));
        match index {
            0 => format!("<th scope=\"row\"{class}>{cell}</th>"),
            _ => format!("<td{class}>{cell}</td>"),
        }
    });
    format!("<tr>{}</tr>\n", cells.collect::<String>())
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
        let columns = [Column::Text("a<b"), Column::Number("n")];
        let text = table("<c>", &columns, &[vec!["<td>".to_owned(), "1".to_owned()]]);
        assert!(text.contains("<th scope=\"row\">&lt;td&gt;</th><td class=\"number\">1</td>"), "{text}");
        assert!(text.contains("<th scope=\"col\">a&lt;b</th><th scope=\"col\" class=\"number\">n</th>"));
        assert!(text.contains("<caption>&lt;c&gt;</caption>"), "{text}");
        assert_eq!(table("c", &columns, &[]), "");
        assert_eq!(
            list(&[("a&b", "<i>".to_owned())]),
            "<dl class=\"list\">\n<div><dt>a&amp;b</dt><dd>&lt;i&gt;</dd></div>\n</dl>\n"
        );
        assert_eq!(tile("p99", "1 <ms>", ""), "<div><dt>p99</dt><dd>1 &lt;ms&gt;</dd></div>\n");
        assert!(tile("p99", "1", "w>").contains("<dd class=\"words\">w&gt;</dd>"));
    }
}
