//! Tests of templates: placeholders, escapes, errors, and the framing of rendered requests.
//!
//! Random texts must never panic.

use proptest::prelude::*;

use crate::client::config::{FieldEdit, NamedEdit};
use crate::client::target::ClientTarget;

use super::*;

fn rendered(text: &str, seq: u64) -> String {
    let template = Template::parse(text.as_bytes()).expect("a template");
    let mut out = Vec::new();
    template.render(&mut out, seq, &mut fastrand::Rng::with_seed(1));
    String::from_utf8(out).expect("text")
}

#[test]
fn template_replaces_placeholders_keeps_other_braces() {
    for (text, wanted) in [
        ("", ""),
        ("abc", "abc"),
        ("{SEQ}", "41"),
        ("a{SEQ}b{SEQ}", "a41b41"),
        ("{RAND:7:7}", "7"),
        ("{RAND:18446744073709551615:18446744073709551615}", "18446744073709551615"),
        ("{\"id\": {SEQ}, \"of\": {\"n\": {RAND:5:5}}}", "{\"id\": 41, \"of\": {\"n\": 5}}"),
        ("{{SEQ}", "{SEQ}"),
        ("{{{SEQ}", "{{SEQ}"),
        ("{{RAND:1:2}", "{RAND:1:2}"),
        ("{{name}}", "{{name}}"),
        ("{id} {} {a1} {A-B} }{ {", "{id} {} {a1} {A-B} }{ {"),
        ("{12345678-9ABC}", "{12345678-9ABC}"),
    ] {
        assert_eq!(rendered(text, 41), wanted, "{text}");
    }
}

#[test]
fn invalid_placeholder_error_names_remedy() {
    let remedy = "there are {SEQ} and {RAND:1:100}; for the text itself, write {{";
    let numbers = "is written with two whole numbers, such as {RAND:1:100}";
    for (text, wanted) in [
        ("{FOO}", format!("'{{FOO}}' is not a placeholder: {remedy}")),
        ("{USER:1}", format!("'{{USER:1}}' is not a placeholder: {remedy}")),
        ("{SEQ:1}", format!("'{{SEQ:1}}' is not a placeholder: names are in capital letters, and {remedy}")),
        ("{seq}", format!("'{{seq}}' is not a placeholder: names are in capital letters, and {remedy}")),
        (
            "{Rand:1:2}",
            format!("'{{Rand:1:2}}' is not a placeholder: names are in capital letters, and {remedy}"),
        ),
        ("{RAND}", format!("'{{RAND}}' {numbers}")),
        ("{RAND:1}", format!("'{{RAND:1}}' {numbers}")),
        ("{RAND:a:b}", format!("'{{RAND:a:b}}' {numbers}")),
        ("{RAND:-1:2}", format!("'{{RAND:-1:2}}' {numbers}")),
        ("{RAND:1:99999999999999999999}", format!("'{{RAND:1:99999999999999999999}}' {numbers}")),
        ("{RAND:2:1}", "'{RAND:2:1}' ends before it begins; write the smaller number first".to_owned()),
        ("x{RAND:1", format!("the placeholder '{{RAND' is not closed; {remedy}")),
        ("{SEQ", format!("the placeholder '{{SEQ' is not closed; {remedy}")),
    ] {
        assert_eq!(Template::parse(text.as_bytes()).unwrap_err(), wanted, "{text}");
    }
}

#[test]
fn path_braces_outside_placeholders_are_percent_encoded() {
    for (path, wanted) in [
        ("/a", "/a"),
        ("/{SEQ}/{RAND:1:2}", "/{SEQ}/{RAND:1:2}"),
        ("/{id}", "/%7Bid%7D"),
        ("/{{SEQ}", "/%7BSEQ%7D"),
        ("/é{SEQ}}{", "/é{SEQ}%7D%7B"),
    ] {
        let template = Template::parse(path.as_bytes()).expect("placeholders");
        assert_eq!(template.to_target(), wanted, "{path}");
    }
}

fn target(path: &str) -> ClientTarget {
    ClientTarget { host: "h".to_owned(), port: 81, is_tls: false, path: path.to_owned() }
}

fn parts<'a>(fields: &'a [NamedEdit], body: Option<&'a Template>) -> RequestParts<'a> {
    RequestParts { method: "POST", fields, body, keep_alive: true }
}

fn request(targets: &[ClientTarget], parts: &RequestParts<'_>, url: u32, seq: u64) -> String {
    let mut out = b"before|".to_vec();
    let template = RequestTemplate::new(targets, parts).expect("requests");
    template.render(&mut out, url, seq, &mut fastrand::Rng::with_seed(3));
    String::from_utf8(out).expect("text")
}

#[test]
fn rendered_request_has_default_and_edited_fields() {
    let fields =
        [("accept".to_owned(), FieldEdit::Remove), ("X-Id".to_owned(), FieldEdit::Set("n{SEQ}".to_owned()))];
    let targets = [target("/a"), target("/b/{SEQ}")];
    let agent = crate::client::request::USER_AGENT;
    assert_eq!(
        request(&targets, &parts(&fields, None), 1, 9),
        format!("before|POST /b/9 HTTP/1.1\r\nHost: h:81\r\nUser-Agent: {agent}\r\nX-Id: n9\r\n\r\n")
    );
    let closing = RequestParts { keep_alive: false, ..parts(&[], None) };
    assert!(request(&targets, &closing, 0, 0).ends_with("\r\nAccept: */*\r\nConnection: close\r\n\r\n"));
}

#[test]
fn content_length_matches_rendered_body() {
    for (body, seq, wanted) in [
        ("hello", 0, "Content-Length: 5\r\n\r\nhello"),
        ("", 0, "Content-Length: 0\r\n\r\n"),
        ("{SEQ}", 7, "Content-Length: 1\r\n\r\n7"),
        ("{SEQ}", 1_234_567_890, "Content-Length: 10\r\n\r\n1234567890"),
        ("aaaaaaaaaaaaaaaaaaaa{SEQ}", 1_000, "Content-Length: 24\r\n\r\naaaaaaaaaaaaaaaaaaaa1000"),
    ] {
        let template = Template::parse(body.as_bytes()).expect("a body");
        let request = request(&[target("/")], &parts(&[], Some(&template)), 0, seq);
        assert!(request.ends_with(&format!("\r\n{wanted}")), "{body}: {request}");
    }
}

#[test]
fn placeholder_error_names_field_or_path() {
    let fields = [("X-Id".to_owned(), FieldEdit::Set("{ID}".to_owned()))];
    let in_field = RequestTemplate::new(&[target("/")], &parts(&fields, None)).unwrap_err();
    assert!(in_field.starts_with("option '--header' with 'X-Id': '{ID}' is not a placeholder"), "{in_field}");
    let in_path = RequestTemplate::new(&[target("/{SEQ")], &parts(&[], None)).unwrap_err();
    assert!(in_path.starts_with("'/{SEQ': the placeholder"), "{in_path}");
}

proptest! {
    #[test]
    fn template_without_braces_is_copied(text in "[^{]{0,200}", seq: u64) {
        prop_assert_eq!(rendered(&text, seq), text);
    }

    #[test]
    fn parse_and_render_any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(template) = Template::parse(&bytes) {
            template.render(&mut Vec::new(), 1, &mut fastrand::Rng::with_seed(1));
        }
    }

    #[test]
    fn near_placeholders_parse_same_after_brace_encoding(text in "[{}SEQRANDseqd:019 é]{0,40}") {
        if let Ok(template) = Template::parse(text.as_bytes()) {
            let encoded = template.to_target();
            let again = Template::parse(encoded.as_bytes()).expect("placeholders");
            prop_assert_eq!(again.to_target(), encoded);
        }
    }

    #[test]
    fn rand_placeholder_stays_in_range(a: u64, b: u64, seed: u64) {
        let (first, last) = (a.min(b), a.max(b));
        let template = Template::parse(format!("{{RAND:{first}:{last}}}").as_bytes()).expect("a template");
        let mut out = Vec::new();
        template.render(&mut out, 0, &mut fastrand::Rng::with_seed(seed));
        let drawn: u64 = String::from_utf8(out).expect("digits").parse().expect("a number");
        prop_assert!((first..=last).contains(&drawn));
    }

    #[test]
    fn random_body_has_matching_content_length(text in "[ab{]{0,5}", last: u64, seq: u64, seed: u64) {
        let body = Template::parse(format!("{text}{{SEQ}}{{RAND:0:{last}}}").as_bytes());
        prop_assume!(body.is_ok());
        let body = body.expect("it is");
        let template = RequestTemplate::new(&[target("/")], &parts(&[], Some(&body))).expect("requests");
        let mut out = Vec::new();
        template.render(&mut out, 0, seq, &mut fastrand::Rng::with_seed(seed));
        let request = String::from_utf8(out).expect("text");
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        let wanted = format!("\r\nContent-Length: {}", body.len());
        prop_assert!(head.ends_with(&wanted));
    }
}
