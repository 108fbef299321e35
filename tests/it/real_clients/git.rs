//! git over dumb HTTP: a bare repository is a folder of files, and cloning is fetching some of them.
//!
//! The repository is made by the test; nothing of it has a hidden name, which would not be served.

use std::fs;
use std::path::Path;

use super::{home, logged_requests, server_with_json_log, succeed, url};

/// git without the machine's settings; the names and dates of commits are always the same.
#[track_caller]
fn git(home: &Path, arguments: &[&str]) -> Option<String> {
    let environment = [
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_AUTHOR_NAME=A",
        "GIT_AUTHOR_EMAIL=a@localhost",
        "GIT_COMMITTER_NAME=A",
        "GIT_COMMITTER_EMAIL=a@localhost",
    ];
    // Through env, so that every client is run by the same function.
    super::run("git", home, &["--version"])?;
    succeed("env", home, &[&environment[..], &["git", "-c", "init.defaultBranch=main"], arguments].concat())
}

/// A bare repository with some history below `root`, as files that a server without git can serve.
fn publish(home: &Path, root: &Path) -> Option<String> {
    git(home, &["init", "--quiet", "--template=", "work"])?;
    for round in 0..3 {
        fs::create_dir_all(home.join("work/sub")).expect("a folder");
        fs::write(home.join("work/a.txt"), format!("round {round}\n")).expect("a file");
        fs::write(home.join(format!("work/sub/{round}.txt")), "x\n".repeat(1000 * round)).expect("a file");
        git(home, &["-C", "work", "add", "."])?;
        git(home, &["-C", "work", "commit", "--quiet", "-m", &format!("round {round}")])?;
    }
    git(home, &["-C", "work", "tag", "-a", "-m", "the first", "v1", "HEAD~2"])?;
    let bare = root.join("project.git");
    let bare = bare.to_string_lossy();
    git(home, &["clone", "--quiet", "--bare", "--template=", "work", &bare])?;
    git(home, &["-C", &bare, "update-server-info"])?;
    git(home, &["-C", "work", "rev-parse", "HEAD"])
}

#[test]
fn git_clones_from_loose_objects_and_packs() {
    let home = home();
    let server = server_with_json_log(&[]);
    let Some(head) = publish(home.path(), &server.root()) else { return };
    let from = url(&server, "/project.git");
    let clone = |name: &str| {
        git(home.path(), &["clone", "--quiet", &from, name]).expect("git is there");
        assert_eq!(git(home.path(), &["-C", name, "rev-parse", "HEAD"]).expect("git is there"), head);
        git(home.path(), &["-C", name, "fsck", "--strict"]).expect("git is there");
        let copy = fs::read_to_string(home.path().join(name).join("sub/2.txt")).expect("a file");
        assert_eq!(copy, "x\n".repeat(2000));
    };
    clone("from-loose");
    let bare = server.root().join("project.git");
    let bare = bare.to_string_lossy();
    git(home.path(), &["-C", &bare, "repack", "-a", "-d", "--quiet"]).expect("git is there");
    git(home.path(), &["-C", &bare, "update-server-info"]).expect("git is there");
    clone("from-packs");
    let log = server.stop().log;
    let asked = logged_requests(&log);
    assert!(
        asked.iter().any(|line| line.starts_with("GET /project.git/info/refs?service=git-upload-pack 200"))
    );
    assert!(asked.iter().any(|line| line.ends_with(".pack 200")), "{asked:?}");
}
