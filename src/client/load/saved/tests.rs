//! What is saved is read back whole; runs add up by their histograms; other files are refused in words.
//!
//! Files are texts in memory: cut, changed and foreign ones are among them.

use proptest::prelude::*;

use super::super::summary::tests::{conditions, stalling_metrics};
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
fn runs_that_do_not_add_up_say_why() {
    let mut sum = run(0);
    let closed = Run { conditions: Conditions { pacing: Pacing::Closed, ..conditions() }, ..run(0) };
    assert_eq!(sum.merge(&closed), Err("one run followed a schedule and the other did not".to_owned()));
    assert_eq!(sum.merge(&run(3)), Err("the runs asked different addresses".to_owned()));
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
