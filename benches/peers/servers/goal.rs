//! What this project wants of a figure, and whether it has come to that.
//!
//! Pure: it compares numbers and finds words.

/// One of the goals of a row; all are upper bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// So many times what the floor takes.
    Floor(f64),
    /// So many times what the best peer takes.
    BestPeer(f64),
    /// So much, in the unit of the row.
    AtMost(f64, &'static str),
}

/// What this project's server has come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    pub(crate) to_floor: f64,
    pub(crate) to_best_peer: f64,
    pub(crate) value: f64,
}

impl Goal {
    /// The goal, the figure, and met or not met.
    pub(crate) fn judge(self, reached: Reached) -> String {
        let (goal, value, bound) = match self {
            Self::Floor(bound) => (format!("≤ {bound:.2} × floor"), reached.to_floor, bound),
            Self::BestPeer(bound) => (format!("≤ {bound:.2} × best peer"), reached.to_best_peer, bound),
            Self::AtMost(bound, unit) => (format!("≤ {bound} {unit}"), reached.value, bound),
        };
        let verdict = match value {
            value if value.is_nan() => "cannot be said".to_owned(),
            value if value <= bound => format!("{value:.3}, met"),
            value => format!("{value:.3}, **not met**"),
        };
        format!("{goal}: {verdict}")
    }
}

/// All of them, in one line.
pub(crate) fn judge_all(goals: &[Goal], reached: Reached) -> String {
    let said: Vec<String> = goals.iter().map(|goal| goal.judge(reached)).collect();
    said.join("; ")
}
