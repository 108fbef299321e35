//! SVG chart with a text description.
//!
//! Positions are in percent and text has the page's size, to fit any screen without a script.

use super::axis::Axis;
use crate::load::report::table::escaped;

/// Number of styles in `style.css` and of [`DOT_SHAPES`].
const SERIES_STYLES: usize = 4;
/// Disc, square, triangle, diamond.
const DOT_SHAPES: [&str; SERIES_STYLES] = [
    "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",
    "M-3-3h6v6h-6z",
    "M0-4l4 7h-8z",
    "M0-4.5l4 4.5-4 4.5-4-4.5z",
];
/// Beyond it, a mark's name may not fit on the right.
const MARK_NAME_FLIP_PERCENT: f64 = 60.0;
/// Points closer than this percentage are indistinguishable.
const POINT_GAP: f64 = 0.1;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChartDot {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) tooltip: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ChartLine {
    pub(crate) name: String,
    /// `None` breaks the line.
    pub(crate) points: Vec<Option<(f64, f64)>>,
    pub(crate) dots: Vec<ChartDot>,
    pub(crate) is_filled: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChartMark {
    pub(crate) at: f64,
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chart {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// For readers who cannot see the chart.
    pub(crate) description: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<ChartLine>,
    pub(crate) marks: Vec<ChartMark>,
}

impl Chart {
    pub(crate) fn figure(&self) -> String {
        let layers = [
            self.grid(),
            self.paths(),
            self.marks.iter().enumerate().map(|(index, mark)| self.mark(index, mark)).collect(),
            self.lines.iter().enumerate().map(|(index, line)| self.dots(index, line)).collect(),
            self.labels(),
        ]
        .concat();
        let (id, title, description) = (self.id, escaped(self.title), escaped(&self.description));
        let legend = self.legend();
        format!(
            "<figure class=\"chart\" id=\"{id}\">\n<figcaption>{title}</figcaption>\n{legend}<svg class=\"plot\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-words\">\n<title id=\"{id}-title\">{title}</title>\n\
             <desc id=\"{id}-words\">{description}</desc>\n{layers}</svg>\n</figure>\n"
        )
    }

    fn legend(&self) -> String {
        if self.lines.len() < 2 {
            return String::new();
        }
        let entry = |(index, line): (usize, &ChartLine)| {
            let (look, dot) = (index % SERIES_STYLES, dot(index, "16", "6", ""));
            let name = escaped(&line.name);
            format!(
                "<li><svg class=\"swatch\" aria-hidden=\"true\"><path class=\"line l{look}\" d=\"M0 6h32\"/>{dot}</svg>\
                 {name}</li>\n"
            )
        };
        let entries = self.lines.iter().enumerate().map(entry).collect::<String>();
        format!("<ul class=\"legend\">\n{entries}</ul>\n")
    }

    fn grid(&self) -> String {
        let upright = self.x.ticks().map(|(place, label)| upright(grid_class(label), &percent(place)));
        let level = self.y.ticks().map(|(place, label)| {
            let y = percent(100.0 - place);
            format!("<line class=\"{}\" x1=\"0\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>", grid_class(label))
        });
        let base = "<line class=\"base\" x1=\"0\" x2=\"100%\" y1=\"100%\" y2=\"100%\"/>\n";
        format!("{}\n{}\n{base}", upright.collect::<String>(), level.collect::<String>())
    }

    fn paths(&self) -> String {
        let paths = self.lines.iter().enumerate().map(|(index, line)| self.path(index % SERIES_STYLES, line));
        let paths = paths.collect::<String>();
        if paths.is_empty() {
            return paths;
        }
        format!(
            "<svg class=\"lines\" viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" width=\"100%\" \
             height=\"100%\">\n{paths}</svg>\n"
        )
    }

    fn path(&self, look: usize, line: &ChartLine) -> String {
        let (mut path, mut area) = (String::new(), String::new());
        for run in line.points.split(Option::is_none) {
            let run = self.thinned(run);
            let points: Vec<_> =
                run.iter().map(|(x, y)| format!("{} {}", format_decimal(*x), format_decimal(*y))).collect();
            let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) else { continue };
            let (points, [first, last]) = (points.join("L"), [*first, *last].map(format_decimal));
            path += &format!("M{points}");
            area += &format!("M{first} 100L{points}L{last} 100z");
        }
        let shape = |class: &str, data: &str| match data {
            "" => String::new(),
            data => format!("<path class=\"{class} l{look}\" d=\"{data}\"/>\n"),
        };
        shape("area", if line.is_filled { &area } else { "" }) + &shape("line", &path)
    }

    fn thinned(&self, points: &[Option<(f64, f64)>]) -> Vec<(f64, f64)> {
        let mut points_kept: Vec<(f64, f64)> = Vec::new();
        let places = points.iter().flatten().map(|(x, y)| (self.x.position(*x), 100.0 - self.y.position(*y)));
        let (count, near) = (points.len(), |one: f64, other: f64| (one - other).abs() < POINT_GAP);
        for (index, (x, y)) in places.enumerate() {
            let is_apart = points_kept.last().is_none_or(|last| !near(last.0, x) || !near(last.1, y));
            if is_apart || index + 1 == count {
                points_kept.push((x, y));
            }
        }
        points_kept
    }

    /// Names of neighbours differ in height, as marks may be close.
    fn mark(&self, index: usize, mark: &ChartMark) -> String {
        let place = self.x.position(mark.at);
        let (x, name) = (percent(place), escaped(&mark.name));
        let (end, aside) = if place > MARK_NAME_FLIP_PERCENT { (" end", -5) } else { ("", 5) };
        let down = 1.1 + 1.4 * (index % 3) as f64;
        format!(
            "{}<text class=\"mark{end}\" x=\"{x}\" y=\"0\" dx=\"{aside}\" dy=\"{down:.1}em\">{name}</text>\n",
            upright("mark", &x)
        )
    }

    fn dots(&self, index: usize, line: &ChartLine) -> String {
        let dots = line.dots.iter().map(|its| {
            let (x, y) = (percent(self.x.position(its.x)), percent(100.0 - self.y.position(its.y)));
            dot(index, &x, &y, &its.tooltip)
        });
        dots.collect()
    }

    fn labels(&self) -> String {
        fn labelled(axis: &Axis) -> impl Iterator<Item = (f64, &str)> {
            axis.ticks().filter(|(_, label)| !label.is_empty())
        }
        let count = labelled(&self.x).count();
        let along = labelled(&self.x).enumerate().map(|(index, (place, label))| {
            // Narrow screens leave out every other label.
            let spare = if index % 2 == 1 && count > 4 { " spare" } else { "" };
            let x = percent(place);
            format!("<text class=\"x{spare}\" x=\"{x}\" y=\"100%\" dy=\"1.5em\">{}</text>", escaped(label))
        });
        let up = labelled(&self.y).map(|(place, label)| {
            let y = percent(100.0 - place);
            format!("<text class=\"y\" x=\"0\" y=\"{y}\" dx=\"-.6em\" dy=\".35em\">{}</text>", escaped(label))
        });
        let (along, up) = (along.collect::<String>(), up.collect::<String>());
        let (x_name, y_name) = (escaped(self.x.name), escaped(self.y.name));
        format!(
            "{along}\n{up}\n<text class=\"name\" x=\"0\" y=\"0\" dx=\"-3.6em\" dy=\"-1em\">{y_name}</text>\
             <text class=\"name end\" x=\"100%\" y=\"100%\" dy=\"2.9em\">{x_name}</text>\n"
        )
    }
}

fn dot(index: usize, x: &str, y: &str, title: &str) -> String {
    let look = index % SERIES_STYLES;
    let shape = DOT_SHAPES.get(look).copied().unwrap_or_default();
    let title = if title.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(title)) };
    format!("<svg class=\"dot\" x=\"{x}\" y=\"{y}\">{title}<path class=\"l{look}\" d=\"{shape}\"/></svg>\n")
}

fn upright(class: &str, x: &str) -> String {
    format!("<line class=\"{class}\" x1=\"{x}\" x2=\"{x}\" y1=\"0\" y2=\"100%\"/>")
}

fn grid_class(label: &str) -> &'static str {
    if label.is_empty() { "thin" } else { "grid" }
}

fn percent(place: f64) -> String {
    format!("{}%", format_decimal(place))
}

/// Two decimals are finer than a pixel of the widest screen.
fn format_decimal(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
