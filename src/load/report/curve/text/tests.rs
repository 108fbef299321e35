//! Golden texts of synthetic searches.
//!
//! The text tests of a run explain how to write them anew.

use super::*;
use crate::load::report::text::tests::compare;
use crate::load::search::curve::tests::{client_bound_curve, found_curve, nothing};

#[test]
fn text_of_search_has_outcome_steps_and_reasons() {
    compare("../curve/text/found.txt", &text(&found_curve()));
}

#[test]
fn text_of_client_bound_search_names_the_client() {
    compare("../curve/text/gave_out.txt", &text(&client_bound_curve()));
}

#[test]
fn text_of_search_without_steps_is_complete() {
    compare("../curve/text/nothing.txt", &text(&nothing()));
}
