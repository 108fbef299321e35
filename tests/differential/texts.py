"""Texts that changed: old and new.

The comparison puts the new text into the old output. Each old text must be seen in a run, or the run fails.
"""

import re

# Longer ones first: a text may be a part of another one.
TEXTS: list[tuple[str, str]] = [
    (
        "Names that begin with a dot are neither served nor stored.",
        "Names that begin with a dot are not stored on this server: --hidden sets that.",
    ),
    ("The request has more than 64 header fields.", "The request has more than 100 header fields."),
    ("The request target is longer than 8 KiB.", "The request line is longer than 8 KiB."),
    (
        "Closed loop: a connection asks again only when its answer has come. While the server stalls\nnothing is asked, so those who would have had to wait are not in these figures; a fixed rate\n(--rate) shows them.",
        "Closed loop: a connection sends its next request only after the response. During a stall no\nrequests are sent, so their waits are missing; use --rate.",
    ),
    (
        "A header field is malformed: it has to be a name, a colon right after it, and a value without control bytes, all on one line.",
        "A header field is malformed: it must be a name, a colon right after it, and a value without control bytes, all on one line.",
    ),
    (
        "it leads to a * that stands for nothing: one may be in the path, and the path that has moved must end in one",
        "the target has a * without a value: its path may have one, and then the first path must end in one",
    ),
    (
        "The request line is malformed: it has to be a method, a target and HTTP/1.1, with one space between them.",
        "The request line is malformed: it must be a method, a target and HTTP/1.1, with one space between them.",
    ),
    (
        "What is here is not what the request asks for in its If-Match, If-None-Match or If-Unmodified-Since.",
        "The condition in If-Match, If-None-Match or If-Unmodified-Since is false.",
    ),
    (
        "This server speaks HTTP/1.1, not HTTP/2: tell the client to use HTTP/1.1, as curl --http1.1 does.",
        "This server supports HTTP/1.1, not HTTP/2: use HTTP/1.1, as curl --http1.1 does.",
    ),
    (
        "'-c 1' alone is a single request: leave it out, or say how many with -n or how long with -z",
        "'-c 1' alone is a single request: leave it out, or set -n or -z",
    ),
    (
        "The request does not say how long the file is: send a Content-Length, 0 for an empty file.",
        "The request does not give the length of the file: send a Content-Length, 0 for an empty file.",
    ),
    (
        " cannot be a document; it must be a file beneath the directory that is served, not hidden",
        " cannot be a document; it must be a file beneath the served directory, not hidden",
    ),
    (
        "TLS was sent, but this port speaks plain HTTP, not TLS: use http:// instead of https://.",
        "This port accepts plain HTTP only, not TLS: use http:// instead of https://.",
    ),
    (
        "its first part is not a path that can be asked for; write it like /old, percent-encoded",
        "its first part is not a request path; write it like /old, percent-encoded",
    ),
    (
        "what is before the equals sign is not the extension of a file, such as foo or tar.gz",
        "the part before the equals sign is not a file extension, such as foo or tar.gz",
    ),
    (
        "The file is larger than what this server takes: --max-upload sets how much that is.",
        "The file is larger than this server accepts: --max-upload sets the limit.",
    ),
    (
        "The Host field is malformed: it has to be a host, or a host, a colon and a port.",
        "The Host field is malformed: it must be a host, or a host, a colon and a port.",
    ),
    (
        "The directory that the file would be in does not exist; it has to be made first.",
        "The directory of the file does not exist; create it first.",
    ),
    (
        "This server speaks HTTP/1.1 and HTTP/1.0 only: send the request in one of them.",
        "This server supports HTTP/1.1 and HTTP/1.0 only: send the request in one of them.",
    ),
    (
        "The Transfer-Encoding is malformed: chunked has to stand in it once, and last.",
        "The Transfer-Encoding is malformed: chunked must be in it once, and last.",
    ),
    (
        "do not show how one second differs from the next, so no time or rate is judged",
        "do not show how seconds differ, so no time or rate is judged",
    ),
    (
        "the Content-Length of the answer is not a number, or there are two that differ",
        "the Content-Length of the response is not a number, or it has two that differ",
    ),
    (
        "an interval log is of one run, and --find-rate makes many; json has its curve",
        "an interval log has one run, and --find-rate makes many; json has the curve",
    ),
    (
        "the server refused the connection: nobody listens there, or its queue is full",
        "the server refused the connection: no listener, or its queue is full",
    ),
    (
        "what is before the colon is not the name of a field, such as X-Frame-Options",
        "the part before the colon is not a field name, such as X-Frame-Options",
    ),
    (
        "-O would save the answer in the place of the file that is sent; use -o FILE",
        "-O would overwrite the sent file with the response; use -o FILE",
    ),
    ("The request target has to begin with", "The request target must begin with"),
    (", or be a whole http or https URL", ", or be a complete http or https URL"),
    (
        "the runs that were added did not run at the same time, but began within ",
        "the merged runs were not concurrent, but began within ",
    ),
    (
        "where it leads is not a path, such as /new, and not an http or https URL",
        "the target is not a path, such as /new, and not an http or https URL",
    ),
    (
        "The file has none of the bytes that the request asks for in its Range.",
        "The file has none of the bytes in the Range of the request.",
    ),
    (
        "The request target has a byte that does not belong there (white space,",
        "The request target has an invalid byte (white space,",
    ),
    (
        "Uploads are limited to another directory, the one that --upload names.",
        "Uploads are limited to the directory that --upload names.",
    ),
    (
        "the path ends with a slash, and what -T sends has no name to put there",
        "the path ends with a slash, and the file of -T has no name to append",
    ),
    (
        "what is behind the equals sign is not a media type, such as text/plain",
        "the part after the equals sign is not a media type, such as text/plain",
    ),
    (
        "it is no single run that could be kept; --format json has its figures",
        "a search is not a single run to save; --format json has its metrics",
    ),
    (
        "--fail-on is about a run before this one: name it with --compare RUN",
        "--fail-on needs an earlier run: name it with --compare RUN",
    ),
    (
        "The request target of CONNECT has to be a host, a colon and a port.",
        "The request target of CONNECT must be a host, a colon and a port.",
    ),
    (
        "This names a directory: the path has to end in the name of a file.",
        "The path names a directory: it must end in the name of a file.",
    ),
    (
        "and times also behind uncorrected., first-byte., connect. and lag.",
        "and times also after uncorrected., first-byte., connect. and lag.",
    ),
    (
        "What has this name is not a regular file, so it is not replaced.",
        "The path is not a regular file, so it is left as it is.",
    ),
    (
        "-q, --steps and --ramp each say the rate: leave out all but one",
        "-q, --steps and --ramp each set the rate: leave out all but one",
    ),
    (
        "The only Transfer-Encoding that is understood here is chunked.",
        "The only supported Transfer-Encoding is chunked.",
    ),
    (
        "its first path has a *, ? or # within; a * can only be its end",
        "its path has a *, ? or # within; a * can only be its last character",
    ),
    (
        "  answered 400 and up   failed        p50        p99  address",
        " completed 400 and up   failed        p50        p99  URL",
    ),
    (
        "a name is some text, not too long, without control characters",
        "a name is a short text without control characters",
    ),
    (
        "runs that were added: the report of each says by which figure",
        "merged runs: see the reason in the report of each",
    ),
    (
        "A chunk of the body is longer or shorter than its size says.",
        "A chunk of the body is longer or shorter than its size.",
    ),
    (
        "What is here can be fetched with GET and HEAD, not changed.",
        "This resource can be fetched with GET and HEAD, not changed.",
    ),
    (
        "a step is as long as its percentile needs; -z says how long",
        "the percentile sets the length of a step; -z overrides it",
    ),
    (
        "the server closed the connection in the middle of an answer",
        "the server closed the connection in the middle of a response",
    ),
    ("The only expectation that can be met here is 100-continue.", "The only supported expectation is 100-continue."),
    (
        "it is not a path and where it has moved, such as /old=/new",
        "it is not a path and its target, such as /old=/new",
    ),
    (
        "has no value; leave it out, or write one behind the colon",
        "has no value; leave it out, or write one after the colon",
    ),
    (
        "no request was answered; the report tells how they failed",
        "no request got a response; see failures in the report",
    ),
    (
        "the answer is in a version of HTTP other than 1.1 and 1.0",
        "the response has an HTTP version other than 1.1 and 1.0",
    ),
    (
        "--steps and --ramp say how long the run is: leave -z out",
        "--steps and --ramp set the length of the run: leave -z out",
    ),
    ("INVALID: client-bound; the report tells by which figure", "INVALID: client-bound; see the reason in the report"),
    ("a file beneath the directory that is served, not hidden", "a file beneath the served directory, not hidden"),
    ("the number exchange has ended: its listeners are closed", "the number exchange ended: its listeners are closed"),
    (
        "two files are needed: the run before, and the one after",
        "two files are needed: the earlier run and the later run",
    ),
    ("TLS was sent, but this port speaks plain HTTP, not TLS", "This port accepts plain HTTP only, not TLS"),
    ("a line in the head of the answer ends in LF without CR", "a line in the response head ends in LF without CR"),
    ("the chunks of a body are not framed as HTTP/1.1 has it", "the chunked body is malformed"),
    ("The page is a directory: its address ends in a slash.", "The page is a folder: its address ends in a slash."),
    ("run was client-bound, so its figures are the client's", "run was client-bound, so it measured the client"),
    (" is an address with a port; leave the port to --port", " is an address with a port; give the port with --port"),
    ("(at most 2.90 ms does not change the latencies much)", "(the limit is 2.90 ms)"),
    ("; the settings that are shown are those of the first", "; the report shows the settings of the first"),
    ("so short a run does not show how busy the client was", "the run is too short to show how busy the client was"),
    ("leads back to where it begins; take one of them out", "is part of a loop; leave one of its rules out"),
    ("two files are needed, or more: the runs to be added", "two or more files are needed: the runs to merge"),
    ("the connection ended within the head of the answer", "the connection ended within the response head"),
    ("the server closed the connection without an answer", "the server closed the connection without a response"),
    ("the settings that are shown are those of the first", "the report shows the settings of the first"),
    ("the runs differ in what was asked of the server: ", "the runs differ in the rate that was due: "),
    ("the server says it where it is true; leave it out", "the server sends it where it applies; leave it out"),
    ("-o and -O both say where to save: leave one out", "-o and -O both name the output file: leave one out"),
    ("The path has a % that no two hex digits follow.", "The path has a % without two hex digits after it."),
    ("what came is not the head of an HTTP/1.1 answer", "the response head is invalid"),
    ("-T and -d both say what to send: leave one out", "-T and -d both give a body: leave one out"),
    ("and --urls both say whom to ask: leave one out", "and --urls both name a target: leave one out"),
    ("the answer is not HTTP: it does not begin with", "the response is not HTTP: it does not begin with"),
    ("the rate is what is searched for: leave it out", "the rate is the result of the search: leave it out"),
    (" a number such as 8080 is wanted, not a table", " expected a number such as 8080, found a table"),
    ("no number was given: standard input has ended", "no number was given: standard input ended"),
    ("what came is not the head of an HTTP/N answer", "the response head is invalid"),
    ("; the rate is what they come to side by side", "; the rate adds them as if they were"),
    ("it chooses the rates itself; -q is the first", "a search sets its rates; -q is the first"),
    ("more often than every 250ms there is no news", "progress does not change more often than every 250ms"),
    ("the answer was not whole within the time-out", "the response was not complete within the time-out"),
    ("the head of the answer is longer than 16 KiB", "the response head is longer than 16 KiB"),
    ("The path leads out of the served directory.", "The path leaves the served directory."),
    ("name an address of this machine with --bind", "name an address of this host with --bind"),
    ("' goes with --sum-port, which is not given", "' needs --sum-port, which is not given"),
    ("it is no single run that could be compared", "a search is not a single run to compare"),
    ("a header field of the answer is malformed", "a header field of the response is malformed"),
    ("the answer has more than 64 header fields", "the response has more than 64 header fields"),
    ("how a file is sent follows from the file", "the file determines this field"),
    ("so their latencies mean different things", "so their latencies are not comparable"),
    (" answered N and up failed pN pN address", " completed N and up failed pN pN URL"),
    (" answered with a status of 400 or above", " with a status of 400 or above"),
    ("there is none, for there are no answers", "none, because there are no responses"),
    ("this machine does not have that address", "this host does not have this address"),
    (" true or false is wanted, not a number", " expected true or false, found a number"),
    ("This server does not know that method.", "This server does not support this method."),
    ("needs the name of a file behind its @", "needs the name of a file after its @"),
    ("the body of the answer is not valid: ", "the body of the response is invalid: "),
    (" does not change the latencies much)", ")"),
    ("the server's answer makes no sense: ", "the server's response is invalid: "),
    (" goes with the method OPTIONS only.", " is valid with the method OPTIONS only."),
    ("the runs that were added differ in ", "the merged runs differ in "),
    ("The server may not read this file.", "The server has no permission to read this file."),
    ("a clause is a figure, < or >, and ", "a clause is a metric, < or >, and "),
    ("a closed loop tells where to begin", "estimating the first rate with a closed loop"),
    ("This directory has no index page.", "This folder has no index page."),
    ("a comparison is text, json or csv", "the format of a comparison is text, json or csv"),
    ("the runs asked different things: ", "the runs have different targets: "),
    ("a request body that nobody wants", "an unwanted request body"),
    ("not stored: the server answered ", "not stored: the server responded with "),
    ("the server answered with status ", "the server responded with status "),
    (" connections did not come about", " connections failed"),
    ("it is empty; ** is every file", "it is empty; ** matches every file"),
    ("; for the sign itself, write", "; for the character itself, write"),
    ("with no path behind it, or *", "with no path after it, or *"),
    ("--out FILE keeps the report", "--out FILE saves the report"),
    ("no number that can be added", "no valid number"),
    ("two methods are asked for, ", "two methods are given, "),
    (" answered with a status of", " with a status of"),
    ("--slo is what it judges by", "--slo has its conditions"),
    ("requests on each at a time", "requests in flight per connection"),
    ("no request was answered: ", "no request got a response: "),
    ("answers are counted, not", "responses are counted, not"),
    ("cannot take uploads in ", "cannot store uploads in "),
    ("--assert judges a run", "--assert checks a run"),
    ("there is no figure '", "there is no metric '"),
    ("finished as agreed", "finished"),
    ("the peer closed it", "the peer closed the connection"),
    ("no answer within ", "no response within "),
    ("this is no TOML: ", "invalid TOML: "),
    (" is wanted, not ", ", found "),
    ("client gave out", "client's limit"),
    ("this is no TOML", "invalid TOML"),
    ("too few answers", "too few responses"),
    ("too short a run", "run too short"),
    (" does not do: ", " is invalid: "),
    (" is no option", " is not an option"),
    (" sets nothing", " is not a setting"),
    (" µs an answer", " µs a response"),
    ("what -d names", "the data of -d"),
    (" answered + ", " completed + "),
    ("/s (answers)", "/s (responses)"),
    (" make sense", " are allowed"),
    ("N an answer", "N a response"),
    ("cannot add ", "cannot merge "),
    (" (answers)", " (responses)"),
    (" an answer", " a response"),
    ("no answers", "no responses"),
    ("  address", "  URL"),
    (" answered", " responses"),
    ("(at most ", "(the limit is "),
    (" answers", " responses"),
    ("why not", "reason"),
]

# The length of the body of a response to which the server gives a text of its own, in the response and in logs.
_LENGTHS = [
    (r"(HTTP/1\.1 (?:301|[45]\d\d) [^\n]*\n(?:[^\n]+\n)*?Content-Length: )\d+", r"\1LENGTH"),
    (r'" (301|[45]\d\d) \d+', r'" \1 LENGTH'),
    (r'("status":(?:301|[45]\d\d),.*?"body_bytes":)\d+', r"\1LENGTH"),
    (r'\["Content-Length","\d+"\]', '["Content-Length","LENGTH"]'),
    (r"(: (?:301|[45]\d\d), )\d+ bytes", r"\1LENGTH bytes"),
    (r"(?m)^< Content-Length: \d+", "< Content-Length: LENGTH"),
]


def _without_lengths(text: str) -> str:
    for pattern, replacement in _LENGTHS:
        text = re.sub(pattern, replacement, text)
    return text


def differ(before: str, after: str) -> bool:
    """Whether an old and a new output differ in more than changed texts and the lengths of these."""
    if before == after:
        return False
    for old, new in TEXTS:
        before = before.replace(old, new)
    return _without_lengths(before) != _without_lengths(after)


def unseen(outputs: list[str]) -> list[str]:
    """The old texts that no old output has."""
    whole = "\0".join(outputs)
    return [old for old, _ in TEXTS if old not in whole]
