//! The page of a search is well formed, self-contained and complete.
//!
//! The checks are those of the run page.

use super::*;
use crate::load::report::curve::{json, text};
use crate::load::report::html::tests::{external_references, markup_errors};
use crate::load::report::tables::percentile as shown;
use crate::load::search::bracket::tests::outcome;
use crate::load::search::curve::tests::{client_bound_curve, found_curve, nothing};

/// Searches of all kinds.
fn curves() -> Vec<Curve> {
    let hostile = "G<ET http://x/\"><script>alert(1)</script>&\u{202e}";
    let single = Curve { steps: found_curve().steps[..1].to_vec(), ..found_curve() };
    let unanswered = Curve { steps: client_bound_curve().steps[..1].to_vec(), ..client_bound_curve() };
    let not_met = Curve { answer: outcome(SearchEnd::NotMet, None, Some(1.0)), ..unanswered.clone() };
    let hostile = Curve {
        target: hostile.to_owned(),
        objective: hostile.to_owned(),
        latency_limit: None,
        ..found_curve()
    };
    vec![found_curve(), client_bound_curve(), nothing(), single, unanswered, not_met, hostile]
}

#[test]
fn html_of_any_search_is_well_formed_and_self_contained() {
    for curve in curves() {
        let page = html(&curve);
        assert_eq!(markup_errors(&page), [""; 0], "{}", text(&curve));
        assert_eq!(external_references(&page), [""; 0], "{}", text(&curve));
        assert!(!page.contains("NaN") && !page.contains("inf%"), "{}", text(&curve));
    }
}

#[test]
fn html_of_search_has_a_row_per_step_and_the_outcome() {
    for curve in curves() {
        let page = html(&curve);
        assert!(page.contains(&escaped(&curve.in_words())), "{page}");
        assert_eq!(page.matches("<th scope=\"row\"").count(), curve.steps.len());
        for step in &curve.steps {
            assert!(page.contains(&format!(">{}</th>", rate(step.rate))), "{page}");
            assert!(
                PERCENTILES_SHOWN
                    .iter()
                    .all(|name| page.contains(&format!(">{}</td>", shown(step.latency.as_ref(), name)))),
                "{page}"
            );
        }
    }
}

#[test]
fn search_chart_has_lines_for_percentiles_and_objective() {
    let names = |curve: &Curve| {
        let lines = chart(curve).map(|chart| chart.lines).unwrap_or_default();
        lines.into_iter().map(|line| (line.name, line.dots.len())).collect::<Vec<_>>()
    };
    let dots = found_curve().deciding_steps().len();
    let line = |name: &str, dots| (name.to_owned(), dots);
    let all = [line("p50", dots), line("p99", dots), line("p99.9", dots), line("objective: p99<10ms", 0)];
    assert_eq!(names(&found_curve()), all);
    assert_eq!(names(&nothing()), []);
    assert_eq!(names(&curves()[4]), [], "nothing was answered");
}

#[test]
fn search_chart_marks_met_rate_and_limit() {
    let marks = |curve: &Curve| chart(curve).map(|chart| chart.marks).unwrap_or_default();
    let names = |curve: &Curve| marks(curve).into_iter().map(|mark| mark.name).collect::<Vec<_>>();
    assert_eq!(names(&found_curve()), ["872/s meets", "911/s misses"]);
    assert_eq!(names(&client_bound_curve()), ["800/s meets", "820/s client's limit"]);
    assert!(json(&client_bound_curve()).contains("client-bound"));
}
