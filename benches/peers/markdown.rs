//! A table in Markdown that can also be read as it is: its columns are as wide as what is in them.
//!
//! The first column is text, the others are numbers and stand to the right. It knows nothing of what
//! they mean.

use std::fmt;

/// A reason longer than this stands beneath the table.
const REASON_MAX: usize = 16;

/// Lines of cells, of which the first is the heading, and what is said beneath.
pub(crate) struct Markdown {
    lines: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Markdown {
    /// A table with these columns and no lines.
    pub(crate) fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self { lines: vec![columns.into_iter().map(Into::into).collect()], notes: Vec::new() }
    }

    /// Adds a line; cells that it does not have are empty.
    pub(crate) fn line<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        cells.resize(self.lines[0].len(), String::new());
        self.lines.push(cells);
    }

    /// Adds a line that has a reason in place of figures.
    pub(crate) fn reason(&mut self, name: &str, reason: &str) {
        if reason.len() <= REASON_MAX {
            return self.line([name, reason]);
        }
        self.line([name, "left out"]);
        self.note(&format!("{name} is left out: {reason}"));
    }

    /// Says something beneath.
    pub(crate) fn note(&mut self, text: &str) {
        self.notes.push(format!("- {text}"));
    }
}

impl fmt::Display for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..self.lines[0].len()).map(|column| width(column).unwrap_or(0)).collect();
        for (number, line) in self.lines.iter().enumerate() {
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                if column == 0 { write!(f, "| {cell:<width$} ")? } else { write!(f, "| {cell:>width$} ")? }
            }
            writeln!(f, "|")?;
            if number == 0 {
                for (column, width) in widths.iter().enumerate() {
                    write!(f, "|{}{}", "-".repeat(width + 1), if column == 0 { '-' } else { ':' })?;
                }
                writeln!(f, "|")?;
            }
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
