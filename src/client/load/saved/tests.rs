//! What is saved is read back whole; runs add up by their histograms; other files are refused in words.
//!
//! Files are texts in memory: cut, changed and foreign ones are among them.

use proptest::prelude::*;

use super::super::report::Format;
use super::super::summary::tests::{conditions, stalling_metrics};
use super::super::validity::{ClientBound, Remark};
use super::*;

fn run(urls: usize) -> Run {
    let urls_named = (0..urls).map(|number| format!("http://localhost/{number}")).collect();
    Run { metrics: stalling_metrics(urls), conditions: Conditions { urls: urls_named, ..conditions() } }
}

#[test]
fn what_is_saved_is_read_back_whole() {
    for urls in [0, 3] {
        let run = run(urls);
        assert_eq!(Run::read(&run.write()), Ok(run));
    }
    let closed = Conditions { pacing: Pacing::Closed, was_interrupted: true, ..conditions() };
    let run = Run { conditions: closed, ..run(0) };
    assert_eq!(Run::read(&run.write()), Ok(run));
}

#[test]
fn a_file_from_before_there_were_sums_is_read() {
    let text = run(0).write();
    let older = text.replace("\"merged\":null,", "");
    assert_ne!(older, text);
    assert_eq!(Run::read(&older), Ok(run(0)));
}

#[test]
fn runs_of_several_machines_add_up_by_their_histograms() {
    let (mut sum, other) = (run(3), run(3));
    sum.merge(&other).expect("they add up");
    let (one, both) = (other.summary(), sum.summary());
    assert_eq!((both.totals.sent, both.rate), (2 * one.totals.sent, 2.0 * one.rate));
    assert_eq!((both.cpu_share, both.conditions.concurrency), (one.cpu_share, 100));
    let percentiles = |summary: &Summary| summary.corrected.map(|spread| spread.percentiles_us);
    assert_eq!(percentiles(&both), percentiles(&one), "the same latencies twice");
    assert_eq!(both.conditions.target, "GET http://localhost:8080/");
}

#[test]
fn a_sum_is_as_valid_as_the_least_of_its_runs() {
    let bound = Conditions { cpu_busiest: conditions().wall, ..conditions() };
    let longer = Conditions { wall: 3 * conditions().wall, ..conditions() };
    let (bound, longer) = (Run { conditions: bound, ..run(0) }, Run { conditions: longer, ..run(0) });
    for (first, other) in [(&bound, &longer), (&longer, &bound)] {
        let mut sum = first.clone();
        sum.merge(other).expect("they add up");
        sum.merge(&run(0)).expect("they add up");
        let sum = Run::read(&sum.write()).expect("it is read back");
        let validity = sum.summary().validity;
        let hidden = "its share of the CPU time is no more seen in the sum";
        assert_eq!(validity.reasons, [ClientBound::Merged { runs: 1, of: 3 }], "{hidden}");
        let (shortest, longest) = (conditions().wall, 3 * conditions().wall);
        let unequal = Remark::Unequal { shortest, longest };
        assert!(validity.remarks.contains(&unequal), "{:?}", validity.remarks);
    }
}

#[test]
fn a_sum_says_of_how_many_runs_it_is_and_whether_they_met() {
    let mut sum = run(0);
    let began = conditions().started_unix_secs;
    let later = |secs| Conditions { started_unix_secs: began + secs, ..conditions() };
    sum.merge(&Run { conditions: later(9), ..run(0) }).expect("they add up");
    assert_eq!(sum.summary().validity.remarks, []);
    assert!(Format::Text.render(&sum.summary()).contains(", 2 runs as one\n"));
    let mut both = sum.clone();
    both.merge(&sum).expect("they add up");
    assert!(Format::Json.render(&both.summary()).contains("\"runs\": 4"));
    sum.merge(&Run { conditions: later(10), ..run(0) }).expect("they add up");
    assert_eq!(sum.summary().validity.remarks, [Remark::Apart { secs: 10 }]);
}

#[test]
fn runs_that_do_not_add_up_say_why() {
    let mut sum = run(0);
    let closed = Run { conditions: Conditions { pacing: Pacing::Closed, ..conditions() }, ..run(0) };
    assert_eq!(sum.merge(&closed), Err("one run followed a schedule and the other did not".to_owned()));
    assert_eq!(sum.merge(&run(3)), Err("the runs have different lists of addresses".to_owned()));
    let others = Conditions { urls: vec!["http://localhost/x".to_owned(); 3], ..conditions() };
    let others = Run { conditions: others, ..run(3) };
    assert_eq!(run(3).merge(&others), Err("the runs have different lists of addresses".to_owned()));
    assert_eq!(sum, run(0), "nothing was added");
}

#[test]
fn a_file_that_is_no_run_is_refused_in_words() {
    let text = run(0).write();
    let rows = [
        ("", "not a saved run: EOF while parsing a value at line 1 column 0"),
        ("{}", "not a saved run: --save writes one"),
        (&text.replace("\"version\":1", "\"version\":2"), "saved by a newer reactor-client"),
        (&text.replace("\"sent\":2007", "\"sent\":2006"), "its requests do not add up"),
        (&text.replace("\"sent\":2007", "\"sent\":-1"), "its 'sent' is no number"),
        (&text.replace("\"lag\"", "\"log\""), "its run has no 'lag'"),
        (&text.replace("\"reset\"", "\"bad luck\""), "its 'failures' is no list of failures"),
        (&text.replace("\"200\"", "\"2000\""), "its 'statuses' is no list of statuses"),
    ];
    for (text, error) in rows {
        assert_eq!(Run::read(text).map(|_| ()), Err(error.to_owned()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_file_that_was_cut_or_changed_never_panics(at in 0.0..1.0f64, byte in 32u8..127) {
        let text = run(0).write();
        let at = (text.len() as f64 * at) as usize;
        let _ = Run::read(&text[..at]).map(|run| run.summary());
        let mut changed = text.into_bytes();
        changed[at] = byte;
        let _ = String::from_utf8(changed).map(|text| Run::read(&text).map(|run| run.summary()));
    }
}
