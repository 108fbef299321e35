//! Golden texts: what a person reads of searches that are made up.
//!
//! They are compared, and written anew, as those of a run are.

use super::*;
use crate::load::report::text::tests::compare;
use crate::load::search::curve::tests::{client_bound_curve, found_curve, nothing};

#[test]
fn what_was_found_comes_first_then_the_curve_then_why_not() {
    compare("../curve/text/found.txt", &text(&found_curve()));
}

#[test]
fn a_generator_that_gave_out_is_named() {
    compare("../curve/text/gave_out.txt", &text(&client_bound_curve()));
}

#[test]
fn a_search_without_steps_has_a_report_too() {
    compare("../curve/text/nothing.txt", &text(&nothing()));
}
