//! Markup of chart parts; extreme numbers stay within the chart.
//!
//! Each part stands beside its input.

use proptest::prelude::*;

use super::*;
use crate::load::report::html::axis::AxisUnit;

/// Axes from 0 to 10: a position is ten times the value.
fn chart() -> Chart {
    let axis = |name| Axis::linear(name, 0.0, 10.0, AxisUnit::Count);
    Chart { id: "test", title: "A <test>", x: axis("along & on"), y: axis("up"), ..Chart::default() }
}

fn line(points: &[(f64, f64)]) -> ChartLine {
    ChartLine {
        name: "one".to_owned(),
        points: points.iter().copied().map(Some).collect(),
        ..ChartLine::default()
    }
}

#[test]
fn line_is_a_path_in_percent_from_the_top() {
    let svg = Chart { lines: vec![line(&[(0.0, 0.0), (5.0, 2.5), (10.0, 10.0)])], ..chart() }.figure();
    assert!(svg.contains("<path class=\"line l0\" d=\"M0 100L50 75L100 0\"/>"), "{svg}");
    assert!(!svg.contains("legend"), "one line needs none: {svg}");
    let filled = ChartLine { is_filled: true, ..line(&[(0.0, 5.0), (10.0, 5.0)]) };
    let svg = Chart { lines: vec![filled], ..chart() }.figure();
    assert!(svg.contains("<path class=\"area l0\" d=\"M0 100L0 50L100 50L100 100z\"/>"), "{svg}");
}

#[test]
fn line_is_broken_at_missing_points() {
    let points = vec![Some((0.0, 1.0)), None, None, Some((2.0, 1.0)), Some((3.0, 1.0)), None];
    let svg = Chart { lines: vec![ChartLine { points, ..line(&[]) }], ..chart() }.figure();
    assert!(svg.contains("d=\"M0 90M20 90L30 90\""), "{svg}");
}

#[test]
fn several_lines_have_own_styles_and_a_legend() {
    let dotted = |name: &str| {
        let dots = vec![ChartDot { x: 5.0, y: 5.0, tooltip: format!("{name} at five") }];
        ChartLine { name: name.to_owned(), dots, ..line(&[(0.0, 5.0), (10.0, 5.0)]) }
    };
    let svg = Chart { lines: vec![dotted("a"), dotted("b<")], ..chart() }.figure();
    for part in [
        "<path class=\"line l1\" d=\"M0 50L100 50\"/>",
        "<svg class=\"dot\" x=\"50%\" y=\"50%\"><title>b&lt; at five</title><path class=\"l1\" d=\"M-3-3h6v6h-6z\"/></svg>",
        "</svg>b&lt;</li>",
    ] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
    assert_eq!(svg.matches("<li>").count(), 2);
}

#[test]
fn marks_are_placed_by_value() {
    let marks = vec![ChartMark { at: 9.0, name: "p99".to_owned() }];
    let svg = Chart { marks, ..chart() }.figure();
    assert!(svg.contains("<text class=\"mark end\" x=\"90%\""), "{svg}");
}

#[test]
fn chart_has_axis_names_title_and_description() {
    let svg = Chart { description: "from 0 to <10>".to_owned(), ..chart() }.figure();
    for part in [
        "<svg class=\"plot\" role=\"img\" aria-labelledby=\"test-title test-words\">",
        "<title id=\"test-title\">A &lt;test&gt;</title>",
        "<desc id=\"test-words\">from 0 to &lt;10&gt;</desc>",
        "<text class=\"x spare\" x=\"20%\" y=\"100%\" dy=\"1.5em\">2</text>",
        "<text class=\"y\" x=\"0\" y=\"80%\" dx=\"-.6em\" dy=\".35em\">2</text>",
        ">along &amp; on</text>",
        ">up</text>",
    ] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
}

#[test]
fn line_of_100000_points_is_thinned() {
    let points: Vec<_> = (0..100_000).map(|at| (f64::from(at) / 1e4, f64::from(at) / 1e4)).collect();
    let svg = Chart { lines: vec![line(&points)], ..chart() }.figure();
    assert!(svg.len() < 40_000, "{}", svg.len());
    assert!(svg.contains("L100 0\"/>"), "the last point stays");
}

proptest! {
    #[test]
    fn chart_of_any_numbers_stays_within_its_area(
        points in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..20), to in any::<f64>(),
    ) {
        let mut chart = chart();
        chart.x = Axis::linear("x", 0.0, to, AxisUnit::Time);
        chart.y = Axis::times("y", points.iter().map(|(_, y)| *y));
        chart.lines = vec![ChartLine { is_filled: true, ..line(&points) }];
        let svg = chart.figure();
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", svg);
        let places = svg.split("%\"").filter_map(|part| part.rsplit_once('"')?.1.parse::<f64>().ok());
        for place in places {
            prop_assert!((-100.0..=100.0).contains(&place), "{} in {}", place, svg);
        }
    }
}
