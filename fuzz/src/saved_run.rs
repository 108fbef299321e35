//! Saved run: what is read is written so that it is read the same.

use reactor_http::load::saved::SavedRun;

pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(run) = SavedRun::read(text) else { return };
    let _ = run.summary();
    let written = run.to_json();
    let again = SavedRun::read(&written).expect("a run that this program wrote");
    assert_eq!(written, again.to_json());
    let mut merged = run.clone();
    if merged.merge(&again).is_ok() {
        assert!(SavedRun::read(&merged.to_json()).is_ok(), "a merged run can be read");
    }
}
