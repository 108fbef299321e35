//! Known vulnerabilities of dependencies: the locked versions have the fixes.
//!
//! The database needs the network and changes from day to day, so a snapshot of it is in `tests/advisories.txt`.

use std::fs;

/// Numbers of a version, without what follows them.
fn version(text: &str) -> Vec<u64> {
    let numbers = text.split(['.', '-', '+']).map_while(|number| number.parse().ok());
    numbers.collect()
}

/// Names and versions in Cargo.lock.
fn locked() -> Vec<(String, String)> {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).expect("the versions");
    let value =
        |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches(['"', ' ', '=']).to_owned());
    let lines: Vec<&str> = lock.lines().collect();
    let pair = |pair: &[&str]| Some((value(pair[0], "name =")?, value(pair[1], "version =")?));
    lines.windows(2).filter_map(pair).collect()
}

#[test]
fn locked_versions_have_the_fixes_of_known_advisories() {
    let locked = locked();
    assert!(locked.len() > 100, "{} packages", locked.len());
    let mut rows = 0;
    for row in include_str!("../advisories.txt").lines().filter(|line| !line.starts_with('#')) {
        let [name, advisory, fixed] = row.split(' ').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let versions: Vec<_> = locked.iter().filter(|(locked, _)| locked == name).collect();
        assert!(!versions.is_empty(), "{name} is no dependency: remove {advisory}");
        for (_, locked) in versions {
            assert!(version(locked) >= version(fixed), "{name} {locked}: {advisory} is mended in {fixed}");
        }
        rows += 1;
    }
    assert_eq!(rows, 36);
}
