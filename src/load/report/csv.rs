//! CSV report: the figures of the JSON report, one a line (RFC 4180).
//!
//! A name is the path in that report. An array's element has its first known member as its name, or its index.

use serde::Serialize;
use serde_json::{Value, json};

/// Members that tell the elements of an array apart.
const NAMING: [&str; 6] = ["name", "status", "failure", "url", "start_secs", "step"];

/// CSV of a report; null is an empty cell.
pub(super) fn csv(report: &impl Serialize) -> String {
    let mut csv = "name,value\r\n".to_owned();
    append(&mut csv, "", &json!(report));
    csv
}

fn append(csv: &mut String, name: &str, value: &Value) {
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| append(csv, &below(key), value)),
        Value::Array(elements) => elements.iter().enumerate().for_each(|(index, element)| {
            let naming = NAMING.iter().find_map(|member| element.get(member)).map(bare);
            append(csv, &below(&naming.unwrap_or(index.to_string())), element);
        }),
        value => csv.push_str(&format!("{},{}\r\n", cell(name), cell(&bare(value)))),
    }
}

fn bare(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn cell(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ReportFormat;
    use super::*;
    use crate::load::stats::summary::tests::{empty_summary, info, stalling};

    #[test]
    fn csv_report_has_all_figures_of_json() {
        let text = ReportFormat::Csv.render(&stalling(), None);
        assert!(text.starts_with("name,value\r\n"), "{text}");
        assert!(text.lines().count() > 60, "{text}");
        for line in [
            "requests.sent,2007",
            "requests.bad_statuses,0",
            "statuses.200.count,2000",
            "failures.timed-out.count,2",
            "run.wall_secs,10.0",
            "run.setup.keep_alive,true",
            "run.setup.seed,",
            "run.course.schedule,200/s",
            "client.waited_share,0.05",
            "slices.3.0.bad_statuses,0",
            "validity.valid,true",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
        }
        let text = ReportFormat::Csv.render(&empty_summary(info()), None);
        assert!(text.contains("\r\nlatency,\r\n") && text.contains("\r\nanswers_per_sec,0.0\r\n"), "{text}");
    }

    #[test]
    fn csv_cell_with_comma_or_quote_is_quoted() {
        assert_eq!(csv(&json!({"/a,\"b\"": ["x,y"]})), "name,value\r\n\"/a,\"\"b\"\".0\",\"x,y\"\r\n");
    }
}
