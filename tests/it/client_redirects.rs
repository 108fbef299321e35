//! Redirects: what curl cannot tell, for it has no question, no resumable uploads and no batch that goes on.
//!
//! What it can tell is in `curl_oracle`.

use std::fs;

use crate::harness::{Scripted, Step, client_in};

fn redirect(status: &str, location: &str) -> Vec<Step> {
    vec![Step::send(format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))]
}

fn responds(status: &str) -> Vec<Step> {
    vec![Step::send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"))]
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), "one").expect("a file");
    fs::write(folder.path().join("b"), "two").expect("a file");
    folder
}

#[test]
fn upload_that_becomes_get_is_not_reported_as_stored() {
    let (server, folder) = (Scripted::each(vec![redirect("303 See Other", "/login")]), folder());
    let url = format!("http://127.0.0.1:{}/a", server.port());
    let outcome = client_in(folder.path(), &["-L", "-T", "a", &url]).expect(22);
    assert!(
        outcome.complaint().contains("not stored: the server redirects it with 303"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn resource_of_an_upload_is_asked_at_its_own_server_only() {
    let created = "HTTP/1.1 104 Upload Resumption Supported\r\nLocation: /up/1\r\n\
                   Upload-Draft-Interop-Version: 8\r\n\r\n";
    let lost = vec![Step::send(created), Step::Take(3), Step::Reset];
    let server = Scripted::each(vec![lost, redirect("303 See Other", "/login")]);
    let folder = folder();
    let url = format!("http://127.0.0.1:{}/a", server.port());
    let outcome = client_in(folder.path(), &["-L", "--resume", "-T", "a", &url]);
    assert!(outcome.code != Some(0), "a lost upload is no success: {}", outcome.stderr);
    let requests = server.requests_so_far();
    assert!(requests.len() == 2 && requests[1].starts_with("HEAD /up/1 "), "{requests:?}");
}

#[test]
fn redirected_upload_begins_a_resource_of_its_own() {
    let other = Scripted::each(vec![responds("201 Created")]);
    let place = format!("http://127.0.0.1:{}/b", other.port());
    let redirect = redirect("307 Temporary Redirect", &place);
    let created = "HTTP/1.1 104 Upload Resumption Supported\r\nLocation: /up/1\r\n\
                   Upload-Draft-Interop-Version: 8\r\n\r\n";
    let folder = folder();
    let before = Scripted::each(vec![redirect.clone()]);
    let url = format!("http://127.0.0.1:{}/a", before.port());
    client_in(folder.path(), &["-L", "--resume", "-T", "a", &url]).expect(0);
    assert!(other.request().starts_with("PUT /b "));
    // Once there is a resource, the redirect is an error.
    let after = Scripted::each(vec![[vec![Step::send(created)], redirect].concat()]);
    let url = format!("http://127.0.0.1:{}/a", after.port());
    client_in(folder.path(), &["-L", "--resume", "-T", "a", &url]).expect(22);
    assert!(other.requests_so_far().is_empty());
}

#[test]
fn redirect_that_fails_leaves_the_other_files() {
    let server = Scripted::each(vec![redirect("302 Found", "mailto:x"), responds("201 Created")]);
    let (url, folder) = (format!("http://127.0.0.1:{}/in/", server.port()), folder());
    let outcome = client_in(folder.path(), &["-L", "-T", "a", "-T", "b", &url]).expect(3);
    assert!(outcome.stderr.contains("sent 1 of 2 files"), "{}", outcome.stderr);
}

#[test]
fn next_file_begins_at_the_first_origin_with_its_login() {
    let other = Scripted::each(vec![responds("201 Created")]);
    let place = format!("http://127.0.0.1:{}/moved", other.port());
    let server = Scripted::each(vec![redirect("308 Permanent Redirect", &place), responds("201 Created")]);
    let (url, folder) = (format!("http://127.0.0.1:{}/in/", server.port()), folder());
    client_in(folder.path(), &["-L", "-u", "me:secret", "-T", "a", "-T", "b", &url]).expect(0);
    let [first, second] = [server.request(), server.request()];
    assert!(first.starts_with("PUT /in/a ") && second.starts_with("PUT /in/b "), "{first}\n{second}");
    assert!(first.contains("Authorization: ") && second.contains("Authorization: "), "{second}");
    let moved = other.request();
    assert!(moved.starts_with("PUT /moved ") && !moved.contains("Authorization"), "{moved}");
}

#[test]
fn delete_is_redirected_with_yes_alone() {
    let url = |server: &Scripted| format!("http://127.0.0.1:{}/a", server.port());
    let server = Scripted::each(vec![redirect("307 Temporary Redirect", "/b"), responds("204 No Content")]);
    client_in(folder().path(), &["-L", "-y", "DELETE", &url(&server)]).expect(0);
    assert!(server.request().starts_with("DELETE /a ") && server.request().starts_with("DELETE /b "));
}

#[test]
fn bytes_of_a_location_that_are_no_utf8_are_percent_encoded() {
    let location = [&b"HTTP/1.1 302 Found\r\nLocation: /caf\xe9\r\nContent-Length: 0\r\n\r\n"[..]].concat();
    let server = Scripted::each(vec![vec![Step::send(location)], responds("200 OK")]);
    let url = format!("http://127.0.0.1:{}/", server.port());
    client_in(folder().path(), &["-L", &url]).expect(0);
    server.request();
    assert!(server.request().starts_with("GET /caf%E9 "));
}
