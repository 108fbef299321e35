//! Node's `fetch`, which asks the way a browser does.
//!
//! One script does all that pages do with it, and says what it got; the log tells over how many connections.

use super::{compressible_text, connections, home, server_with_json_log, succeed, url};

/// Fetches over and over: more than a connection each would be a pool that nothing comes back to.
const REPEATS: usize = 8;

const SCRIPT: &str = r#"
const base = process.argv[1], repeats = Number(process.argv[2]);
const say = (...words) => console.log(words.join(" "));
if (typeof fetch === "undefined") { say("no fetch"); process.exit(0); }
const data = await (await fetch(base + "/data.json")).json();
say("json", data.numbers.reduce((sum, number) => sum + number), data.words[1]);
const answer = await fetch(base + "/prose.txt");
const prose = await answer.text();
say("prose", prose.length, answer.headers.get("content-encoding") !== null, /accept-encoding/i.test(answer.headers.get("vary")));
const part = await fetch(base + "/prose.txt", { headers: { Range: "bytes=5-9" } });
say("part", part.status, part.headers.get("content-range"), part.headers.get("content-encoding"));
say("part is", (await part.text()) === prose.slice(5, 10));
const etag = answer.headers.get("etag");
const same = await fetch(base + "/prose.txt", { headers: { "If-None-Match": etag }, cache: "no-store" });
say("same", same.status, (await same.text()).length, same.headers.get("etag") === etag);
for (let i = 0; i < repeats; i++) await (await fetch(base + "/data.json?" + i)).text();
const many = await Promise.all([1, 2, 3, 4].map(async () => (await fetch(base + "/prose.txt")).text()));
say("many", many.every(text => text === prose));
const none = await fetch(base + "/none");
say("none", none.status, (await none.text()).length > 0);
"#;

#[test]
fn node_fetch_reuses_connections_for_all_kinds() {
    let (home, text) = (home(), compressible_text());
    let data = br#"{"numbers": [1, 2, 39], "words": ["a", "caf\u00e9"]}"#;
    let server = server_with_json_log(&[("data.json", data), ("prose.txt", text.as_bytes())]);
    let arguments = ["--input-type=module", "--eval", SCRIPT, &url(&server, ""), &REPEATS.to_string()];
    let Some(said) = succeed("node", home.path(), &arguments) else { return };
    if said == "no fetch\n" {
        return super::skipped("a node that has fetch");
    }
    let expected = [
        "json 42 caf\u{e9}".to_owned(),
        format!("prose {} true true", text.len()),
        format!("part 206 bytes 5-9/{} ", text.len()),
        "part is true".to_owned(),
        "same 304 0 true".to_owned(),
        "many true".to_owned(),
        "none 404 true".to_owned(),
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    let log = server.stop().log;
    // Four at once, and one or two more where an answer's end is seen late.
    assert!(connections(&log) < REPEATS, "{} connections: {log}", connections(&log));
}
