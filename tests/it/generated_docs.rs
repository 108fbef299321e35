//! Generated pages: the options of both programs and the limits in the code.
//!
//! Each test makes its page in memory and compares it with the file in docs/. A page that differs is
//! written again by `UPDATE_DOCS=1 cargo test --test it generated_docs`.

mod constants;
mod help;
mod limits;
mod options;

use std::fs;
use std::path::Path;

/// The first lines of a page.
fn page_head(title: &str, origin: &str) -> String {
    format!(
        "# {title}\n\n<!-- Generated. Do not edit: `UPDATE_DOCS=1 cargo test --test it generated_docs` \
         writes this page. -->\n\n{origin}\n"
    )
}

/// A Markdown table. A column without content is left out, except for the first.
fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let is_used = |column: usize| column == 0 || rows.iter().any(|row| !row[column].is_empty());
    let columns: Vec<usize> = (0..headings.len()).filter(|column| is_used(*column)).collect();
    let line = |cells: &dyn Fn(usize) -> String| {
        let text = columns.iter().map(|column| cells(*column));
        let text = text.map(|cell| if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") });
        format!("|{}\n", text.collect::<String>())
    };
    let rule: String = columns.iter().map(|_| "---|").collect();
    let body: String = rows.iter().map(|row| line(&|column| row[column].clone())).collect();
    format!("{}|{rule}\n{body}", line(&|column| headings[column].to_owned()))
}

/// Compares a page with its file, or writes the file if `UPDATE_DOCS` is set.
fn check_page(path: &str, page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, page).expect("docs/ can be written");
    }
    let present = fs::read_to_string(&file).unwrap_or_default();
    if present != page {
        let same = present.lines().zip(page.lines()).take_while(|(old, new)| old == new).count();
        panic!(
            "{path}:{} is out of date; run: UPDATE_DOCS=1 cargo test --test it generated_docs\n  is:        {}\n  \
             should be: {}",
            same + 1,
            present.lines().nth(same).unwrap_or("(the end)"),
            page.lines().nth(same).unwrap_or("(the end)"),
        );
    }
}
