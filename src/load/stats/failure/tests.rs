//! Names, explanations and counts of failures.
//!
//! Each failure has its own name and explanation. A name parses back. Counts add up by kind.

use std::collections::BTreeSet;

use super::*;

/// All failures in report order.
pub(crate) const ALL: [LoadFailure; 19] = [
    LoadFailure::Refused,
    LoadFailure::ConnectTimedOut,
    LoadFailure::ConnectFailed,
    LoadFailure::HandshakeFailed,
    LoadFailure::CertificateRefused,
    LoadFailure::TimedOut,
    LoadFailure::Reset,
    LoadFailure::ClosedEarly,
    LoadFailure::Truncated,
    LoadFailure::BadHead,
    LoadFailure::HeadTooLong,
    LoadFailure::TooManyInterims,
    LoadFailure::Undecodable,
    LoadFailure::BadChunk,
    LoadFailure::ChunkTooLong,
    LoadFailure::TooLong,
    LoadFailure::NoDescriptor,
    LoadFailure::NoPort,
    LoadFailure::SendFailed,
];

#[test]
fn failure_names_and_descriptions_are_unique_and_roundtrip() {
    for (index, failure) in ALL.into_iter().enumerate() {
        assert_eq!(failure as usize, index);
        assert_eq!(serde_json::to_value(failure).expect("a name"), failure.to_string());
        let read: LoadFailure = serde_json::from_value(failure.to_string().into()).expect("a failure");
        assert_eq!(read, failure);
    }
    assert_eq!(LoadFailure::SendFailed as usize + 1, ALL.len());
    let words: BTreeSet<_> = ALL.map(LoadFailure::describe).into();
    assert_eq!(words.len(), ALL.len());
    assert!(serde_json::from_str::<LoadFailure>("\"bad luck\"").is_err());
}

#[test]
fn failure_counts_add_and_merge_sums_by_kind() {
    let mut counts = FailureCounts::default();
    counts.add(LoadFailure::SendFailed, 2);
    counts.add(LoadFailure::Refused, 1);
    let mut both = counts.clone();
    both.merge(&counts);
    assert_eq!(both.seen().collect::<Vec<_>>(), [(LoadFailure::Refused, 2), (LoadFailure::SendFailed, 4)]);
    assert_eq!((both.total(), both.of(LoadFailure::Reset)), (6, 0));
}
